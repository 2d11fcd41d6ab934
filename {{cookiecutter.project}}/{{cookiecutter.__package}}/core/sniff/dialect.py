"""What a file of raw data is: its format, encoding, delimiter and header. In the standard library alone.

What only some files need is imported where it is used, for a quick start.
"""

import csv
import io
import lzma
import re
import zlib
from collections import Counter, namedtuple
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from .literals import MISSING, PLAIN

DELIMITERS = ";\t|,"
CHUNK = 1 << 20
SAMPLE = 1 << 18

csv.field_size_limit(2**31 - 1)  # the default refuses a cell of more than 128 KiB


class TableError(ValueError):
    """What is wrong with a table, and what to do, in one line that does not name the file."""


# How to read a table: `kind` is csv or parquet. Of a CSV: `encoding`; `newline`, as open() takes it; `dialect`, as
# csv.reader takes it; `skip`, the rows to skip, the header among them; the column `names`; `notes`, what is worth saying of
# it, in words.
Format = namedtuple("Format", "kind encoding newline dialect skip names notes", defaults=("utf-8", "", None, 0, (), ()))


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
    """Tell Parquet from CSV; find the encoding, the delimiter and the header of a CSV.

    Raises TableError for an empty, damaged or binary file, or another kind of text.
    """
    with open(path, "rb") as file:
        if file.read(4) == b"PAR1":
            return Format("parquet")
    try:
        encoding = _encoding(path)
        with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            sample = text.read(SAMPLE) + text.readline()
        _check_is_table(sample)
        newline = "" if "\n" in sample else None  # rows that end in carriage returns alone, as on old Macs
        lines = sample if newline == "" else sample.replace("\r", "\n")
        # A quote within a cell is doubled, or as databases write it, after a backslash.
        escape = "\\" if re.search(r'\\"[^,;\t|\r\n"]', lines) else None
        dialects = [{"delimiter": one, "escapechar": escape, "skipinitialspace": True} for one in DELIMITERS]
        dialect = max(dialects, key=lambda dialect: _agreement(lines, dialect))
        rows = list(csv.reader(io.StringIO(lines, newline=""), **dialect))
    except (EOFError, OSError, RuntimeError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError) as error:
        raise TableError(f"cannot be read ({error}); make the file again") from error
    skip, names, notes = _header(rows)
    if encoding in ("cp1252", "latin-1"):
        notes.insert(0, f"the file is not UTF-8: read as {encoding}")
    return Format("csv", encoding, newline, dialect, skip, names, notes)


def _check_is_table(sample: str) -> None:
    start = sample.lstrip("\ufeff \t\r\n")
    if not start:
        raise TableError("is empty; it needs a header and rows")
    if re.match(r"<(!doctype|html|\?xml|!--)", start, re.IGNORECASE):
        raise TableError("is a web page or XML and no table; download the file itself, or save the table as CSV")
    if re.match(r"\{\s*[\"}]|\[\s*[\[{]", start):
        raise TableError("is JSON; save the table as CSV or Parquet")
    if "git-lfs" in start.partition("\n")[0]:
        raise TableError("is a pointer of Git LFS and not the data; run git lfs pull")


def _encoding(path: str | Path) -> str:
    """The first of UTF-16 (by its mark, or by its zeros), UTF-8, Windows-1252 and Latin-1 that decodes the whole file."""
    with open_bytes(path) as stream:
        start = stream.read(CHUNK)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if zeros.count(0) > 0.9 * len(zeros):
                return encoding
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


def _agreement(sample: str, dialect: dict) -> tuple[float, int]:
    """The share of rows that a delimiter splits into the most common number of cells, and that number.

    `csv.Sniffer` also guesses quoting and letters, and is wrong on text with commas or on one column.
    """
    try:
        widths = Counter(len(row) for row in csv.reader(io.StringIO(sample, newline=""), **dialect) if row)
    except csv.Error:  # a carriage return within quotes, by the wrong delimiter
        return 0, 0
    width, count = widths.most_common(1)[0]
    return (count / widths.total(), width) if width > 1 else (0, 0)


def _header(rows: list[list[str]]) -> tuple[int, list[str], list[str]]:
    """How many rows to skip, the header among them, the names of the columns, and notes."""
    width = Counter(len(row) for row in rows if row).most_common(1)[0][0]
    above = next((number for number, row in enumerate(rows) if row and not _is_title(row, width)), 0)
    header, below = rows[above], [row for row in rows[above + 1 :] if row]
    notes = [f"skipped the {above} lines above the header"] if any(rows[:above]) else []
    if len(header) == width - 1 and below and all(len(row) == width for row in below):
        if all(not row[-1].strip() for row in below):  # a delimiter at the end of each row
            header = [*header, ""]
            notes.append("the header lacks a name for the last column")
        elif len({row[0] for row in below}) == len(below):  # the names of the rows, as R writes them
            header = ["", *header]
            notes.append("the header lacks a name for the first column")
    skip = above + 1
    if _is_data(header, below):
        skip, header = above, [""] * width
        notes.append(f"there is no header: the columns are column_1 to column_{width}")
    names = column_names(header)
    if renamed := [name for name, given in zip(names, header, strict=True) if given.strip() not in ("", name)]:
        notes.append(f"renamed columns of the same name: {', '.join(map(repr, renamed))}")
    return skip, names, notes


def _is_title(row: list[str], width: int) -> bool:
    """Whether a row above the table is no header: a title, a comment, Excel's `sep=;`, or much too short."""
    blank = sum(not cell.strip() for cell in row)
    padded = width > 2 and len(row) == width and 2 * blank >= width
    alone = padded or (len(row) < width and len(row) - blank <= 1)
    comment = row[0].lstrip().startswith("#") and len(row) != width
    return alone or comment or row[0].startswith("sep=") or len(row) < width - 1


def _is_data(header: list[str], below: list[list[str]]) -> bool:
    """Whether the first row is data, and there is no header.

    It has a number in every column of numbers, and more: half of its words stand below in their own columns, or its numbers
    are no names. Distinct whole numbers, such as years, may be names, and so may numbers that rise.
    """
    alike = [row for row in below[:100] if len(row) == len(header) and row != header]
    numbers, words, known = [], 0, 0
    for cell, column in zip(header, zip(*alike, strict=True), strict=bool(alike)):
        present = [value for value in column if value.strip() not in MISSING]
        if present and all(re.fullmatch(PLAIN, value.strip()) for value in present):
            numbers.append(cell.strip())
        else:
            words += 1
            known += cell in present
    if not all(re.fullmatch(PLAIN, number) for number in numbers):
        return False
    values = [float(number) for number in numbers]
    rising = len(values) > 4 and all(low < high for low, high in pairwise(values))
    named = rising or (len(set(values)) == len(values) and all(value.is_integer() for value in values))
    return not named or (known > 0 and 2 * known >= words)


def open_rows(path: str | Path, form: Format) -> tuple[io.TextIOWrapper, Iterator[list[str]]]:
    """Open a CSV as text, and as rows; both stand behind the header."""
    text = io.TextIOWrapper(open_bytes(path), form.encoding, newline=form.newline)
    rows = csv.reader(text, **form.dialect)
    for _ in range(form.skip):
        next(rows)
    return text, rows


def read_rows(path: str | Path, form: Format) -> Iterator[list[str]]:
    """Yield the rows of a CSV as text, blank lines, comments and repeated headers left out.

    Raises TableError for a row with more cells than there are names.
    """
    text, rows = open_rows(path, form)
    try:
        with text:
            for row in rows:
                if row and not is_comment(row) and row != form.names:
                    if any(row[len(form.names) :]):
                        raise TableError(
                            f"has {len(row)} cells in the row that ends at line {rows.line_num} and "
                            f"{len(form.names)} columns; mend the row or the header"
                        )
                    yield row
    except (UnicodeError, csv.Error) as error:
        raise TableError(f"cannot be read ({error}); make the file again") from error


def is_comment(row: list[str]) -> bool:
    """Whether a row is a line that starts with # and holds no more than that."""
    return row[0].startswith("#") and not any(row[1:])


def column_names(header: list[str]) -> list[str]:
    """The header without surrounding spaces; a column without a name is called by its number, of two that have the same
    name the second has .1 after it, as pandas has it."""
    names: dict[str, None] = {}  # in order
    given = set(header)
    for number, name in enumerate(header, start=1):
        name = plain = name.strip() or f"column_{number}"
        copies = 0
        while name in names or (copies and name in given):
            copies += 1
            name = f"{plain}.{copies}"
        names[name] = None
    return list(names)


def is_index(name: str) -> bool:
    """Whether a column of a Parquet file is the index that pandas kept there."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None
