"""What a file of raw data is, found with the standard library alone.

dataset.py reads through this module, and so do the hooks of the template, before anything is installed. What only some
files need is imported where it is used, for a quick start.
"""

import csv
import io
import lzma
import re
import zlib
from collections import Counter, namedtuple
from collections.abc import Iterator
from pathlib import Path

# Cells that mean "no value": the list that pandas has by default, said here so that the hooks agree with it.
MISSING = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
})  # fmt: skip
DELIMITERS = ",;\t|"
CHUNK = 1 << 20
SAMPLE = 1 << 16

csv.field_size_limit(2**31 - 1)  # the default refuses a cell of more than 128 KiB


class TableError(ValueError):
    """What is wrong with a table, and what to do, in one line that does not name the file."""


# How to read a table: `kind` is csv or parquet; `encoding`, `delimiter` and `newline`, as open() takes it, are of a CSV.
Format = namedtuple("Format", "kind encoding delimiter newline", defaults=("utf-8", ",", ""))


def open_bytes(path: str | Path) -> io.IOBase:
    """Open a file that may be compressed (gzip, bz2, xz, zip, zstd), told by its first bytes and not its name.

    Raises TableError for a zip that holds anything but one file, ModuleNotFoundError where zstd cannot be read.
    """
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.open(path)
    if magic.startswith(b"BZh"):
        import bz2

        return bz2.open(path)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.open(path)
    if magic.startswith(b"PK\x03\x04"):
        return _open_zip(path)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _open_zstd(path)
    return open(path, "rb")


def _open_zip(path: str | Path) -> io.IOBase:
    import zipfile

    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise TableError("is a zip that is cut off; make the file again") from error
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if "[Content_Types].xml" in names:
        raise TableError("is an Excel workbook; save the sheet as CSV")
    if len(names) != 1:
        raise TableError(f"is a zip of {len(names)} files; give it one CSV")
    return archive.open(names[0])


def _open_zstd(path: str | Path) -> io.IOBase:
    try:
        from compression import zstd  # in the standard library from Python 3.14
    except ModuleNotFoundError:
        import pyarrow

        return pyarrow.input_stream(str(path), compression="zstd")
    return zstd.open(path)


def detect(path: str | Path) -> Format:
    """Tell Parquet from CSV, and the encoding and delimiter of a CSV.

    Raises TableError for an empty, damaged or binary file.
    """
    with open(path, "rb") as file:
        if file.read(4) == b"PAR1":
            return Format("parquet")
    try:
        encoding = _encoding(path)
        with open_bytes(path) as stream:
            sample = io.TextIOWrapper(stream, encoding, newline="").read(SAMPLE)
        newline = "" if "\n" in sample else None  # rows that end in carriage returns alone, as on old Macs
        delimiter = _delimiter(sample if newline == "" else sample.replace("\r", "\n")) if sample.strip() else ","
    except (EOFError, OSError, RuntimeError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError) as error:
        raise TableError(f"cannot be read ({error}); make the file again") from error
    if not sample.strip():
        raise TableError("is empty; it needs a header and rows")
    return Format("csv", encoding, delimiter, newline)


def _encoding(path: str | Path) -> str:
    """The first of UTF-16 (by its mark), UTF-8, Windows-1252 and Latin-1 that decodes the whole file."""
    with open_bytes(path) as stream:
        start = stream.read(CHUNK)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        raise TableError("is neither text nor Parquet; save the table as CSV or Parquet")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            with open_bytes(path) as stream:
                text = io.TextIOWrapper(stream, encoding)
                while text.read(CHUNK):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _delimiter(sample: str) -> str:
    """The delimiter that splits most rows of the sample as it splits the header.

    `csv.Sniffer` also guesses quoting and letters, and is wrong on text with commas or on one column.
    """

    def agreement(delimiter: str) -> tuple[float, int]:
        try:
            rows = [row for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row]
        except csv.Error:  # a carriage return within quotes, by the wrong delimiter
            return 0, 0
        if len(sample) == SAMPLE and len(rows) > 1:
            rows.pop()  # cut off by the end of the sample
        width = len(rows[0])
        return (sum(len(row) == width for row in rows) / len(rows), width) if width > 1 else (0, 0)

    return max(DELIMITERS, key=agreement)


def read_rows(path: str | Path, form: Format) -> Iterator[list[str]]:
    """Yield the rows of a CSV as text, the header first, blank lines left out."""
    try:
        with open_bytes(path) as stream, io.TextIOWrapper(stream, form.encoding, newline=form.newline) as text:
            yield from (row for row in csv.reader(text, delimiter=form.delimiter) if row)
    except (UnicodeError, csv.Error) as error:
        raise TableError(f"cannot be read ({error}); make the file again") from error


def column_names(header: list[str]) -> list[str]:
    """The header without surrounding spaces, a column without a name called by its number.

    Raises TableError for a name that stands twice.
    """
    names = [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise TableError(f"has columns of the same name ({', '.join(map(repr, repeated))}); rename them")
    return names


def target_column(names: list[str], target: str | None) -> str:
    """The target, the last column where none is named.

    Raises TableError for a name that is not among the columns, with those that are close to it.
    """
    if len(names) < 2:
        raise TableError(f"has one column, {names[0]!r}, and nothing to predict it from; check its delimiter")
    if not target:
        return names[-1]
    if target in names:
        return target
    import difflib

    folded = {name.casefold(): name for name in names}
    close = [folded[name] for name in difflib.get_close_matches(target.casefold(), folded, n=3)]
    known = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {_shortened(names)}"
    raise TableError(f"has no column {target!r} to predict; {known}")


def _shortened(names: list[str], limit: int = 12) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(repr, names[:limit])) + more


def check_target(target: str, values: Counter[str]) -> None:
    """Raise TableError where the target has no value, or one: values counts each, missing ones left out."""
    if not values:
        raise TableError(f"has no value in the target column {target!r}; choose another target")
    if len(values) == 1:
        raise TableError(f"has one value, {next(iter(values))!r}, in the target column {target!r}; choose another")


def infer_task(target: str, values: Counter[str]) -> str:
    """classification or regression, from the count of each value of the target, missing ones left out.

    Text, two values, or a few whole numbers that recur are classes; other numbers are quantities.
    Raises TableError where there is nothing to learn: no value, one value, or classes that never recur.
    """
    check_target(target, values)
    numbers = parse_numbers(values)
    rows = sum(values.values())
    if numbers is None or len(values) == 2:
        few = True
    else:
        whole = all(number.is_integer() for number in numbers.values())
        few = whole and len(values) <= 20 and 10 * len(values) <= rows
    if few and max(values.values()) == 1:
        raise TableError(f"has a different value in every row of the target column {target!r}; choose another")
    return "classification" if few else "regression"


PLAIN = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf(inity)?"
# How people write numbers: a pattern for every value of a column, and what to take out or replace.
STYLES = (
    (PLAIN, ()),
    (r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", ((",", ""),)),  # 1,234.5
    (r"[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", ((".", ""), (",", "."))),  # 1.234,5
    (
        r"[-+]?(\d{1,3}([ \u00a0\u202f']\d{3})+|\d+)([.,]\d+)?",  # 1 234,5 or 1'234.5
        ((" ", ""), ("\u00a0", ""), ("\u202f", ""), ("'", ""), (",", ".")),
    ),
)


def parse_numbers(texts) -> dict[str, float] | None:
    """Each text as the number that it writes, None where one is no number or the texts follow no one style.

    Styles: plain, thousands separated by commas, points, spaces or apostrophes, decimal commas; each also with a percent
    sign, 5% being 5.
    """
    texts = list(texts)
    bare = [text[:-1].rstrip() for text in texts] if all(text.endswith("%") for text in texts) else texts
    for pattern, changes in STYLES:
        if all(re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE) for text in bare):
            for old, new in changes:
                bare = [text.replace(old, new) for text in bare]
            return dict(zip(texts, map(float, bare), strict=True))
    return None


def is_index(name: str) -> bool:
    """Whether a column of a Parquet file is the index that pandas kept there."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None
