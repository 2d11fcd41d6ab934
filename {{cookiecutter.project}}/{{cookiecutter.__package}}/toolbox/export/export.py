"""export: show experiments and commits in MLflow or Weights & Biases, as runs that are written once."""

import hashlib
import json
import os
import platform
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import zc.lockfile

from ...core.config import read_params
from ...core.errors import UserError
from .. import experiments
from ..experiments import Experiments
from ..git import git
from .follow import follow
from .history import History
from .models import choose_models, export_models, read_versions
from .plan import Plan, build_plan
from .results import read_results
from .runs import build_runs, read_existing
from .writer import Known, RegisteredVersion, Writer

PACKAGE = __package__.partition(".")[0]
LOCK = Path(".dvc/tmp/export.lock")
PROGRESS_SECONDS = 2


def run(arguments: Namespace) -> None:
    """Export the experiments. Raises UserError if the tool cannot be reached, or another export is running."""
    read_params()  # an error names the folder to run this in
    with single_export():
        writer = open_writer(arguments)
        try:
            with writer.one_line_errors():
                summary = export_once(writer, arguments)
                print_summary(summary, writer, arguments)
                if arguments.follow and not arguments.dry_run:
                    follow(writer, lambda: export_once(writer, arguments), summary["live"])
        finally:
            writer.close()


def open_writer(arguments: Namespace) -> Writer:
    """The writer of the tool that the command names. Its package is imported only here."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when MLflow is imported
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    module = import_module(f".{arguments.tool}_writer", __package__)
    return module.open_writer(arguments, PACKAGE, clone_id())


def clone_id() -> str:
    """A name for this clone of the project, without its path."""
    place = f"{platform.node()}:{git('rev-parse', '--show-toplevel')}:{git('rev-parse', '--show-prefix')}"
    return hashlib.md5(place.encode(), usedforsecurity=False).hexdigest()[:12]


@contextmanager
def single_export() -> Iterator[None]:
    """Raise UserError if another export of this project is running: both would add the same runs."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(str(LOCK))
    except zc.lockfile.LockError as error:
        raise UserError("export: another export of this project is running; wait for its end") from error
    try:
        yield
    finally:
        lock.close()


def export_once(writer: Writer, arguments: Namespace) -> dict[str, Any]:
    """Bring the tool up to date; return the counts of changes by name."""
    versions = read_versions()
    table, everything = load_tables(arguments, versions)
    known = writer.known()
    with History() as history:
        runs = build_runs(table, history)
        existing = read_existing() | {*everything.rows.rev}
        plan = build_plan(runs, known, existing, clone_id(), arguments.prune)
        models = choose_models(runs, everything, versions, arguments.models)
        summary = {
            "added": len(plan.write),
            "updated": len(plan.update),
            "removed": len(plan.remove),
            "same": plan.same,
        }
        if arguments.dry_run:
            missing = [f"model   {run.name}" for run in models if not writer.has_model(run)]
            return summary | {"lines": [*plan.lines(known, arguments.prune), *missing]}
        lacking = execute(plan, writer, history, known, arguments.prune)
        written = export_models(models, writer, history)
        changes = [] if arguments.models == "none" else writer.write_registry(versions, arguments.prune)
        live = [run for run in runs if run.state == "running"]
        print_stale(table)
        return summary | {"models": written, "registry": changes, "lacking": lacking, "live": live}


def print_stale(table: Experiments) -> None:
    """Print how many rows are left out because their results do not belong to their data and params."""
    if stale := int(((table.rows.kind != "workspace") & (table.rows.state == "stale")).sum()):
        print(f"note: {stale} left out: their results do not belong to their data and params", file=sys.stderr)


def load_tables(arguments: Namespace, versions: list[RegisteredVersion]) -> tuple[Experiments, Experiments]:
    """The rows to export, with the rows of registered versions; and all rows that were read."""
    everything = experiments.load(arguments.all)
    chosen = everything.where(arguments.where) if arguments.where else everything
    wanted = {*chosen.rows.rev}
    if arguments.models != "none":
        wanted |= {version.commit for version in versions}
    if not wanted <= {*everything.rows.rev}:  # an older commit is registered
        everything = experiments.load(every_commit=True)
    return everything._replace(rows=everything.rows[everything.rows.rev.isin(wanted)]), everything


def execute(plan: Plan, writer: Writer, history: History, known: dict[str, Known], prune: bool) -> int:
    """Carry out a plan, with progress on stderr; return how many runs lack files that are not on this machine.

    Raises UserError with what to run if the tool fails on the way.
    """
    progress = Progress(plan.size)
    lacking = 0
    try:
        with writer.one_line_errors():
            for identity, run in plan.adopt.items():
                writer.adopt(identity, run)
            for run in plan.write:
                results = read_results(history, run)
                writer.write(run, results)
                lacking += bool(results.missing)
                progress.step()
            for run in plan.complete:
                results = read_results(history, run)
                if len(results.missing) < known[run.identity].missing:
                    writer.write(run, results)
                lacking += bool(results.missing)
                progress.step()
            change_rest(plan, writer, progress, prune)
    except UserError as error:
        raise UserError(
            f"{error}; {progress.done} of {progress.total} changes are exported and stay; run the same command again"
        ) from error
    return lacking


def change_rest(plan: Plan, writer: Writer, progress: "Progress", prune: bool) -> None:
    """Update, end, and mark or delete runs that need no files."""
    for run in plan.update:
        writer.update(run)
        progress.step()
    for identity in plan.end:
        writer.end_live(identity)
        progress.step()
    for identity in plan.remove:
        if prune:
            writer.delete(identity)
        else:
            writer.mark_removed(identity)
        progress.step()


class Progress:
    """Prints how far it is to stderr, every few seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self._last = time.monotonic()

    def step(self) -> None:
        """Count one thing that is done."""
        self.done += 1
        if time.monotonic() > self._last + PROGRESS_SECONDS:
            self._last = time.monotonic()
            print(f"{self.done} of {self.total}", file=sys.stderr)


def print_summary(summary: dict[str, Any], writer: Writer, arguments: Namespace) -> None:
    """Print the changes, made or planned, and the command to run next."""
    if arguments.json:
        print(json.dumps({**summary, "live": len(summary.get("live", []))}, indent=2, ensure_ascii=False))
        return
    for line in [*summary.get("lines", []), *summary.get("registry", [])]:
        print(line)
    removed = "deleted" if arguments.prune else "marked as removed"
    counts = f"{summary['added']} added, {summary['updated']} updated, {summary['removed']} {removed}"
    prefix = "would be: " if arguments.dry_run else ""
    print(f"{writer.address}: {prefix}{counts}, {summary['same']} as they were")
    if arguments.dry_run:
        return
    if summary["models"]:
        print(f"models: {summary['models']}")
    if summary["lacking"]:
        print(
            f"note: {summary['lacking']} runs lack files that are not in the cache of this machine; "
            "get them (dvc fetch --all-commits, dvc exp pull) and export again",
            file=sys.stderr,
        )
    print(*writer.next_steps(), sep="\n")
