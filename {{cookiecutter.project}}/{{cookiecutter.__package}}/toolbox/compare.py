"""compare: all experiments in one table."""

from argparse import Namespace

import pandas as pd

from ..core.errors import printable
from ..core.formatting import format_value, to_json, to_json_text, to_json_value
from ..core.paths import PREPARE_METRICS, TEST_METRICS
from . import experiments
from .experiments import Experiments
from .tables import short_headings, to_markdown_table, to_text_table

SCORES = ["cv_mean", "cv_std", "dummy_cv_mean"]


def run(arguments: Namespace) -> None:
    """Print the table. Raises UserError for an unknown column, or if no experiment fits."""
    table = experiments.load(arguments.all)
    if arguments.where:
        table = table.where(arguments.where)
    table = table._replace(rows=sort_rows(table, arguments.sort, arguments.ascending))
    if arguments.columns:
        columns = list(dict.fromkeys(table.column(name.strip()) for name in arguments.columns.split(",")))
    else:
        columns = list(table.rows) if arguments.json else default_columns(table)
    if arguments.json:
        records = table.rows[columns].to_dict("records")
        print(to_json([to_json_value(record) for record in records]))
    elif arguments.format == "csv":
        print(to_csv(table.rows[columns]), end="")
    elif arguments.format == "markdown":
        print(printable(to_markdown_table(format_columns(table, columns))))
    else:
        print(to_text_table(format_columns(table, columns)))


def sort_rows(table: Experiments, sort: str | None, ascending: bool) -> pd.DataFrame:
    """Sort by a column, missing values last; by default the workspace first, then the newest first."""
    rows = table.rows.sort_values("created", ascending=ascending and not sort, kind="stable")
    rows = rows.sort_values("kind", key=lambda kinds: kinds != "workspace", kind="stable")
    if sort:
        rows = rows.sort_values(table.column(sort), ascending=ascending, kind="stable", key=_sortable)
    return rows.reset_index(drop=True)


def _sortable(values: pd.Series) -> pd.Series:
    """Lists, and values of several types, only have the order of their text."""
    return values.map(to_json_text, na_action="ignore") if values.dtype == object else values


def to_csv(rows: pd.DataFrame) -> str:
    """CSV in which lists, mappings and truth values are JSON."""
    cells = rows.map(lambda value: to_json_text(value) if isinstance(value, list | dict | bool) else value)
    return cells.to_csv(index=False, lineterminator="\n")


def default_columns(table: Experiments) -> list[str]:
    """Scores, whatever else distinguishes the rows, and the params that differ."""
    rows, files = table.rows, table.files
    differing = {name for name in rows if rows[name].dropna().map(repr).nunique() > 1}
    test = [name for name in table.metrics if files[name] == TEST_METRICS.as_posix() and not name.startswith("dummy_")]
    counts = [name for name in table.metrics if files[name] == PREPARE_METRICS.as_posix() and name in differing]
    names = ["name"]
    names += ["parent"] if "parent" in differing else []
    names += ["created"]
    names += ["state"] if (rows.state != "done").any() else []
    names += ["experiment.purpose", "train.model", *SCORES, *test, *counts, *table.varying_params()]
    return [name for name in dict.fromkeys(names) if name in rows]


def format_columns(table: Experiments, columns: list[str]) -> dict[str, list[str]]:
    """The values of each column as text, by heading; empty for a param that does not apply to a row."""
    texts = {}
    for heading, name in zip(short_headings(columns), columns, strict=True):
        values = table.rows[name].astype(object)
        if name in table.params:
            is_null = values.isna() & table.rows.get("train.model", values).notna()
            values = values.mask(is_null, "null").where(table.applies_to(name))
        texts[heading] = [format_value(value) for value in values]
    return texts
