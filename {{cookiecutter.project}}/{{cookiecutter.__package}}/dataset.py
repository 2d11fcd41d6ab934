"""The raw table: read, validate, clean, type and describe it."""

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from . import rawtable
from .errors import UserError
from .params import Data, Prepare
from .rawtable import TableError
from .schema import Column


class Cleaned(NamedTuple):
    """The rows to learn from, and what was left out."""

    table: pd.DataFrame
    target: str
    task: str
    rows: int  # as read
    duplicates: int

    @property
    def without_target(self) -> int:
        return self.rows - self.duplicates - len(self.table)


def read(path: str) -> pd.DataFrame:
    """Read a CSV or Parquet file. Raises UserError that names the file and what is wrong with it."""
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such file; fetch it with dvc pull, or name another in params.yaml: data.path"
        )
    try:
        form = rawtable.detect(path)
        table = _read_parquet(path) if form.kind == "parquet" else _read_csv(path, form)
    except (TableError, pa.ArrowException, OSError, UnicodeError) as error:
        raise UserError(f"{path}: {error}") from error
    except pd.errors.ParserWarning as error:
        raise UserError(f"{path}: rows have more cells than the header has names; mend the header") from error
    except pd.errors.ParserError as error:
        raise UserError(f"{path}: a row does not fit the header: {str(error).split(': ')[-1].strip()}") from error
    if table.empty:
        raise UserError(f"{path}: has a header and no rows; give it some")
    return table


def _read_csv(path: str, form: rawtable.Format) -> pd.DataFrame:
    names = rawtable.column_names(next(rawtable.read_rows(path, form)))
    with rawtable.open_bytes(path) as stream, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many cells would lose them
        table = pd.read_csv(
            stream,
            sep=form.delimiter,
            encoding=form.encoding,
            names=names,
            header=0,
            index_col=False,
            skipinitialspace=True,
            keep_default_na=False,
            na_values=sorted(rawtable.MISSING),
            low_memory=False,
        )
    return table.apply(_tidy)


def _tidy(column: pd.Series) -> pd.Series:
    """Text without surrounding spaces, as numbers where all of it writes numbers in one style."""
    if not pd.api.types.is_string_dtype(column):
        return column
    text = column.str.strip()
    text = text.mask(text.isin(rawtable.MISSING))
    numbers = rawtable.parse_numbers(text.dropna().unique())
    return text if numbers is None else text.map(numbers, na_action="ignore").astype(np.float64)


def _read_parquet(path: str) -> pd.DataFrame:
    """Decimals become numbers, dictionaries and nested values text, times with a zone UTC; pandas' index is left out."""
    arrow = pq.read_table(path, pre_buffer=False)
    arrow = arrow.select([name for name in arrow.column_names if not rawtable.is_index(name)])
    names = rawtable.column_names(arrow.column_names)
    return pd.DataFrame({name: _from_arrow(column) for name, column in zip(names, arrow.columns, strict=True)})


def _from_arrow(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    series = column.to_pandas()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return series.map(lambda value: value.decode(errors="backslashreplace"), na_action="ignore")
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.map(str, na_action="ignore") if pa.types.is_nested(column.type) else series


def clean(table: pd.DataFrame, data: Data, duplicates: str) -> Cleaned:
    """Settle the target and the task; drop rows with no target, and exact duplicates unless they are to keep.

    Raises UserError where the target is not there, or is nothing to learn.
    """
    try:
        target = rawtable.target_column(list(table), data.target)
        values = Counter(_finite(table[target]).dropna().astype(str).value_counts().to_dict())
        rawtable.check_target(target, values)
        task = rawtable.infer_task(target, values) if data.task == "auto" else data.task
    except TableError as error:
        raise UserError(f"params.yaml: data.target: {data.target!r}: the table {error}") from error
    if task == "classification" and max(values.values()) == 1:
        raise UserError("params.yaml: data.task: 'classification': every row is a class of its own; use regression")
    rows = len(table)
    if duplicates == "drop":
        table = table.drop_duplicates(ignore_index=True)
    dropped = rows - len(table)
    table = table[_finite(table[target]).notna()].reset_index(drop=True)
    table[target] = _quantities(table[target]) if task == "regression" else _classes(table[target])
    return Cleaned(table, target, task, rows, dropped)


def _finite(column: pd.Series) -> pd.Series:
    return column.replace([np.inf, -np.inf], np.nan)


def _quantities(target: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(target, errors="coerce").astype(np.float64)
    if numbers.isna().any():
        example = target[numbers.isna()].iloc[0]
        raise UserError(
            f"params.yaml: data.task: 'regression': the target {target.name!r} is no number in "
            f"{int(numbers.isna().sum())} rows, such as {example!r}; set data.task to classification"
        )
    return numbers


def _classes(target: pd.Series) -> pd.Series:
    """Whole numbers stay numbers; anything else is text."""
    is_number = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    whole = is_number and (target % 1 == 0).all() and target.abs().max() < 2**53
    return target.astype(np.int64 if whole else str)


def typed(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """Give every column but the target one of three types: float64, datetime64, or str with None for missing."""
    return pd.DataFrame({name: table[name] if name == target else _typed(table[name]) for name in table})


def _typed(column: pd.Series) -> pd.Series:
    present = column.dropna()
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(column) or present.map(type).eq(bool).all():
        return column.astype(np.float64)
    text = column.astype(object).where(column.notna(), None).map(str, na_action="ignore")
    dates = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    if dates.notna().sum() == len(present) and present.astype(str).str.len().min() >= len("2000-01-01"):
        return dates.dt.tz_localize(None)
    return text


def describe(train: pd.DataFrame, target: str, settings: Prepare, rows: int) -> list[Column]:
    """What the training rows show of each column, and which columns no model can use. rows: of the raw table."""
    columns = [_describe(train[name], rows) for name in train]
    for column in columns:
        if column.name == target:
            column.role, column.reason = "target", None
        elif column.name == settings.by and (column.reason or settings.split != "time"):
            column.role, column.reason = "key", None  # kept for the folds; a date is a feature too
    return columns


def _describe(column: pd.Series, rows: int) -> Column:
    present = column.dropna()
    facts = {"name": column.name, "missing": round(float(column.isna().mean()), 6)}
    if pd.api.types.is_datetime64_any_dtype(column):
        facts |= {"kind": "date"}
        if len(present):
            facts |= {"low": present.min().isoformat(), "high": present.max().isoformat()}
    elif pd.api.types.is_numeric_dtype(column):
        facts |= {"kind": "number"}
        finite = present[np.isfinite(present)]
        if len(finite):
            facts |= {"low": float(finite.min()), "high": float(finite.max())}
    else:
        facts |= {"kind": "category", "categories": sorted(set(present))}
    reason = _useless(column, present, facts["kind"], rows)
    return Column(role="dropped" if reason else "feature", reason=reason, **facts)


def _useless(column: pd.Series, present: pd.Series, kind: str, rows: int) -> str | None:
    """Why a column tells nothing of a row that was not seen, or None."""
    if present.empty:
        return "no value"
    if present.nunique() == 1 and len(present) == len(column):
        return "one value"
    if len(present) <= 20 or present.nunique() < len(column):
        return None
    if kind == "category":
        return "a different value in every row"
    if kind == "number" and (present % 1 == 0).all():
        years = present.min() >= 1500 and present.max() <= 2200
        if present.max() - present.min() <= rows and not years:
            return "the number of the row"
        if re.search(r"(^|[^A-Za-z])(id|ID|Id)$|[a-z]I[dD]$", column.name):
            return "an id, different in every row"
    return None
