"""The raw table: read, validate, clean, type and describe it."""

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
from .rawtable import TableError
from .schema import Column


class Cleaned(NamedTuple):
    """The rows to learn from, and what was left out."""

    table: pd.DataFrame
    target: str
    task: str
    duplicates: int
    without_target: int


def read(path: str) -> pd.DataFrame:
    """Read a CSV or Parquet file. Raises UserError that names the file and what is wrong with it."""
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such file; fetch it with dvc pull, or name another in params.yaml: data.path"
        )
    try:
        form = rawtable.detect(path)
        table = _read_parquet(path) if form.kind == "parquet" else _read_csv(path, form)
    except (TableError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise UserError(
            f"{path}: a row does not fit the header: {str(error).split(': ')[-1].strip()}; mend it"
        ) from error
    if table.empty:
        raise UserError(f"{path}: has a header and no rows; give it some")
    return table


def _read_csv(path: str, form: rawtable.Format) -> pd.DataFrame:
    names = rawtable.column_names(next(rawtable.read_rows(path, form)))
    with rawtable.open_bytes(path) as stream, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many cells would lose them
        return pd.read_csv(
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


def _read_parquet(path: str) -> pd.DataFrame:
    """Flat columns alone; decimals become numbers, dictionaries text, times with a zone UTC."""
    arrow = pq.read_table(path, pre_buffer=False)
    arrow = arrow.rename_columns(rawtable.column_names(arrow.column_names))
    fields = [field for field in arrow.schema if not pa.types.is_nested(field.type)]
    return pd.DataFrame({field.name: _from_arrow(arrow[field.name], field.type) for field in fields})


def _from_arrow(column: pa.ChunkedArray, kind: pa.DataType) -> pd.Series:
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    series = column.to_pandas()
    return series.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(series.dtype, pd.DatetimeTZDtype) else series


def clean(table: pd.DataFrame, target: str | None, task: str) -> Cleaned:
    """Drop exact duplicates and rows with no target; settle the target and the task.

    target: None for the last column. task: classification, regression, or auto.
    Raises UserError where the target is not there, or is nothing to learn.
    """
    try:
        target = rawtable.target_column(list(table), target)
        rows = len(table)
        table = table.drop_duplicates(ignore_index=True)
        duplicates = rows - len(table)
        values = table[target].replace([np.inf, -np.inf], np.nan)
        table = table[values.notna()].reset_index(drop=True)
        inferred = rawtable.infer_task(target, Counter(table[target].astype(str).value_counts().to_dict()))
    except TableError as error:
        raise UserError(f"params.yaml: data.target: {target!r}: the table {error}") from error
    task = inferred if task == "auto" else task
    table[target] = _quantities(table[target]) if task == "regression" else _classes(table[target])
    return Cleaned(table, target, task, duplicates, rows - duplicates - len(table))


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
    return target.astype(np.int64 if is_number and (target % 1 == 0).all() else str)


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


def describe(train: pd.DataFrame, target: str, key: str | None) -> list[Column]:
    """What the training rows show of each column, and which columns no model can use."""
    return [_describe(train[name], "target" if name == target else "feature", name == key) for name in train]


def _describe(column: pd.Series, role: str, is_key: bool) -> Column:
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
    reason = None if role == "target" else _useless(column, present, facts["kind"])
    if is_key and role == "feature":
        role = "key"
    elif reason:
        role = "dropped"
    return Column(role=role, reason=reason, **facts)


def _useless(column: pd.Series, present: pd.Series, kind: str) -> str | None:
    if present.empty:
        return "no value"
    if present.nunique() == 1 and len(present) == len(column):
        return "one value"
    if kind == "category" and len(present) > 20 and present.nunique() == len(present):
        return "a different value in every row"
    return None
