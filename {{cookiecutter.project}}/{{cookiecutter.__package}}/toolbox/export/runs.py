"""Run records: what a tracking tool shows of each experiment and commit, before any of its files is read."""

import hashlib
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ...core import paths
from ...core.formatting import to_json_value
from ..experiments import Experiments
from ..git import git
from .history import History

EXECUTORS = Path(".dvc/tmp/exps/run")
FAILED = "refs/exps/celery/failed"  # a stash of Git


@dataclass(frozen=True)
class Run:
    """An experiment or a commit, as a run.

    Attributes:
        identity: the commit; for a running experiment `live:` with the commit it started from and its name.
        kind: commit or experiment.
        state: done, failed or running.
        params: by dotted name, with their types; without hyperparameters of other models than its own.
        metrics: numbers by name.
        tags: text by name; each name starts with `dvc.`.
        start, end: seconds since 1970; equal if only the end is known.
        notes: Markdown that links back.
    """

    identity: str
    name: str
    kind: str
    state: str
    rev: str
    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    start: float
    end: float
    notes: str
    live_identity: str | None = None

    @property
    def digest(self) -> str:
        """Changes if the name, the state, a tag or the notes do. What a commit holds never changes."""
        content = [self.name, self.state, self.tags, self.notes]
        return hashlib.md5(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


class Commit(NamedTuple):
    """A commit of Git: seconds since 1970, `Name <address>`, first line of the message, parents."""

    time: float
    author: str
    subject: str
    parents: list[str]


class Executor(NamedTuple):
    """A run of an experiment on this machine: the folder that it ran in, and when DVC wrote its note, in seconds."""

    baseline: str
    name: str
    folder: Path
    is_queued: bool
    written: float


def build_runs(table: Experiments, history: History) -> list[Run]:
    """A run for each experiment, and each commit that has results, the oldest first."""
    has_results = table.rows[table.metrics].notna().any(axis=1)
    rows = table.rows[(table.rows.kind != "workspace") & table.rows.state.isin(["done", "failed", "running"])]
    rows = rows[has_results[rows.index] | (rows.state != "done")]
    commits = read_commits([*rows.rev])
    baselines = {rev: commit.parents[0] for rev, commit in commits.items() if commit.parents}
    branches = read_branches({*rows.rev[rows.kind == "commit"], *baselines.values()})
    starts = read_starts()
    applies = {name: table.applies_to(name) for name in table.params}
    runs = []
    for index, row in rows.iterrows():
        commit = commits[row.rev]
        params = {name: to_json_value(row[name]) for name in table.params if applies[name][index]}
        metrics = read_metrics(row, table.metrics) if row.state == "done" else {}
        runs.append(build_run(row, commit, params, metrics, history, branches, starts))
    return sorted(runs, key=lambda run: run.end)


def build_run(
    row: pd.Series,
    commit: Commit,
    params: dict[str, Any],
    metrics: dict[str, float],
    history: History,
    branches: dict[str, str],
    starts: dict[tuple[str, str], list[float]],
) -> Run:
    """The run of a row of the table."""
    is_experiment = row.kind == "experiment"
    parent = commit.parents[0] if commit.parents else None
    base = parent if is_experiment else row.rev
    branch = branches.get(base) if base else None
    lock = history.read(row.rev, paths.LOCK) if row.state == "done" else None
    tags = {
        "dvc.kind": row.kind,
        "dvc.commit": row.rev,
        "dvc.parent": parent,
        "dvc.branch": branch,
        "dvc.experiment": row["name"] if is_experiment else None,
        "dvc.author": commit.author,
        "dvc.purpose": params.get("experiment.purpose"),
        "dvc.lock.md5": lock and hashlib.md5(lock, usedforsecurity=False).hexdigest(),
        "dvc.data.path": params.get("data.path"),
        "dvc.data.md5": to_json_value(row["data"]),
    }
    name = row["name"] if is_experiment else f"{row.rev[:7]} {commit.subject}".strip()
    live_identity = build_live_identity(parent, name) if is_experiment and parent else None
    end = time.time() if row.state == "running" else commit.time
    start = find_start(starts.get((parent, name), []), end) if is_experiment and parent else end
    return Run(
        identity=live_identity if live_identity and row.state == "running" else row.rev,
        name=name,
        kind=row.kind,
        state=row.state,
        rev=row.rev,
        params=params,
        metrics=metrics,
        tags={key: str(value) for key, value in tags.items() if value is not None},
        start=start,
        end=end,
        notes=build_notes(row.kind, name, row.rev, parent),
        live_identity=live_identity,
    )


def build_live_identity(baseline: str, name: str) -> str:
    """What an experiment is known by until it is a commit."""
    return f"live:{baseline}:{name}"


def build_notes(kind: str, name: str, rev: str, parent: str | None) -> str:
    """Markdown: where the run comes from, and the command that brings it back."""
    if kind == "commit":
        return f"Commit {rev[:7]} of the DVC project. To get it:\n\n    git switch --detach {rev[:7]} && dvc checkout"
    started = f", which started from commit {parent[:7]}" if parent else ""
    return f"DVC experiment {name}{started}. To get it:\n\n    dvc exp apply {shlex.quote(name)}"


def read_metrics(row: pd.Series, names: Iterable[str]) -> dict[str, float]:
    """The metrics of a row that are finite numbers."""
    values = {name: to_json_value(row[name]) for name in names}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


# --- What Git and DVC know of the runs --------------------------------------------------------------------------------


def read_commits(revs: list[str]) -> dict[str, Commit]:
    """The commits of these hashes."""
    if not revs:
        return {}
    lines = feed_git(revs, "log", "--no-walk=unsorted", "--stdin", "--format=%H%x00%ct%x00%an <%ae>%x00%P%x00%s")
    commits = {}
    for line in lines.removesuffix("\n").split("\n"):  # a subject may have other line breaks
        rev, seconds, author, parents, subject = line.split("\0", 4)
        commits[rev] = Commit(float(seconds), author, subject, parents.split())
    return commits


def read_branches(revs: set[str]) -> dict[str, str]:
    """The branch that each commit is on; the nearest, if there are several."""
    if not revs:
        return {}
    names = feed_git(sorted(revs), "name-rev", "--refs=refs/heads/*", "--annotate-stdin", "--name-only").splitlines()
    pairs = zip(sorted(revs), names, strict=True)
    return {rev: re.sub(r"[~^].*", "", name) for rev, name in pairs if name != rev and name != "undefined"}


def read_existing() -> set[str]:
    """The commits of all experiments, and of all branches and tags."""
    experiments = git("for-each-ref", "refs/exps", "--format=%(objectname)").split()
    failed = git("log", "--walk-reflogs", "--format=%H", FAILED).split() if git("for-each-ref", FAILED) else []
    return {*experiments, *failed, *git("rev-list", "--branches", "--tags", "--remotes", "HEAD").split()}


def feed_git(revs: list[str], *arguments: str) -> str:
    """What Git prints for hashes on its standard input: there may be too many for a command line."""
    command = ["git", "-c", "log.showSignature=false", *arguments]
    return subprocess.run(
        command, input="".join(f"{rev}\n" for rev in revs), check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout


def read_starts() -> dict[tuple[str, str], list[float]]:
    """When DVC started experiments on this machine, by the commit that each started from and its name.

    DVC leaves a file for each run outside of its queue, which it writes once, at the start. Files of the queue are
    written again at the end.
    """
    starts: dict[tuple[str, str], list[float]] = {}
    for executor in read_executors():
        if not executor.is_queued:
            starts.setdefault((executor.baseline, executor.name), []).append(executor.written)
    return starts


def read_executors() -> Iterator[Executor]:
    """What DVC noted of each run on this machine."""
    for file in EXECUTORS.glob("*/*.run"):
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
            folder = Path(info["root_dir"], info["wdir"] or "")
            written = file.stat().st_mtime
            yield Executor(info["baseline_rev"], info["name"], folder, info["location"] == "dvc-task", written)
        except (OSError, ValueError, KeyError, TypeError):  # DVC writes or removes it at this moment
            continue


def find_start(starts: list[float], end: float) -> float:
    """The last start before the end, in whole seconds like the end; the end if there is none."""
    return float(max((int(start) for start in starts if int(start) <= end), default=end))
