"""compare: all experiments in one table."""

import json
import re
from argparse import Namespace
from typing import Any

import pandas as pd

from . import experiments
from .experiments import COUNTS, TEST, Experiments, plain

SCORES = ["cv_mean", "cv_std", "baseline_cv_mean"]
# What Markdown, or HTML in it, would read as a mark of its own.
MARKS = {mark: f"\\{mark}" for mark in "\\`*|~"} | {"&": "&amp;", "<": "&lt;"}
MARKS |= dict.fromkeys(("\r\n", "\n", "\r"), "<br>")


def run(arguments: Namespace) -> None:
    """Print the table. Raises UserError for an unknown column, or where no experiment fits."""
    found = experiments.load(arguments.all)
    if arguments.where:
        found = found.where(arguments.where)
    found = found._replace(rows=ordered(found, arguments.sort, arguments.ascending))
    if arguments.columns:
        columns = list(dict.fromkeys(found.column(name.strip()) for name in arguments.columns.split(",")))
    else:
        columns = list(found.rows) if arguments.json else chosen(found)
    if arguments.json:
        records = found.rows[columns].to_dict("records")
        records = [{name: plain(cell) for name, cell in record.items()} for record in records]
        print(json.dumps(records, indent=2, ensure_ascii=False))
    elif arguments.format == "csv":
        cells = found.rows[columns].map(lambda cell: as_json(cell) if isinstance(cell, list | dict | bool) else cell)
        print(cells.to_csv(index=False, lineterminator="\n"), end="")
    else:
        print(markdown(texts(found, columns)) if arguments.format == "markdown" else table(texts(found, columns)))


def ordered(found: Experiments, sort: str | None, ascending: bool) -> pd.DataFrame:
    """The rows by a column, those without a value last; by default the workspace, then the newest first."""
    rows = found.rows.sort_values("created", ascending=ascending and not sort, kind="stable")
    rows = rows.sort_values("kind", key=lambda kinds: kinds != "workspace", kind="stable")
    if sort:
        # Lists, and a column of several types, have no order but that of their text.
        rows = rows.sort_values(
            found.column(sort),
            ascending=ascending,
            kind="stable",
            key=lambda cells: cells.map(as_json, na_action="ignore") if cells.dtype == object else cells,
        )
    return rows.reset_index(drop=True)


def chosen(found: Experiments) -> list[str]:
    """The columns that tell the rows apart: scores, what else may differ and does, and the params that differ."""
    rows = found.rows
    differ = [name for name in rows if rows[name].dropna().map(repr).nunique() > 1]
    metrics = [name for name in found.metrics if found.files[name] == TEST and not name.startswith("baseline.")]
    counts = [name for name in found.metrics if found.files[name] == COUNTS and name in differ]
    wanted = ["name", *(["parent"] if "parent" in differ else []), "created"]
    wanted += ["state"] if (rows.state != "done").any() else []
    wanted += ["experiment.purpose", "train.model", *SCORES, *metrics, *counts]
    return [name for name in dict.fromkeys([*wanted, *found.changed()]) if name in rows]


def texts(found: Experiments, columns: list[str]) -> dict[str, list[str]]:
    """The cells of each column as they are read, by heading; empty for a param that a row was not made with."""
    shown = {}
    for heading, name in zip(headings(columns), columns, strict=True):
        cells = found.rows[name].astype(object)
        if name in found.params:
            missing = cells.isna() & found.rows.get("train.model", cells).notna()
            cells = cells.mask(missing, "null").where(found.used(name))
        shown[heading] = [text(cell) for cell in cells]
    return shown


def headings(columns: list[str]) -> list[str]:
    """The shortest end of each column's name that no other ends in."""
    found = []
    for column in columns:
        parts = column.split(".")
        ends = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        single = [end for end in ends if sum(f".{name}".endswith(f".{end}") for name in columns) == 1]
        found.append(single[0] if single else column)
    return found


def text(cell: Any) -> str:
    """A number with four significant digits, a time to the minute, a list as params.yaml has it."""
    if isinstance(cell, float) and not pd.isna(cell):
        return f"{cell:.0f}" if 1e4 <= abs(cell) < 1e15 else f"{cell:.4g}"
    if isinstance(cell, pd.Timestamp) and not pd.isna(cell):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, list | dict | bool):
        return as_json(cell)
    return "" if pd.isna(cell) else str(cell)


def as_json(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False)


def table(columns: dict[str, list[str]]) -> str:
    """Text to the left, numbers to the right, each column as wide as it must be."""
    aligned = []
    for heading, cells in columns.items():
        cells = [" ".join(cell.splitlines()) for cell in cells]
        width = max(map(len, [heading, *cells]))
        numbers = all(re.fullmatch(r"(-?\d+(\.\d+)?(e[+-]\d+)?|null)?", cell) for cell in cells)
        aligned.append([cell.rjust(width) if numbers else cell.ljust(width) for cell in [heading, *cells]])
    return "\n".join("  ".join(line).rstrip() for line in zip(*aligned, strict=True))


def markdown(columns: dict[str, list[str]]) -> str:
    """A table of GitHub's, in which no name or value is taken for Markdown or HTML."""
    rows = [list(columns), ["---"] * len(columns), *map(list, zip(*columns.values(), strict=True))]
    pattern = "|".join(map(re.escape, MARKS))
    rows = [[re.sub(pattern, lambda mark: MARKS[mark[0]], cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
