"""All experiments as one table, with the types that params.yaml and the metrics have."""

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from dvc.exceptions import DvcException
from dvc.repo import Repo

from ..errors import UserError
from ..params import flat

ENVIRONMENT = "models/environment.json"
COUNTS, TEST = "results/prepare/metrics.json", "results/evaluate/metrics.json"
# Params of which a missing one is not there: they are not null.
NEVER_NULL = ("environment.", "data.types")
# What a word in an expression may be, beside a column.
KEYWORDS = {"and", "or", "not", "in", "is", "True", "False", "None"}
# The type of a column by those of its values; each has a mark of its own for a missing one.
TYPES = {
    frozenset({int}): "Int64",
    frozenset({float}): "Float64",
    frozenset({int, float}): "Float64",
    frozenset({bool}): "boolean",
    frozenset({str}): "string",
    frozenset({pd.Timestamp}): "datetime64[us]",
}


class Experiments(NamedTuple):
    """A row per experiment, commit, and workspace.

    rows has the columns name, kind (workspace, commit or experiment), parent (the commit that an experiment started
    from), rev, created, state (done, queued, running, failed), data (MD5 of the raw table), and those that metrics and
    params name: `cv_mean`, `train.model`, `environment.python`. A cell without a value is missing.
    """

    rows: pd.DataFrame
    metrics: list[str]
    params: list[str]
    files: dict[str, str]  # that each metric is from

    def column(self, name: str) -> str:
        """The column of this name, or the only one that ends in it. Raises UserError for none, or more than one."""
        if name in self.rows:
            return name
        ends = [column for column in self.rows if column.endswith(f".{name}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise UserError(f"{name!r} may be {', '.join(ends)}: say which")
        ways = {column.rpartition(".")[2]: column for column in self.rows} | {column: column for column in self.rows}
        close = [ways[match] for match in get_close_matches(name, ways, n=3)]
        raise UserError(
            f"no experiment has a metric or param {name!r}" + (f"; did you mean {', '.join(close)}?" if close else "")
        )

    def where(self, expression: str) -> "Experiments":
        """The rows that an expression of pandas.DataFrame.query holds for; a missing value fits no comparison.

        Raises UserError for an expression that is wrong, or that no row fits.
        """
        quoted = self.quoted(expression)
        try:
            holds = self.rows.eval(quoted, engine="python")
            if pd.api.types.is_numeric_dtype(holds) and not pd.api.types.is_bool_dtype(holds):
                raise ValueError("is a number and compares nothing")
            chosen = holds.astype("boolean").fillna(False).to_numpy(bool)
        except Exception as error:  # pandas has no common error for what an expression may do
            raise UserError(f"--where {expression!r}: {error}") from error
        if not chosen.any():
            raise UserError(f"no experiment fits --where {expression!r}")
        return self._replace(rows=self.rows[chosen].reset_index(drop=True))

    def quoted(self, expression: str) -> str:
        """The expression with the column that each name means, in backquotes. Raises UserError as column() does."""
        # Split at text and backquoted names, which stay as they are.
        parts = re.split(r"('[^']*'|\"[^\"]*\"|`[^`]*`)", expression)
        for i, part in enumerate(parts):
            if part.startswith("`"):
                parts[i] = f"`{self.column(part.strip('`'))}`"
            elif not part.startswith(("'", '"')):
                # Not what follows a call's dot, nor the name of an argument.
                parts[i] = re.sub(r"(?<![\w.@)])[^\W\d][\w.]*+(?!\s*=(?!=))", self._backquoted, part)
        return "".join(parts)

    def _backquoted(self, word: re.Match) -> str:
        """The column that a word names, and what stands behind it, as in name.str.contains."""
        if word[0] in KEYWORDS:
            return word[0]
        name, dot, rest = word[0], "", ""
        while "." in name and not any(column == name or column.endswith(f".{name}") for column in self.rows):
            name, dot, rest = name.rpartition(".")[0], ".", word[0][len(name.rpartition(".")[0]) + 1 :]
        return f"`{self.column(name if dot else word[0])}`{dot}{rest}"

    def changed(self) -> list[str]:
        """The params that differ between rows, and that a row was made with."""
        found = []
        for name in self.params:
            # Null is a value of a knob; a commit without an environment never ran.
            cells = self.rows[name].dropna() if name.startswith("environment.") else self.rows[name]
            if self.used(name).any() and cells.map(repr).nunique() > 1:
                found.append(name)
        return found

    def used(self, name: str) -> pd.Series:
        """Whether each row was made with a param: not with the knobs of another model than its own."""
        if name.startswith(NEVER_NULL):
            return self.rows[name].notna()
        stage, _, knob = name.partition(".")
        if stage != "train" or "." not in knob or "train.model" not in self.rows:
            return pd.Series(True, self.rows.index)
        return self.rows["train.model"].eq(knob.partition(".")[0]).fillna(False).astype(bool)


def load(every_commit: bool = False) -> Experiments:
    """The workspace, the last commit and its experiments; or those of all branches, tags and commits.

    It is what `dvc exp show` reads: beneath dvc.api.exp_show, which turns integers into floats, and truth values and null
    into text. Raises UserError where DVC cannot read the project.
    """
    if sys.stderr.isatty():
        print("reading the experiments ...", file=sys.stderr)
    try:
        with Repo() as repo:
            shown = repo.experiments.show(all_branches=every_commit, all_tags=every_commit, all_commits=every_commit)
            states = [state.dumpd() for state in shown]
            known = sum(map(len, repo.experiments.ls(all_commits=True).values()))
    except DvcException as error:
        raise UserError(f"DVC cannot show the experiments: {error}") from error
    records, metrics, params = [], {}, {}
    for state in states:
        kind = "workspace" if state["rev"] == "workspace" else "commit"
        _add(records, metrics, params, state, kind, None, "success")
        for group in state["experiments"] or []:
            first, *_ = group["revs"]  # the others are checkpoints
            status = (group["executor"] or {}).get("state", "success")
            _add(records, metrics, params, first, "experiment", state["name"] or state["rev"][:7], status)
    if hidden := known - sum(record["kind"] == "experiment" and record["state"] == "done" for record in records):
        print(f"{hidden} experiments of other commits are left out; --all has them", file=sys.stderr)
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: pd.Series([record.get(name) for record in records], dtype=object) for name in names}
    rows = pd.DataFrame({name: _typed(column) for name, column in columns.items()})
    return Experiments(rows.drop_duplicates("rev", ignore_index=True), list(metrics), list(params), metrics)


def plain(value: Any) -> Any:
    """The value of a cell as JSON has it."""
    if isinstance(value, list | dict | str):
        return value
    if pd.isna(value) or value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _typed(column: pd.Series) -> pd.Series:
    """The column with the type that all of its values have; with several types, or lists, it stays as it is."""
    kinds = frozenset(column.dropna().map(type))
    return column.astype(TYPES[kinds]) if kinds in TYPES else column


def _add(records: list, metrics: dict, params: dict, state: dict, kind: str, parent: str | None, status: str) -> None:
    data = state["data"] or {}
    found = {
        "name": state["name"] or (state["rev"] if kind == "workspace" else state["rev"][:7]),
        "kind": kind,
        "parent": parent,
        "rev": state["rev"],
        "created": pd.Timestamp(data["timestamp"]) if data.get("timestamp") else None,
        "state": "failed" if state["error"] else "done" if status == "success" else status,
        "data": next((dep["hash"] for path, dep in (data.get("deps") or {}).items() if "data/raw/" in path), None),
    }
    for place, files in ((metrics, data.get("metrics")), (params, data.get("params"))):
        for path, content in (files or {}).items():
            prefix = "environment." if path == ENVIRONMENT else ""
            values = flat(content.get("data") or {}, prefix)
            values.pop("step", None)  # of dvclive
            for name, value in values.items():
                # A metric of a name that is taken goes by its stage, which is the name of its folder.
                name = f"{Path(path).parent.name}.{name}" if name in found else name
                place.setdefault(name, path)
                found[name] = value
    records.append(found)
