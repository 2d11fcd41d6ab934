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
from itertools import pairwise
from pathlib import Path

# Cells that mean "no value": the list that pandas has by default, but for "None", which is a value in a column of words;
# and what spreadsheets and databases write.
MISSING = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#NV", "#REF!", "#VALUE!", "(null)", "\\N", "NaT",
})  # fmt: skip
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


def target_column(names: list[str], target: str | None) -> str:
    """The target, the last column where none is named.

    Raises TableError for a name that is not among the columns, with those that are close to it.
    """
    if len(names) < 2:
        spaces = "; are its columns separated by spaces? Save it with commas" if " " in names[0] else ""
        raise TableError(f"has one column, {names[0]!r}, and nothing to predict it from{spaces}")
    if not target:  # the last that has a name of its own
        return next((name for name in reversed(names) if not re.fullmatch(r"column_\d+", name)), names[-1])
    if target in names:
        return target
    raise TableError(f"has no column {target!r} to predict; {known(target, names)}")


def known(name: str, names: list[str]) -> str:
    """What to say to one who asked for a column that is not there: names that are close to it, or all."""
    import difflib

    folded = {name.casefold(): name for name in names}
    close = [folded[name] for name in difflib.get_close_matches(name.casefold(), folded, n=3)]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {listed(names)}"


def listed(names: list[str], limit: int = 12) -> str:
    """Names in quotes, the first ones where they are many."""
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
    Raises TableError where there is nothing to learn: no value, one value, dates, or classes that never recur.
    """
    check_target(target, values)
    if all(re.fullmatch(DATE, value) for value in values):
        raise TableError(f"has dates in the target column {target!r}, neither classes nor numbers; choose another")
    if all(re.fullmatch(DURATION, value) for value in values):
        return "regression"
    numbers = parse_numbers(values)
    if numbers is not None:
        values, texts = Counter(), values
        for text, number in numbers.by_text.items():
            values[number] += texts[text]
        check_target(target, values)
    if numbers is None or len(values) == 2:
        few = True
    else:
        whole = all(number.is_integer() for number in values)
        few = whole and len(values) <= MANY and 10 * len(values) <= values.total()
    if few and (max(values.values()) == 1 or len(values) > max(values.total() / 2, MANY)):
        raise TableError(
            f"has {len(values)} different values in {values.total()} rows of the target column {target!r}; choose another"
        )
    return "classification" if few else "regression"


DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})( .*)?"
CLOCK = r"(\d+ days?,? ?)?\d{1,3}:\d\d(:\d\d(\.\d+)?)?"
PARTS = r"(\d+(\.\d+)? ?(days?|hours?|h|min(ute)?s?|s(ec(ond)?s?)?)[ ,]*)+"
DURATION = f"-?({CLOCK}|{PARTS})"
EXPONENT = r"([eE][-+]?\d+)?"
PLAIN = r"[-+]?(\d+\.?\d*|\.\d+)" + EXPONENT + r"|[-+]?[iI]nf(inity)?"
SPACES = " \u00a0\u2009\u202f'\u2019"
# How people write numbers: by an example, a pattern, and what separates thousands and decimals.
STYLES = {
    "1234.5": (PLAIN, "", "."),
    "1,234.5": (r"[-+]?([1-9]\d?\d?(,\d{2,3})*,\d{3}|\d+)(\.\d*)?" + EXPONENT, ",", "."),  # or 1,23,456
    "1.234,5": (r"[-+]?([1-9]\d?\d?(\.\d{3})+|\d+)(,\d*)?" + EXPONENT, ".", ","),
    "1 234,5": (r"[-+]?([1-9]\d?\d?([" + SPACES + r"]\d{3})+|\d+)([.,]\d*)?" + EXPONENT, SPACES, ","),  # or 1'234.5
}
MARK = r"None|[-?.*/_#\s\u2013\u2014\u2026]+"  # stands for no number
SCALES = {"K": 1e3, "k": 1e3, "thousand": 1e3, "M": 1e6, "mn": 1e6, "Mio": 1e6, "million": 1e6}
SCALES |= dict.fromkeys(["B", "bn", "Mrd", "billion"], 1e9)
# Sign, unit before, number, scale, unit after.
UNIT = r"([-+]?)([$€£¥₹]|[A-Z]{3} |R\$|Rs\.?|kr\.?)? ?([-+]?[\d.].*?) ?"
UNIT += r"((?:" + "|".join(SCALES) + r")(?![^\W\d_])\.?)? ?(%|[$€£¥₹]|°?[^\W\d_]+)?"
MANY = 20  # different values
TOLERANCE = 0.05  # share of cells that may hold other words among many numbers; half, where it is one word
# The numbers by text; how they are written, as a key of STYLES, and which other style fits as well; their unit; whether some
# are in thousands, millions and so on; the texts that are no number.
Numbers = namedtuple("Numbers", "by_text style other unit scaled strays")


def parse_numbers(values: Counter[str], forced: bool = False) -> Numbers | None:
    """The number that each text writes, None where the texts are not numbers in one style and one unit.

    values: how often each text stands. forced: half of the cells may hold other words, also where the numbers are few.
    A unit is a currency, a percent sign (5% is 5) or a word, the same for all; K, M and the like multiply. Marks such as
    "?" and "-", and "None", are no number and count for nothing.
    """
    parts = {text: _parts(text) for text in values if not re.fullmatch(MARK, text)}
    units = Counter()
    for text, (number, _, unit) in parts.items():
        units[unit] += values[text] if re.search(r"\d", number) else 0
    if not units.total():
        return None
    (unit, _), *_ = units.most_common(1)
    words = {
        style: [text for text, (number, *_) in parts.items() if not re.fullmatch(pattern, number, re.ASCII)]
        for style, (pattern, *_) in STYLES.items()
    }
    by_fit = sorted(STYLES, key=lambda style: sum(values[text] for text in words[style]))
    style, other = by_fit[:2]
    fitting = {text: part for text, part in parts.items() if text not in set(words[style])}
    few = len(fitting) < MANY
    tolerated = 0.5 if forced or (len(words[style]) == 1 and not few) else 0 if few else TOLERANCE
    lost = sum(values[text] for text in words[style]) / sum(values[text] for text in parts)
    if lost > tolerated or any(part[2] != unit for part in fitting.values()):
        return None
    _, thousands, decimal = STYLES[style]
    ambiguous = (style, other) == ("1,234.5", "1.234,5") and len(words[other]) == len(words[style])
    return Numbers(
        {text: _float(number, thousands, decimal) * scale for text, (number, scale, _) in fitting.items()},
        style,
        other if ambiguous else None,
        unit,
        any(scale != 1 for _, scale, _ in fitting.values()),
        [text for text in values if text not in fitting],
    )


def _parts(text: str) -> tuple[str, float, str]:
    """A number, what it is multiplied by, and its unit; the whole text, 1 and no unit where it does not look like that."""
    bare = text.replace("\u2212", "-")
    if negative := re.fullmatch(r"\((.+)\)|(.*\d)-", bare):  # as bookkeepers write it
        bare = f"-{negative[1] or negative[2]}"
    found = re.fullmatch(UNIT, bare)
    if found is None:
        return bare, 1, ""
    sign, before, number, scale, after = found.groups("")
    return sign + number, SCALES.get(scale.rstrip("."), 1), before.strip() + after


def _float(number: str, thousands: str, decimal: str) -> float:
    for separator in thousands:
        number = number.replace(separator, "")
    return float(number.replace(decimal, "."))


def is_index(name: str) -> bool:
    """Whether a column of a Parquet file is the index that pandas kept there."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None
