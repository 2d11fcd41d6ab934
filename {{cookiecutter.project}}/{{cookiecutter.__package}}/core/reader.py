"""Read the raw table: CSV or Parquet, in one file or in many, whole or in batches."""

import csv
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from .errors import UserError
from .sniff import dialect
from .sniff.dialect import Format, TableError
from .sniff.files import check_columns, detect_like, merge_notes, table_files

MAX_EXACT = 2**53  # whole numbers from here on lose digits as float64
TEXT = pa.large_string()
ROWS = 1 << 17  # that are read at a time
BLOCK = 1 << 22  # bytes that Arrow reads at a time


class Files(NamedTuple):
    """The files of a table, how to read each, and the columns of all."""

    paths: list[Path]
    forms: list[Format]
    names: list[str]
    schema: pa.Schema | None  # to which Parquet files of several types are cast

    @property
    def notes(self) -> list[str]:
        return merge_notes(self.paths, self.forms)


def find(path: str | Path, missing: str = "") -> Files:
    """The files of a table: a file, or the files of a folder or a pattern (`sniff.files.table_files`).

    missing: what to do if there is no such file.
    Raises UserError that names the file, what is wrong with it, and columns that differ.
    """
    try:
        paths = table_files(path)
    except TableError as error:
        raise UserError(f"{path}: {error}{missing if not Path(path).exists() else ''}") from error
    with _readable(paths[0]):
        forms = [dialect.detect(paths[0])]
        if forms[0].kind == "csv":
            names = list(forms[0].names)
        else:
            names = _named(pq.read_schema(paths[0]).empty_table()).column_names
    schema = None
    for other in paths[1:]:
        with _readable(other):
            forms.append(detect_like(other, paths[0], forms[0]))
            if forms[0].kind == "parquet":
                schema = _join_schemas(schema or _plain_schema(paths[0]), _plain_schema(other), paths[0])
    return Files(paths, forms, names, schema)


def _plain_schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file; a dictionary has the type of its values."""
    fields = _named(pq.read_schema(path).empty_table()).schema
    return pa.schema(
        [(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type) for field in fields]
    )


def _join_schemas(schema: pa.Schema, other: pa.Schema, first: Path) -> pa.Schema:
    """The types that hold the values of both. Raises TableError if there is none, or a column is in one of them only."""
    check_columns(other.names, first, schema.names)
    for field in other:
        try:
            joined = pa.unify_schemas(
                [pa.schema([schema.field(field.name)]), pa.schema([field])], promote_options="permissive"
            )
        except pa.ArrowException as error:
            raise TableError(
                f"has {field.type} in {field.name!r}, and the files before it have {schema.field(field.name).type}; "
                "give the column one type"
            ) from error
        schema = schema.set(schema.get_field_index(field.name), joined.field(0))
    return schema


def read(path: str | Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV or Parquet file, or all of a folder or a pattern as one table; return it, and notes on how it was read.

    The values of a CSV are text, NaN if empty. A column of text is a categorical, which holds each different text once.

    Raises UserError that names the file and what is wrong with it.
    """
    before = identity(path)
    with _unchanged(path, before):
        files = find(path, "; fetch it with dvc pull, or name another in params.yaml: data.path")
        tables = _tables(files)
        if files.forms[0].kind == "parquet":
            table = to_frame(pa.concat_tables(tables)).apply(_encode)
        else:
            nothing = pa.schema([(name, TEXT) for name in files.names]).empty_table()  # if there are no rows
            text = pa.concat_tables([nothing, *tables])
            table = pd.DataFrame({name: _encode_text(text[name]) for name in files.names})
    if table.empty:
        raise UserError(f"{path}: has a header and no rows; give it some")
    return table, files.notes


def _tables(files: Files) -> Iterator[pa.Table]:
    for path, form in zip(files.paths, files.forms, strict=True):
        with _readable(path):
            if form.kind == "parquet":
                yield _alike(_named(pq.ParquetFile(path, pre_buffer=False).read()), files)
            else:
                yield from (table.select(files.names) for table in _read_csv(path, form, ROWS))


def _alike(table: pa.Table, files: Files) -> pa.Table:
    """The columns of a Parquet file in the order and the types of all files; of a single file as they are."""
    return table if files.schema is None else table.select(files.names).cast(files.schema)


class Chunks(NamedTuple):
    """A table that is read in parts: the names of its columns, notes as read() returns them, and tables of its rows."""

    names: list[str]
    notes: list[str]
    tables: Iterator[pa.Table]


def read_chunks(path: str | Path, rows: int, missing: str = "") -> Chunks:
    """Read what read() reads in tables of at most `rows` rows; the values of a CSV are text, null if empty.

    missing: what to do if there is no such file.
    Raises UserError as read() does, also between two tables.
    """
    before = identity(path)
    with _unchanged(path, before):
        files = find(path, missing)
    return Chunks(files.names, files.notes, _while_unchanged(path, before, _chunks(files, rows)))


def _chunks(files: Files, rows: int) -> Iterator[pa.Table]:
    for path, form in zip(files.paths, files.forms, strict=True):
        with _readable(path):
            if form.kind == "parquet":
                yield from (_alike(table, files) for table in _parquet_chunks(path, rows))
            else:
                yield from (table.select(files.names) for table in _csv_chunks(path, form, rows))


def _parquet_chunks(path: str | Path, rows: int) -> Iterator[pa.Table]:
    # Buffered: a group of rows may be as large as the file.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=dialect.CHUNK) as file:
        for batch in file.iter_batches(rows):
            yield _named(pa.Table.from_batches([batch]))


def _csv_chunks(path: str | Path, form: dialect.Format, rows: int) -> Iterator[pa.Table]:
    for table in _read_csv(path, form, rows):
        frame = pd.DataFrame({name: tidy(pd.Series(table[name], dtype="str")) for name in table.column_names})
        yield pa.Table.from_pandas(frame, preserve_index=False)


def identity(path: str | Path) -> tuple[tuple[int, ...], ...] | None:
    """Size, time of the last change (ns) and number of each file of a table: others if one is overwritten or replaced."""
    try:
        statuses = [file.stat() for file in table_files(path)]
    except (TableError, OSError):
        return None
    return tuple((status.st_size, status.st_mtime_ns, status.st_ino) for status in statuses)


def require_unchanged(path: str | Path, before: tuple | None) -> None:
    """Raise UserError if a table is not as identity() found it before."""
    if identity(path) != before:
        raise UserError(f"{path}: changed while it was read; wait until it is written, and run this again")


@contextmanager
def _unchanged(path: str | Path, before: tuple | None) -> Iterator[None]:
    """Raise UserError if the table changes within the block; it is also the reason of any other error there."""
    try:
        yield
    except UserError:
        require_unchanged(path, before)
        raise
    require_unchanged(path, before)


def _while_unchanged(path: str | Path, before: tuple | None, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    with _unchanged(path, before):
        yield from tables


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


def _read_csv(path: str | Path, form: dialect.Format, rows: int) -> Iterator[pa.Table]:
    """Read the table as text, null if empty, in parts of `rows` rows, comments and repeated headers among them.

    Arrow is several times faster than pandas, but refuses rows that are short, blank or comments, and knows fewer
    dialects. From the first part that it cannot read, pandas reads.
    """
    n_read = 0
    if len(form.names) > 1 and not (form.dialect or {}).get("escapechar"):
        try:
            for table in _in_parts(_read_by_arrow(path, form), rows):
                yield _without_comments(table, form)
                n_read += 1
            return
        except pa.ArrowInvalid:
            pass
    try:
        for table in islice(_read_by_pandas(path, form, rows), n_read, None):
            yield _without_comments(table, form)
    except (pd.errors.ParserWarning, pd.errors.ParserError):
        deque(dialect.read_rows(path, form), maxlen=0)  # raises an error that names the row
        raise


class _Utf8:
    """The bytes of a text, as a file; and whether a space before a quote was among them."""

    closed = False

    def __init__(self, text: dialect.TableText, quote: str) -> None:
        self.text, self.quote, self.has_space = text, quote, False

    def read(self, size: int) -> bytes:
        text = self.text.read(size // 4)  # a character has up to four bytes
        self.has_space = self.has_space or f" {self.quote}" in text or text.startswith(self.quote)
        return text.encode()


def _read_by_arrow(path: str | Path, form: dialect.Format) -> Iterator[pa.Table]:
    """Raises ArrowInvalid for a row of another number of fields, and for spaces before a quote, which it keeps."""
    layout = form.dialect or {}
    quote = layout.get("quotechar", '"')
    is_literal = layout.get("quoting") == csv.QUOTE_NONE
    text, _ = dialect.open_rows(path, form)
    with text:
        stream = _Utf8(text, quote)
        batches = pyarrow.csv.open_csv(
            pa.PythonFile(stream, "r"),
            read_options=pyarrow.csv.ReadOptions(column_names=form.names, use_threads=False, block_size=BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=layout.get("delimiter", ","),
                quote_char=False if is_literal else quote,
                newlines_in_values=not is_literal,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(form.names, TEXT), null_values=[""], strings_can_be_null=True
            ),
        )
        for batch in batches:
            if stream.has_space and not is_literal and any(_starts(column, quote) for column in batch.columns):
                raise pa.ArrowInvalid("a space before a quote")
            yield pa.Table.from_batches([batch])


def _starts(column: pa.Array, quote: str) -> bool:
    """Whether a value starts with spaces and a quote."""
    return pc.any(pc.match_substring_regex(column, f"^ +{quote}")).as_py() is True


def _in_parts(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of `rows` rows each; the last one may have fewer."""
    waiting: list[pa.Table] = []
    n_waiting = 0
    for table in tables:
        waiting.append(table)
        n_waiting += table.num_rows
        while n_waiting >= rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows)
            waiting, n_waiting = [joined.slice(rows)], n_waiting - rows
    if n_waiting:
        yield pa.concat_tables(waiting)


def _read_by_pandas(path: str | Path, form: dialect.Format, rows: int) -> Iterator[pa.Table]:
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
        for part in parts:
            columns = [pa.array(part[name], TEXT, from_pandas=True) for name in part]
            yield pa.table(dict(zip(form.names, columns, strict=True)))


def _without_comments(table: pa.Table, form: dialect.Format) -> pa.Table:
    """Leave out comments, and headers that are repeated where a file was appended to another.

    Raises TableError for a merge that Git could not finish.
    """
    first = table.column(0)
    if pc.any(pc.match_substring_regex(first, "^(<<<<<<<|>>>>>>>) ")).as_py():
        raise TableError("has a merge conflict (<<<<<<<, >>>>>>>); choose one side, or check the file out again")
    is_odd = pc.fill_null(pc.or_(pc.starts_with(first, "#"), pc.equal(first, next(iter(form.names)))), False)
    places = np.flatnonzero(is_odd)
    if not len(places):
        return table
    odd = table.take(places).to_pandas()
    comment = odd.iloc[:, 0].str.startswith("#") & odd.iloc[:, 1:].isna().all(axis=1)
    header = odd.astype(str).eq(form.names).all(axis=1)
    kept = np.ones(len(table), bool)
    kept[places[comment | header]] = False
    return table.filter(pa.array(kept))


def _encode_text(column: pa.ChunkedArray) -> pd.Series:
    """A column of text, without spaces around it, as a categorical."""
    encoded = column.combine_chunks().dictionary_encode()
    codes, texts = pd.factorize(tidy(pd.Series(encoded.dictionary, dtype="str")))
    codes = np.append(codes, -1)[encoded.indices.fill_null(len(codes))]  # the last one is for missing texts
    return pd.Series(pd.Categorical.from_codes(codes, texts))


def _encode(column: pd.Series) -> pd.Series:
    """A column of text as a categorical, another as it is."""
    is_text = isinstance(column.dtype, pd.StringDtype)
    return _encode_text(pa.chunked_array([pa.array(column, TEXT)])) if is_text else column


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
