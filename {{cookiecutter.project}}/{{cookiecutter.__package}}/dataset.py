"""The raw table: read, validate, clean, type and describe it."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from . import kinds
from .errors import UserError
from .params import Data, Params
from .raw import tablefile
from .raw.cells import MISSING
from .raw.tablefile import TableError
from .raw.target import check_target, infer_task, known, target_column
from .schema import Column


class Cleaned(NamedTuple):
    """The rows to learn from, and what was left out."""

    table: pd.DataFrame
    target: str
    task: str
    read: kinds.Settled  # the target
    rows: int  # as read
    duplicates: int

    @property
    def without_target(self) -> int:
        return self.rows - self.duplicates - len(self.table)


def read(path: str, types: dict[str, str] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV or Parquet file; return it, and what is worth saying of it, in words. types: what data.types has.

    Raises UserError that names the file and what is wrong with it.
    """
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such file; fetch it with dvc pull, or name another in params.yaml: data.path"
        )
    as_text = [name for name, kind in (types or {}).items() if kind != "number"]  # 01234 is not 1234
    with _readable(path):
        form = tablefile.detect(path)
        if form.kind == "parquet":
            table = to_frame(_named(pq.ParquetFile(path, pre_buffer=False).read()))
        else:
            (table,) = _read_csv(path, form, dict.fromkeys(as_text, str), None)
    if table.empty:
        raise UserError(f"{path}: has a header and no rows; give it some")
    return table, list(form.notes)


class Chunks(NamedTuple):
    """A file that is read as it is asked for: the names of its columns, notes as read() has them, and tables of its rows."""

    names: list[str]
    notes: list[str]
    tables: Iterator[pa.Table]


def read_chunks(path: str | Path, rows: int) -> Chunks:
    """A CSV or Parquet file in tables of at most `rows` rows; the cells of a CSV are text, null for missing.

    Raises UserError as read() does, also between two tables.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file")
    with _readable(path):
        form = tablefile.detect(path)
        if form.kind == "parquet":
            names = _named(pq.read_schema(path).empty_table()).column_names
            return Chunks(names, [], _parquet_chunks(path, rows))
        return Chunks(list(form.names), list(form.notes), _csv_chunks(path, form, rows))


def _parquet_chunks(path: str | Path, rows: int) -> Iterator[pa.Table]:
    # Buffered: a group of rows may be as large as the file.
    with _readable(path), pq.ParquetFile(path, pre_buffer=False, buffer_size=tablefile.CHUNK) as file:
        for batch in file.iter_batches(rows):
            yield _named(pa.Table.from_batches([batch]))


def _csv_chunks(path: str | Path, form: tablefile.Format, rows: int) -> Iterator[pa.Table]:
    with _readable(path):
        for frame in _read_csv(path, form, str, rows):
            yield pa.Table.from_pandas(frame, preserve_index=False)


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Turn what may be wrong with a file into a UserError that names it."""
    try:
        yield
    except (TableError, pa.ArrowException, OSError, UnicodeError) as error:
        raise UserError(f"{path}: {error}") from error
    except pd.errors.ParserWarning as error:
        raise UserError(f"{path}: rows have more cells than the header has names; mend the header") from error
    except pd.errors.ParserError as error:
        raise UserError(f"{path}: a row does not fit the header: {str(error).split(': ')[-1].strip()}") from error


def _read_csv(
    path: str | Path, form: tablefile.Format, dtype: type | dict[str, type], rows: int | None
) -> Iterator[pd.DataFrame]:
    """The table in parts of at most `rows` rows, or in one."""
    text, _ = tablefile.open_rows(path, form)
    with text, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many cells would lose them
        parts = pd.read_csv(
            text,
            **form.dialect,
            names=form.names,
            header=None,
            index_col=False,
            dtype=dtype,
            keep_default_na=False,
            na_values=sorted(MISSING),
            low_memory=False,
            chunksize=rows,
        )
        for part in [parts] if rows is None else parts:
            yield _without_comments(part, form).apply(_tidy)


def _without_comments(table: pd.DataFrame, form: tablefile.Format) -> pd.DataFrame:
    """Nor the header once more, of a file that was put behind another."""
    first = table.iloc[:, 0]
    if pd.api.types.is_string_dtype(first):
        odd = table[first.str.startswith("#", na=False) | first.eq(form.names[0])]
        comment = odd.iloc[:, 0].str.startswith("#") & odd.iloc[:, 1:].isna().all(axis=1)
        header = odd.astype(str).eq(form.names).all(axis=1)
        table = table.drop(index=odd.index[comment | header])
    return table.reset_index(drop=True)


def _tidy(column: pd.Series) -> pd.Series:
    """Text without surrounding spaces."""
    if not pd.api.types.is_string_dtype(column):
        return column
    text = column.str.strip()
    return text.mask(text.isin(MISSING))


def _named(table: pa.Table) -> pa.Table:
    """With names as read() has them, and without pandas' index."""
    table = table.select([i for i, name in enumerate(table.column_names) if not tablefile.is_index(name)])
    return table.rename_columns(tablefile.column_names(table.column_names))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Decimals become numbers, dictionaries and nested values text, times with a zone UTC."""
    columns = zip(table.column_names, table.columns, strict=True)
    return pd.DataFrame({name: _tidy(_from_arrow(column)) for name, column in columns})


def _from_arrow(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    elif pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
        column = column.cast(pa.float64())
    elif pa.types.is_time(column.type):
        column = column.cast(pa.time64("us"), safe=False)  # pandas has no nanoseconds of a time
    series = column.to_pandas()
    if any(test(column.type) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)):
        return series.map(lambda value: value.decode(errors="backslashreplace"), na_action="ignore")
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.map(str, na_action="ignore") if pa.types.is_nested(column.type) else series


def clean(table: pd.DataFrame, data: Data, duplicates: str) -> Cleaned:
    """Settle the target and the task; drop rows with no target, and exact duplicates unless they are to keep.

    Raises UserError where the target is not there, or is nothing to learn, and where data.drop or data.types names what
    is no other column.
    """
    try:
        target = target_column(list(table), data.target)
        read = _target_values(table[target])
        table[target] = read.values
        values = Counter(table[target].dropna().astype(str).value_counts().to_dict())
        task = _task(target, table[target], values) if data.task == "auto" else data.task
        check_target(target, values)
    except TableError as error:
        raise UserError(f"params.yaml: data.target: {data.target!r}: the table {error}") from error
    if task == "classification" and max(values.values()) == 1:
        raise UserError("params.yaml: data.task: 'classification': every row is a class of its own; use regression")
    _check_names(list(table), target, data)
    rows = len(table)
    if duplicates == "drop":
        table = table.drop_duplicates(ignore_index=True)
    dropped = rows - len(table)
    table = table[table[target].notna()].reset_index(drop=True)
    table[target] = _quantities(table[target]) if task == "regression" else _classes(table[target])
    return Cleaned(table, target, task, read, rows, dropped)


def _target_values(target: pd.Series) -> kinds.Settled:
    """Numbers, durations in seconds, no infinities; or else as they are."""
    read = None
    if pd.api.types.is_timedelta64_dtype(target):
        read = kinds.settle(target)
    elif pd.api.types.is_string_dtype(target):
        read = kinds.numbers(target) or kinds.durations(target)
    truth = all(isinstance(value, bool) for value in target.dropna())
    read = read or kinds.Settled(target, "number", style="boolean" if truth else "plain")
    return read._replace(values=read.values.replace([np.inf, -np.inf], np.nan))


def _task(name: str, target: pd.Series, values: Counter[str]) -> str:
    if pd.api.types.is_datetime64_any_dtype(target):
        raise TableError(f"has dates in the target column {name!r}, neither classes nor numbers; choose another")
    return infer_task(name, values)


def _check_names(names: list[str], target: str, data: Data) -> None:
    for key, given in (("drop", data.drop), ("types", data.types)):
        for name in given:
            if name == target:
                raise UserError(f"params.yaml: data.{key}: {name!r}: is the target; see data.target and data.task")
            if name not in names:
                raise UserError(f"params.yaml: data.{key}: {name!r}: is no column; {known(name, names)}")
    if both := sorted(set(data.drop) & set(data.types)):
        raise UserError(f"params.yaml: data.drop: {both[0]!r}: has a type in data.types as well; remove one")


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


def typed(cleaned: Cleaned, types: dict[str, str]) -> dict[str, kinds.Settled]:
    """Each column with its kind; types: the kinds, or formats of dates, that data.types has. The target stays as it is.

    Raises UserError where a column cannot be what it is said to be.
    """
    table, target = cleaned.table, cleaned.target
    settled = {name: kinds.settle(table[name], types.get(name)) for name in table if name != target}
    kind = "number" if pd.api.types.is_numeric_dtype(table[target]) else "category"
    read = cleaned.read._replace(values=table[target], kind=kind)
    settled[target] = read._replace(style=None) if kind == "category" and read.style == "plain" else read
    return {name: settled[name] for name in table}


def describe(
    train: pd.DataFrame, test: pd.DataFrame, settled: dict[str, kinds.Settled], cleaned: Cleaned, settings: Params
) -> list[Column]:
    """What the training rows show of each column, and which columns no model can use."""
    data, by = settings.data, settings.prepare.by
    columns = []
    for name, (_, kind, note, style, unit, marks) in settled.items():
        column = _describe(train[name], test[name], kind)
        column.note, column.style, column.unit, column.marks = note, style, unit, list(marks)
        reason = None if name in data.types else _useless(train[name], kind, note, cleaned.rows)
        if name in data.drop:
            reason = "data.drop says so"
        if name == cleaned.target:
            column.role = "target"
        elif name == by and (reason or settings.prepare.split != "time"):
            column.role = "key"  # kept for the folds; a date is a feature too
        elif reason or column.missing == 1:
            column.role, column.reason = "dropped", reason or "no value"
            column.note = column.style = column.categories = column.unseen = None
            column.unit, column.marks = "", []
        columns.append(column)
    return columns


def _describe(column: pd.Series, test: pd.Series, kind: str) -> Column:
    present = column.dropna()
    facts = {"name": column.name, "kind": kind, "missing": round(float(column.isna().mean()), 6)}
    if kind == "date" and len(present):
        facts |= {"low": present.min().isoformat(), "high": present.max().isoformat()}
    elif kind == "number":
        finite = present[np.isfinite(present)]
        if len(finite):
            facts |= {"low": float(finite.min()), "high": float(finite.max())}
    elif kind == "category":
        seen = set(present)
        facts |= {"categories": sorted(seen), "unseen": sorted(set(test.dropna()) - seen) or None}
    return Column(role="feature", **facts)


def _useless(column: pd.Series, kind: str, note: str | None, rows: int) -> str | None:
    """Why a column tells nothing of a row that was not seen, or None. rows: of the raw table."""
    present = column.dropna()
    if present.empty:
        return "no value"
    if present.nunique() == 1 and len(present) == len(column):
        return "one value"
    if len(present) <= 20 or present.nunique() < len(present):
        return None
    if kind == "category":
        return "a different value in every row"
    if kind == "number" and note is None and (present % 1 == 0).all():
        years = present.min() >= 1500 and present.max() <= 2200
        if present.max() - present.min() <= rows and not years:
            return "the number of the row"
        if re.search(r"(^|[^A-Za-z])(id|ID|Id)$|[a-z]I[dD]$", column.name):
            return "an id, different in every row"
    return None
