"""All experiments as one table, with the types that params.yaml and the metrics have."""

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from dvc.exceptions import DvcException

from ..core.config import flatten
from ..core.errors import UserError, printable
from ..core.lock import find_path
from ..core.paths import ENVIRONMENT
from ..core.revisions import open_repo
from .expressions import Expression
from .git import git
from .staleness import find_stale

# Params that a row does not have if their value is missing; a missing value of others is null.
NEVER_NULL = ("environment.", "data.types")
# The type of a column by the types of its values; each has a mark for a missing value.
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
    from), rev, created, state, data (MD5 of the raw table), and a column for each metric and param: `cv_mean`,
    `train.model`, `environment.python`.

    state: done, queued, running, failed; stale if the results belong to other data or params;
    unreadable if a file of the results or params is damaged.
    """

    rows: pd.DataFrame
    metrics: list[str]
    params: list[str]
    files: dict[str, str]  # of each metric

    @property
    def head(self) -> pd.Series:
        """The row of the last commit."""
        return self.rows[self.rows.rev == git("rev-parse", "HEAD")].iloc[0]

    def column(self, name: str) -> str:
        """The column of this name, or the only one that ends in it. Raises UserError for none, or more than one."""
        if name in self.rows:
            return name
        ends = [column for column in self.rows if column.endswith(f".{name}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise UserError(f"{name!r}: may be {', '.join(ends)}; use one of these names")
        by_end = {column.rpartition(".")[2]: column for column in self.rows} | {column: column for column in self.rows}
        close = [by_end[match] for match in get_close_matches(name, by_end, n=3)]
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UserError(f"{name!r}: no experiment has such a metric or param{hint}")

    def where(self, condition: str) -> "Experiments":
        """The rows that a condition holds for. Raises UserError for a wrong condition, or if no row fits."""
        try:
            chosen = self.parse(condition).holds(self.rows)
        except UserError as error:
            raise UserError(f"--where {condition!r}: {error}") from error
        if not chosen.any():
            raise UserError(f"--where {condition!r}: no experiment fits; compare without it shows them all")
        return self._replace(rows=self.rows[chosen].reset_index(drop=True))

    def parse(self, condition: str) -> Expression:
        """A condition on these columns, which may be named by the end of their names."""
        return Expression(condition, self.column, self._is_column)

    def _is_column(self, name: str) -> bool:
        return any(column == name or column.endswith(f".{name}") for column in self.rows)

    def varying_params(self) -> list[str]:
        """The params that differ between rows, and that apply to a row."""
        names = []
        for name in self.params:
            # Null is a value of a hyperparameter; a commit without an environment never ran.
            values = self.rows[name].dropna() if name.startswith("environment.") else self.rows[name]
            if self.applies_to(name).any() and values.map(repr).nunique() > 1:
                names.append(name)
        return names

    def applies_to(self, name: str) -> pd.Series:
        """Whether each row was made with a param: a hyperparameter applies to the rows of its model."""
        if name.startswith(NEVER_NULL):
            return self.rows[name].notna()
        stage, _, hyperparameter = name.partition(".")
        if stage != "train" or "." not in hyperparameter or "train.model" not in self.rows:
            return pd.Series(True, self.rows.index)
        return self.rows["train.model"].eq(hyperparameter.partition(".")[0]).fillna(False).astype(bool)


def load(every_commit: bool = False) -> Experiments:
    """Read the workspace, the last commit and its experiments; or all branches, tags and commits.

    The source is beneath dvc.api.exp_show, which turns integers into floats, and truth values and null into text.
    Raises UserError if DVC cannot read the project.
    """
    if sys.stderr.isatty():
        print("reading the experiments ...", file=sys.stderr)
    try:
        with open_repo() as repo:
            entries = repo.experiments.show(all_branches=every_commit, all_tags=every_commit, all_commits=every_commit)
            states = [state.dumpd() for state in entries]
            by_commit = {commit: len(names) for commit, names in repo.experiments.ls(all_commits=True).items() if names}
    except DvcException as error:
        raise UserError(f"DVC cannot show the experiments: {' '.join(str(error).split())}") from error
    table = _Table()
    for state in states:
        kind = "workspace" if state["rev"] == "workspace" else "commit"
        table.add(state, kind, None, "success")
        for group in state["experiments"] or []:
            first, *_ = group["revs"]  # the others are checkpoints
            status = (group["executor"] or {}).get("state", "success")
            table.add(first, "experiment", state["name"] or state["rev"][:7], status)
    _print_hidden(by_commit, shown={state["rev"] for state in states} | {state["name"] for state in states})
    return table.finish()


def _print_hidden(by_commit: dict[str, int], shown: set[str]) -> None:
    """Print which commits have experiments that are not in the table."""
    hidden = {commit: count for commit, count in by_commit.items() if commit not in shown}
    if hidden:
        commits = ", ".join(f"{count} of {commit[:12]}" for commit, count in hidden.items())
        print(f"experiments of other commits are left out: {commits}; --all shows them", file=sys.stderr)


class _Table:
    """Collects the rows of Experiments."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.metrics: dict[str, str] = {}
        self.params: dict[str, str] = {}
        self.states: list[dict[str, Any]] = []

    def add(self, state: dict[str, Any], kind: str, parent: str | None, status: str) -> None:
        """Add what DVC read in a revision."""
        data = state["data"] or {}
        record = {
            "name": state["name"] or (state["rev"] if kind == "workspace" else state["rev"][:7]),
            "kind": kind,
            "parent": parent,
            "rev": state["rev"],
            "created": pd.Timestamp(data["timestamp"]) if data.get("timestamp") else None,
            "state": "failed" if state["error"] else "done" if status == "success" else status,
            "data": None,
            "problem": _error_text(state["error"]) if state["error"] and kind != "experiment" else None,
        }
        for names, files in ((self.metrics, data.get("metrics")), (self.params, data.get("params"))):
            for path, content in (files or {}).items():
                values, problem = _values(path, content)
                record["problem"] = record["problem"] or problem
                for name, value in values.items():
                    # A metric whose name is taken gets the name of its stage, which is the name of its folder.
                    key = f"{Path(path).parent.name}.{name}" if name in record else name
                    names.setdefault(key, path)
                    record[key] = value
        record["data"] = _data_hash(data.get("deps") or {}, record.get("data.path"))
        self.records.append(record)
        self.states.append(state)

    def finish(self) -> Experiments:
        """The table; rows that are stale or cannot be read are marked, and the reasons printed."""
        head = git("rev-parse", "HEAD")
        stale = find_stale(self.states)
        records, remarks = [], []
        for record in self.records:
            problem = record.pop("problem")
            if problem:
                record["state"] = "unreadable"
                remarks.append(f"{record['name']}: {problem}; this row is left out")
            elif record["state"] == "done" and record["rev"] in stale:
                record["state"] = "stale"
                if record["kind"] == "workspace" or record["rev"] == head:
                    remarks.append(f"{record['name']}: {stale[record['rev']]}; to renew them: dvc repro")
            if not problem or record["kind"] == "workspace" or record["rev"] == head:
                records.append(record)
        if remarks:
            print(printable("\n".join(dict.fromkeys(remarks))), file=sys.stderr)
        names = dict.fromkeys(name for record in records for name in record)
        columns = {name: pd.Series([record.get(name) for record in records], dtype=object) for name in names}
        rows = pd.DataFrame({name: to_typed_column(column) for name, column in columns.items()})
        rows = rows.drop_duplicates("rev", ignore_index=True)
        metrics = [name for name in self.metrics if name in rows]
        return Experiments(rows, metrics, [name for name in self.params if name in rows], self.metrics)


def _values(path: str, content: Any) -> tuple[dict[str, Any], str | None]:
    """The values of a file of metrics or params, and why it cannot be read."""
    if isinstance(content, Exception):
        return {}, None if isinstance(content, FileNotFoundError) else f"{path}: cannot be parsed"
    if content.get("error") is not None:
        error = content["error"]
        absent = isinstance(error, FileNotFoundError) or "FileNotFound" in str(error)
        return {}, None if absent else f"{path}: cannot be parsed"
    values = content.get("data") or {}
    if not isinstance(values, dict):
        return {}, f"{path}: is not a mapping of names to values"
    return flatten(values, "environment." if path == ENVIRONMENT.as_posix() else ""), None


def _error_text(error: Any) -> str:
    message = error.get("msg") if isinstance(error, dict) else str(error)
    return " ".join(str(message).split())


def _data_hash(deps: dict[str, dict], data_path: str | None) -> str | None:
    """The MD5 of the raw table that a row's results are of."""
    path = find_path(deps, data_path) if data_path else None
    return deps[path]["hash"] if path else None


def to_typed_column(column: pd.Series) -> pd.Series:
    """The column with the type of all its values; a column of several types, or of lists, stays as it is."""
    kinds = frozenset(column.dropna().map(type))
    try:
        return column.astype(TYPES[kinds]) if kinds in TYPES else column
    except OverflowError:  # a whole number of more than 64 bits
        return column
