"""Detect how to read a table: its format, encoding, dialect and header; only the standard library.

`csv.Sniffer` also guesses quotes and delimiters, and fails on text with commas and on one column.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from .header import find_header
from .names import column_names, is_index
from .text import CHUNK, MAX_LINE, TableError, TableText, find_encoding, open_bytes, open_text, quote_lines, unreadable

__all__ = [
    "CHUNK", "Format", "TableError", "TableText", "column_names", "detect", "is_comment", "is_index", "open_bytes",
    "open_rows", "read_rows",
]  # fmt: skip

DELIMITERS = ";\t|,"
ENDS = f"{DELIMITERS}\r\n"  # characters that end a field
SAMPLE = 1 << 18  # characters that decide the dialect and the header
SAMPLE_ROWS = 300  # rows whose fields are weighed

csv.field_size_limit(MAX_LINE)  # the default refuses a field of more than 128 KiB


class Format(NamedTuple):
    """How to read a table.

    `kind` is csv or parquet. The rest is of a CSV: `encoding`; `newline`, as open() takes it; `dialect`, as csv.reader
    takes it; `skip`, the rows to skip, including the header; the column `names`; `notes` for the user, a line each.
    """

    kind: str
    encoding: str = "utf-8"
    newline: str | None = ""
    dialect: dict | None = None
    skip: int = 0
    names: list[str] | tuple[()] = ()
    notes: list[str] | tuple[()] = ()


def detect(path: str | Path, max_bytes: int | None = None) -> Format:
    """Distinguish Parquet from CSV; find the encoding, the dialect and the header of a CSV.

    max_bytes: look at the first bytes of the file only, after decompression.
    Raises TableError for an empty, damaged or binary file, another kind of text, or quotes that do not pair.
    """
    try:
        with open_bytes(path) as stream:
            if stream.read(4) == b"PAR1":
                return Format("parquet")
        return _detect_csv(path, max_bytes)
    except unreadable() as error:
        raise TableError(f"cannot be read ({error}); copy or download it again") from error


def _detect_csv(path: str | Path, max_bytes: int | None) -> Format:
    encoding, notes = find_encoding(path, max_bytes)
    with open_text(path, encoding, "", max_bytes=max_bytes) as text:
        sample = text.read(SAMPLE) + text.readline()
    _require_table(sample)
    newline = "" if "\n" in sample else None  # only carriage returns end the rows, as on old Macs
    lines = sample if newline == "" else sample.replace("\r", "\n")
    dialect = choose_dialect(lines)
    if escape := _escape(dialect):
        with open_text(path, encoding, "", escape, max_bytes) as text:
            lines = text.read(SAMPLE)
        lines = lines if newline == "" else lines.replace("\r", "\n")
    rows = list(csv.reader(io.StringIO(lines, newline=""), **dialect))
    skip, names, header_notes = find_header(rows)
    if len(names) == 1:
        _require_delimiter(lines)
    form = Format("csv", encoding, newline, dialect, skip, names)
    return form._replace(notes=[*notes, *header_notes, *_check_lines(path, form, max_bytes)])


def _require_table(sample: str) -> None:
    start = sample.lstrip()
    if not start:
        raise TableError("is empty; it needs a header and rows")
    if re.match(r"<(!doctype|html|\?xml|!--)", start, re.IGNORECASE):
        raise TableError("is a web page or XML, not a table; download the file itself, or save the table as CSV")
    if re.match(r"\{\s*[\"}]|\[\s*[\[{]", start):
        raise TableError("is JSON; save the table as CSV or Parquet")
    if start[:9].lower() == "@relation":
        raise TableError("is an ARFF file of Weka; save the table as CSV or Parquet")
    if "git-lfs" in start.partition("\n")[0]:
        raise TableError("is a pointer of Git LFS and not the data; run git lfs pull")


def _require_delimiter(sample: str) -> None:
    """Raise TableError if spaces seem to separate the columns; the header may lack the name of the first, as R writes it."""
    header, *rows = (len(line.split()) for line in sample.splitlines() if line.strip())
    if header > 1 and set(rows) in ({header}, {header + 1}):
        raise TableError(f"spaces separate its {header} columns; save it with commas, semicolons, tabs or bars")


# --- Dialect ----------------------------------------------------------------------------------------------------


class Quoting(NamedTuple):
    """A way to quote, weighed on a sample.

    `text` is the sample without the delimiters and line ends that are quoted or escaped, `complete` and `broken` count
    the quoted fields and the fields that only start with a quote.
    """

    quotechar: str
    escapechar: str | None
    text: str
    complete: int
    broken: int

    @property
    def fit(self) -> int:
        return self.complete - 3 * self.broken


def choose_dialect(sample: str) -> dict:
    """Return the dialect, as csv.reader takes it, that fits a sample best.

    First the quotes: those that pair. Then the delimiter: the one that splits most rows into the same number of fields
    that look like values.
    """
    escapes = [None, "\\"] if re.search(rf"\\[\"'{DELIMITERS}]", sample) else [None]
    quotings = [_try_quoting(sample, quote, escape) for escape in escapes for quote in "\"'"]
    paired = [quoting for quoting in quotings if quoting.complete]
    quotings = paired or [quoting for quoting in quotings if quoting.quotechar == '"']
    delimiters = [_best_delimiter(quoting.text) for quoting in quotings]
    fits = [(quoting.fit, score) for quoting, (score, _) in zip(quotings, delimiters, strict=True)]
    best = fits.index(max(fits))
    quoting, (_, delimiter) = quotings[best], delimiters[best]
    dialect: dict[str, Any] = {"delimiter": delimiter, "escapechar": quoting.escapechar, "skipinitialspace": True}
    if not paired and quoting.broken:
        dialect["quoting"] = csv.QUOTE_NONE
    elif quoting.quotechar != '"':
        dialect["quotechar"] = quoting.quotechar
    return dialect


def _best_delimiter(sample: str) -> tuple[tuple[float, int], str]:
    scores = {delimiter: score_delimiter(sample, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return scores[best], best


def _try_quoting(sample: str, quote: str, escape: str | None) -> Quoting:
    field = _quoted_field(quote, escape)
    complete = 0

    def mask(match: re.Match) -> str:
        nonlocal complete
        if _spans_rows(sample, match):
            return match[0]
        complete += 1
        return f"{match[1]}{quote}{re.sub(f'[{ENDS}{quote}]', ' ', match[2])}{quote}"

    text = field.sub(mask, sample)
    if escape:
        text = re.sub(rf"\\[{DELIMITERS}\\]", "  ", text)
    starts = len(re.findall(rf"(?:^|[{ENDS}]) *{quote}", text))
    return Quoting(quote, escape, text, complete, starts - complete)


def _quoted_field(quote: str, escape: str | None) -> re.Pattern:
    """A pattern of a quoted field from the end of the field before it: possessive, so that it takes linear time."""
    inside = rf"[^{quote}\\]|\\.|{quote}{quote}" if escape else f"[^{quote}]|{quote}{quote}"
    return re.compile(rf"((?:^|[{ENDS}]) *){quote}((?:{inside})*+){quote}(?= *(?:[{ENDS}]|$))", re.DOTALL)


def _spans_rows(text: str, match: re.Match) -> bool:
    """Whether a quoted field covers lines that are split alike: two stray quotes, and rows between them."""
    if match[2].count("\n") < 2:
        return False
    start = text.rfind("\n", 0, match.start(2)) + 1
    end = text.find("\n", match.end())
    lines = text[start : end if end >= 0 else len(text)].splitlines()
    counts = [{line.count(delimiter) for line in lines} for delimiter in DELIMITERS]
    return any(len(count) == 1 and count != {0} for count in counts)


def score_delimiter(sample: str, delimiter: str) -> tuple[float, int]:
    """Weigh a delimiter on lines without quoted delimiters; the higher, the better.

    The share of rows with the most common number of fields, times how much their fields look like values; less if the
    first row has another number of fields. Then the number of fields.
    """
    lines = [line for line in re.split(r"\r\n|\r|\n", sample) if line.strip()]
    rows = [line.split(delimiter) for line in lines]
    if not rows:
        return 0, 0
    widths = Counter(map(len, rows))
    ((width, count),) = widths.most_common(1)
    if width == 1:  # most rows are short, if the header is not
        width, count = len(rows[0]), widths[len(rows[0])]
        if width == 1 or count < 0.25 * len(rows):
            return 0, 0
    fitting = [row for row in rows if len(row) == width][:SAMPLE_ROWS]
    fields = [field for row in fitting for field in row]
    likeness = sum(naturalness(field, delimiter) for field in fields) / len(fields)
    return count / len(rows) * likeness * (1 if len(rows[0]) == width else 0.8), width


def naturalness(field: str, delimiter: str) -> float:
    """Return how likely a field is one value, from 0 to 1, by the other delimiters in it.

    Commas between digits and delimiters before a space are usual in numbers and in text; others are not.
    """
    others = [other for other in DELIMITERS if other != delimiter and other in field]
    if not others:
        return 1
    if delimiter != "," and "," in others:
        field = re.sub(r"(?<=\d),(?=\d)", "", field)
    weight = 1.0
    for other, penalty in ((",", 0.5), (";", 0.25), ("|", 0.25), ("\t", 0.05)):
        if other in others and (count := field.count(other)):
            spaced = field.count(f"{other} ")
            weight *= 0.9 ** min(spaced, 3) * penalty ** min(count - spaced, 5)
    return weight


def _escape(dialect: dict) -> re.Pattern | None:
    """A backslash, and as group 1 the character that it escapes."""
    if not dialect["escapechar"]:
        return None
    return re.compile(rf"\\([\\\r\n{dialect.get('quotechar', chr(34))}{dialect['delimiter']}])?")


# --- Rows -------------------------------------------------------------------------------------------------------


def _check_lines(path: str | Path, form: Format, max_bytes: int | None) -> list[str]:
    """Compare rows and lines; return a note on quotes that are read as text.

    Raises TableError if a quote never closes, or makes one row of several.
    """
    dialect = form.dialect or {}
    width, quote = len(form.names), dialect.get("quotechar", '"')
    is_literal = dialect.get("quoting") == csv.QUOTE_NONE
    if _is_regular(path, form, max_bytes):
        return []
    odd = []
    with _open(path, form, max_bytes) as text:
        for number, lines, row in _rows_with_lines(text, dialect):
            if number <= form.skip or not row:
                continue
            if is_literal and lines[0].count(quote) % 2:
                odd.append(number)
            if not is_literal and (len(lines) > 1 or (len(row) < width and quote in lines[0])):
                _require_closed(row, lines, number, width, dialect | {"quoting": csv.QUOTE_NONE}, quote)
    return [f"a quote without its other half in {quote_lines(odd)}: quotes are read as text"] if odd else []


def _is_regular(path: str | Path, form: Format, max_bytes: int | None) -> bool:
    """Whether there are no quotes, or every row is one line with all fields: quick, as most files are."""
    dialect = form.dialect or {}
    if dialect.get("escapechar"):
        return False
    try:
        with _open(path, form, max_bytes) as text:
            if not any(dialect.get("quotechar", '"') in part for part in text.parts()):
                return True
        if dialect.get("quoting") == csv.QUOTE_NONE:
            return False
        with _open(path, form, max_bytes) as text:
            rows = csv.reader(chain.from_iterable(io.StringIO(part, newline="") for part in text.parts()), **dialect)
            return all(
                rows.line_num == number and (len(row) >= len(form.names) or not row or number <= form.skip)
                for number, row in enumerate(rows, start=1)
            )
    except (csv.Error, TableError):
        return False


def _rows_with_lines(text: TableText, dialect: dict) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the number of the first line of each row, the lines of the row, and the row."""
    lines: list[str] = []
    rows = csv.reader(_remember(text, lines), **dialect)
    number = 1
    try:
        for row in rows:
            yield number, lines, row
            number += len(lines)
            lines.clear()
    except csv.Error as error:
        raise TableError(f"line {number}: a row cannot be read ({error}); close its quotes") from error


def _remember(text: TableText, lines: list[str]) -> Iterator[str]:
    for line in text:
        lines.append(line)
        yield line


def _require_closed(row: list[str], lines: list[str], number: int, width: int, plain: dict, quote: str) -> None:
    """Raise TableError if the lines of a row are rows themselves, or if a quote is still open at the end.

    Args:
        row, lines, number: a row, the lines that it was read from, and the number of the first one.
        width: fields of a row.
        plain: the dialect without quotes.
        quote: the quote.
    """
    fitting = sum(len(next(csv.reader([line], **plain), [])) == width for line in lines)
    if width > 1 and fitting > 0.9 * len(lines) and (len(lines) > 2 or len(row) != width):
        where = f"lines {number} to {number + len(lines) - 1}" if len(lines) > 1 else f"line {number}"
        raise TableError(f"{where}: a stray quote hides delimiters or line ends; remove the quote or double it")
    if len(lines) > 1 and "".join(lines).count(quote) % 2:
        raise TableError(f"line {number}: a quote opens a field and never closes; remove the quote or double it")


def _open(path: str | Path, form: Format, max_bytes: int | None = None) -> TableText:
    return open_text(path, form.encoding, form.newline, _escape(form.dialect or {}), max_bytes)


def open_rows(path: str | Path, form: Format, max_bytes: int | None = None) -> tuple[TableText, Iterator[list[str]]]:
    """Open a CSV as text, and as rows; both are after the header."""
    text = _open(path, form, max_bytes)
    rows = csv.reader(text, **(form.dialect or {}))
    for _ in range(form.skip):
        next(rows)
    return text, rows


def read_rows(path: str | Path, form: Format, max_bytes: int | None = None) -> Iterator[list[str]]:
    """Yield the rows of a CSV as text, without blank lines, comments and repeated headers.

    Raises TableError for a row with more fields than there are names.
    """
    text, rows = open_rows(path, form, max_bytes)
    names = list(form.names)
    try:
        with text:
            for row in rows:
                if not row or is_comment(row) or (row[0].strip() == names[0] and column_names(row) == names):
                    continue
                if any(row[len(names) :]):
                    line = rows.line_num  # type: ignore[attr-defined]
                    raise TableError(
                        f"has {len(row)} fields in the row that ends at line {line} and {len(names)} columns; "
                        "fix the row or the header"
                    )
                yield row
    except unreadable() as error:
        raise TableError(f"cannot be read ({error}); copy or download it again") from error


def is_comment(row: list[str]) -> bool:
    """Whether a row is a line that starts with # and holds no more than that."""
    return row[0].startswith("#") and not any(row[1:])
