"""Read the raw table: CSV or Parquet, whole or in batches."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .errors import UserError
from .sniff import dialect
from .sniff.dialect import TableError

MAX_EXACT = 2**53  # whole numbers from here on lose digits as float64


def read(path: str) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV or Parquet file; return it, and notes on how it was read. The values of a CSV are text, NaN if empty.

    Raises UserError that names the file and what is wrong with it.
    """
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such file; fetch it with dvc pull, or name another in params.yaml: data.path"
        )
    with _readable(path):
        form = dialect.detect(path)
        notes = list(form.notes)
        if form.kind == "parquet":
            table = to_frame(_named(pq.ParquetFile(path, pre_buffer=False).read()))
        else:
            (table,) = _read_csv(path, form, None)
    if table.empty:
        raise UserError(f"{path}: has a header and no rows; give it some")
    return table, notes


class Chunks(NamedTuple):
    """A file that is read in parts: the names of its columns, notes as read() returns them, and tables of its rows."""

    names: list[str]
    notes: list[str]
    tables: Iterator[pa.Table]


def read_chunks(path: str | Path, rows: int) -> Chunks:
    """Read a CSV or Parquet file in tables of at most `rows` rows; the values of a CSV are text, null if empty.

    Raises UserError as read() does, also between two tables.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file")
    with _readable(path):
        form = dialect.detect(path)
        if form.kind == "parquet":
            names = _named(pq.read_schema(path).empty_table()).column_names
            return Chunks(names, [], _parquet_chunks(path, rows))
        return Chunks(list(form.names), list(form.notes), _csv_chunks(path, form, rows))


def _parquet_chunks(path: str | Path, rows: int) -> Iterator[pa.Table]:
    # Buffered: a group of rows may be as large as the file.
    with _readable(path), pq.ParquetFile(path, pre_buffer=False, buffer_size=dialect.CHUNK) as file:
        for batch in file.iter_batches(rows):
            yield _named(pa.Table.from_batches([batch]))


def _csv_chunks(path: str | Path, form: dialect.Format, rows: int) -> Iterator[pa.Table]:
    with _readable(path):
        for frame in _read_csv(path, form, rows):
            yield pa.Table.from_pandas(frame, preserve_index=False)


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Turn an error of a reader into a UserError that names the file."""
    try:
        yield
    except (TableError, pa.ArrowException, OSError, UnicodeError) as error:
        raise UserError(f"{path}: {error}") from error
    except pd.errors.ParserWarning as error:
        raise UserError(f"{path}: some rows have more fields than the header; fix the header or those rows") from error
    except pd.errors.ParserError as error:
        raise UserError(f"{path}: a row does not fit the header: {str(error).split(': ')[-1].strip()}") from error


def _read_csv(path: str | Path, form: dialect.Format, rows: int | None) -> Iterator[pd.DataFrame]:
    """Read the table as text, in parts of at most `rows` rows, or whole."""
    text, _ = dialect.open_rows(path, form)
    with text, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many fields would lose them
        parts = pd.read_csv(
            text,
            **(form.dialect or {}),
            names=form.names,
            header=None,
            index_col=False,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
            chunksize=rows,
        )
        for part in [parts] if rows is None else parts:
            yield _without_comments(part, form).apply(tidy)


def _without_comments(table: pd.DataFrame, form: dialect.Format) -> pd.DataFrame:
    """Leave out comments, and headers that are repeated where a file was appended to another."""
    first = table.iloc[:, 0]
    if pd.api.types.is_string_dtype(first):
        odd = table[first.str.startswith("#", na=False) | first.eq(next(iter(form.names)))]
        comment = odd.iloc[:, 0].str.startswith("#") & odd.iloc[:, 1:].isna().all(axis=1)
        header = odd.astype(str).eq(form.names).all(axis=1)
        table = table.drop(index=odd.index[comment | header])
    return table.reset_index(drop=True)


def tidy(column: pd.Series) -> pd.Series:
    """Strip spaces around text; empty text is missing."""
    if not pd.api.types.is_string_dtype(column):
        return column
    text = column.str.strip()
    return text.mask(text == "")


def _named(table: pa.Table) -> pa.Table:
    """Rename the columns as read() does, and leave out the index of pandas."""
    table = table.select([i for i, name in enumerate(table.column_names) if not dialect.is_index(name)])
    return table.rename_columns(dialect.column_names(table.column_names))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert to pandas: decimals become numbers, dictionaries and nested values text, times with a zone UTC."""
    columns = zip(table.column_names, table.columns, strict=True)
    return pd.DataFrame({name: tidy(_from_arrow(column)) for name, column in columns})


def _from_arrow(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    elif pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
        column = _exact_decimals(column)
    elif pa.types.is_time(column.type):
        column = column.cast(pa.time64("us"), safe=False)  # pandas has no nanoseconds of a time
    if pa.types.is_int64(column.type) and column.null_count and _loses_digits(column):
        return column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    series = column.to_pandas()
    if any(test(column.type) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)):
        return series.map(lambda value: value.decode(errors="backslashreplace"), na_action="ignore")
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.map(str, na_action="ignore") if pa.types.is_nested(column.type) else series


def _exact_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As float64, or as int64 if all are whole and float64 would lose digits."""
    try:
        whole = column.cast(pa.int64())
    except pa.ArrowInvalid:  # fractions, or more than 64 bits
        return column.cast(pa.float64())
    return whole if _loses_digits(whole) else column.cast(pa.float64())


def _loses_digits(column: pa.ChunkedArray) -> bool:
    bounds = pc.min_max(column).as_py()
    return bounds["min"] is not None and max(-bounds["min"], bounds["max"]) > MAX_EXACT
