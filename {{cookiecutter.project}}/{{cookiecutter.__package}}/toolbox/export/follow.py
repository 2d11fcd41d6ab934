"""Go on exporting while experiments run: new ones as they finish, and the steps of those that are running."""

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..git import git
from .results import read_steps
from .runs import EXECUTORS, Run, read_executors
from .writer import Writer

POLL_SECONDS = 2
RECHECK_SECONDS = 20  # an experiment that is killed changes no file


def follow(writer: Writer, export: Callable[[], dict[str, Any]], live: list[Run]) -> None:
    """Export until Ctrl-C.

    It reads: small files of DVC and Git every few seconds, and all experiments only after one of those changed. It takes
    no lock of DVC, and no stage waits for it.

    Args:
        writer: of the tool.
        export: exports all once, and returns the counts of changes; `live` are the runs that are running.
        live: the runs that are running now.
    """
    print("following; Ctrl-C ends it", flush=True)
    seen, checked = read_state(), time.monotonic()
    while True:
        for run in live:
            if steps := read_live_steps(run):
                writer.write_steps(run, steps)
        time.sleep(POLL_SECONDS)
        state = read_state()
        if state != seen or (live and time.monotonic() > checked + RECHECK_SECONDS):
            seen, checked = state, time.monotonic()
            with contextlib.redirect_stderr(io.StringIO()):  # its notes were printed at the start
                summary = export()
            live = summary["live"]
            if summary["added"] or summary["updated"] or summary["removed"]:
                print(
                    f"{summary['added']} added, {summary['updated']} updated, {summary['removed']} removed", flush=True
                )


def read_state() -> tuple[Any, ...]:
    """What changes when an experiment starts, ends, is renamed or removed, or a commit or tag is made."""
    notes = sorted((file.as_posix(), file.stat().st_mtime) for file in EXECUTORS.glob("*/*.run") if file.exists())
    return git("for-each-ref", "--format=%(refname) %(objectname)"), git("rev-parse", "HEAD"), notes


def read_live_steps(run: Run) -> dict[str, list[tuple[int, float]]]:
    """The steps that dvclive has written so far in the folder of a running experiment."""
    own = [executor for executor in read_executors() if run.identity == f"live:{executor.baseline}:{executor.name}"]
    if not own:
        return {}
    newest = max(own, key=lambda executor: executor.written)
    return read_steps(read_tables(newest.folder, since=newest.written))


def read_tables(folder: Path, since: float) -> dict[str, bytes]:
    """The tables of steps in a folder; older ones are of the run before, whose files DVC put there."""
    tables = {}
    for file in folder.glob("results/*/plots/metrics/**/*.tsv"):
        with contextlib.suppress(OSError):  # a stage replaces it at this moment
            if file.stat().st_mtime > since:
                tables[file.relative_to(folder).as_posix()] = file.read_bytes()
    return tables
