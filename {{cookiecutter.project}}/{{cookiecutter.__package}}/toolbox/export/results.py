"""What the files of a run hold: steps, plots, the dataset."""

import json
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from ...core import paths
from ...core.curves import AXES
from .history import History
from .runs import Run

# x and y of each plot that the stages draw.
PLOT_AXES = AXES | {"importance": ("importance", "feature"), "folds": ("score", "fold")}
STEPS, PLOTS = "/plots/metrics/", "/plots/custom/"  # where dvclive writes, below the results of a stage
Points = list[dict[str, Any]]


class Dataset(NamedTuple):
    """The raw table of a run: MD5, path, with its schema.json and profile.json, {} if they are missing."""

    path: str
    md5: str
    schema: dict[str, Any]
    profile: dict[str, Any]

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class Results(NamedTuple):
    """The files of a run and what they hold.

    Attributes:
        files: content by path.
        missing: paths of files that are not on this machine.
        steps: (step, value) pairs of each metric that has a curve.
        plots: points by name; those without points are left out.
        dataset: None if the run has no raw table.
    """

    files: dict[str, bytes]
    missing: list[str]
    steps: dict[str, list[tuple[int, float]]]
    plots: dict[str, Points]
    dataset: Dataset | None


def read_results(history: History, run: Run) -> Results:
    """Read the small files of a run; one that failed has none of its own."""
    files, missing = history.small_files(run.rev) if run.state == "done" else ({}, [])
    return Results(files, missing, read_steps(files), read_plots(files), read_dataset(files, run.tags))


def read_steps(files: dict[str, bytes]) -> dict[str, list[tuple[int, float]]]:
    """The curves that dvclive wrote: a table of step and value for each metric."""
    steps = {}
    for path, content in files.items():
        if STEPS in path and path.endswith(".tsv"):
            steps[path.partition(STEPS)[2].removesuffix(".tsv")] = parse_steps(content)
    return {name: pairs for name, pairs in steps.items() if pairs}


def parse_steps(content: bytes) -> list[tuple[int, float]]:
    """The whole lines of a table of dvclive, which may be growing."""
    whole = content[: content.rfind(b"\n") + 1]
    if not whole.strip():
        return []
    table = pd.read_csv(BytesIO(whole), sep="\t").dropna()
    return [(int(step), float(value)) for step, value in zip(table["step"], table.iloc[:, -1], strict=True)]


def read_plots(files: dict[str, bytes]) -> dict[str, Points]:
    """The points of the plots that dvclive wrote."""
    plots = {}
    for path, content in files.items():
        if PLOTS in path and path.endswith(".json") and (points := json.loads(content)):
            plots[path.partition(PLOTS)[2].removesuffix(".json")] = points
    return plots


def read_dataset(files: dict[str, bytes], tags: dict[str, str]) -> Dataset | None:
    """The raw table, described by what prepare wrote."""
    if "dvc.data.path" not in tags or "dvc.data.md5" not in tags:
        return None
    schema, profile = (json.loads(files.get(path.as_posix(), b"{}")) for path in (paths.SCHEMA, paths.PROFILE))
    return Dataset(tags["dvc.data.path"], tags["dvc.data.md5"], schema, profile)
