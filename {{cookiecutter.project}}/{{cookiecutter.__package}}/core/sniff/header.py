"""Find the header of a table: the rows above it, the names of the columns; only the standard library."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from .literals import DATE, MARK, MISSING, PLAIN
from .names import column_names, strip

NUMBER = PLAIN + r"|[-+]?(\d{1,3}([., '\u00a0\u202f]\d{3})+|\d+)([.,]\d+)?"
UNITS = "$€£¥%"  # around a number
SAMPLE_ROWS = 100  # below the first row
MAX_REPEATS = 2
CLOSED_ROWS = 20  # from which a column whose values all recur is taken as closed


class Column(NamedTuple):
    """The field of the first row in a column, and the values below it without missing ones."""

    field: str
    values: list[str]

    @property
    def is_known(self) -> bool:
        return self.field in self.values

    @property
    def is_closed(self) -> bool:
        """Whether every value below recurs, so that a value that stands there once would be odd."""
        counts = Counter(self.values)
        return len(self.values) >= CLOSED_ROWS and min(counts.values()) > 1 and 2 * len(counts) <= len(self.values)


def find_header(rows: list[list[str]]) -> tuple[int, list[str], list[str]]:
    """Return the number of rows to skip, including the header, the names of the columns, and notes."""
    width = Counter(len(row) for row in rows if row).most_common(1)[0][0]
    filled = [number for number, row in enumerate(rows) if row]
    above = next((number for number in filled if not _is_title(rows[number], width)), filled[0])
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
    if is_data(header, below):
        skip, header = above, [""] * len(header)
        notes.append(f"there is no header: the columns are column_1 to column_{len(header)}")
    names = column_names(header)
    if renamed := [name for name, given in zip(names, header, strict=True) if strip(given) not in ("", name)]:
        notes.append(f"renamed columns of the same name: {', '.join(map(repr, renamed))}")
    return skip, names, notes


def _is_title(row: list[str], width: int) -> bool:
    """Whether a row above the table is a title, a comment, Excel's `sep=;` or much too short, and not the header."""
    blank = sum(not field.strip() for field in row)
    padded = width > 2 and len(row) == width and 2 * blank >= width
    single = padded or (len(row) < width and len(row) - blank <= 1)
    comment = row[0].lstrip().startswith("#") and len(row) != width
    return single or comment or row[0].startswith("sep=") or len(row) < width - 1


def is_data(header: list[str], below: list[list[str]]) -> bool:
    """Whether the first row is data, and there is no header.

    Each column votes. A word above numbers or dates, or a word above a few values that all recur but never as this
    word, is a name. A date above dates is data. Numbers above numbers are data unless they look like names. Words are
    data if half of them recur in their own columns.
    """
    rows = [row for row in below[:SAMPLE_ROWS] if len(row) == len(header)]
    if rows.count(header) <= MAX_REPEATS:  # of a header, where files were appended to each other
        rows = [row for row in rows if row != header]
    columns = [
        Column(field.strip(), [value.strip() for value in values if not _is_missing(value)])
        for field, values in zip(header, zip(*rows, strict=True), strict=bool(rows))
    ]
    numbers = [column for column in columns if column.values and _share(column.values, to_number) >= 0.9]
    dates = [column for column in columns if column.values and _share(column.values, _to_date) == 1]
    words = [column for column in columns if column not in numbers and column not in dates]
    fields = [column for column in numbers if column.field]
    if any(to_number(column.field) is None for column in fields):
        return False
    if any(not _to_date(column.field) and not _is_missing(column.field) for column in dates):
        return False
    if any(column.is_closed and column.field and not column.is_known for column in words):
        return bool(fields) and not _could_be_names(fields)
    known = sum(column.is_known for column in words)
    recurs = known > 0 and 2 * known >= len(words)
    if dates or recurs:
        return True
    return bool(fields) and not _are_names(fields)


def _could_be_names(columns: list[Column]) -> bool:
    """Whether numbers above columns of numbers may be names: they rise, fall, are whole and differ, or are far away."""
    values = [number for column in columns if (number := to_number(column.field)) is not None]
    whole = len(set(values)) == len(values) and all(value.is_integer() for value in values)
    return whole or _is_monotonic(values) or all(_is_far(column) for column in columns)


def _are_names(columns: list[Column]) -> bool:
    """Whether numbers above columns of numbers are names, without a word among the columns that shows it."""
    values = [number for column in columns if (number := to_number(column.field)) is not None]
    far = sum(_is_far(column) for column in columns)
    if _is_monotonic(values) and not _rows_are_monotonic(columns):
        return len(values) > 4 or 2 * far > len(values) or all(value.is_integer() for value in values)
    if len(values) > 2 and far == len(values):
        return True
    distinct = len(set(values)) == len(values) and all(value.is_integer() for value in values)
    return distinct and 2 * sum(column.is_known for column in columns) <= len(columns)


def _is_monotonic(values: list[float]) -> bool:
    rises = [low < high for low, high in pairwise(values)]
    return len(values) > 2 and (all(rises) or (not any(rises) and len(set(values)) == len(values)))


def _rows_are_monotonic(columns: list[Column]) -> bool:
    """Whether many rows below rise or fall too, as quantiles do: more than a tenth, or half of rows that are short."""
    numbers = [[to_number(value) for value in column.values] for column in columns]
    rows = [[number for number in row if number is not None] for row in zip(*numbers, strict=False)]
    return sum(map(_is_monotonic, rows)) > (0.1 if len(columns) > 4 else 0.5) * len(rows)


def _is_far(column: Column) -> bool:
    """Whether the number of the first row is farther from the numbers below than these are from each other."""
    number = to_number(column.field)
    numbers = [value for text in column.values if (value := to_number(text)) is not None]
    low, high = min(numbers), max(numbers)
    return number is not None and not 2 * low - high <= number <= 2 * high - low


def _share(values: list[str], parse: Callable[[str], object]) -> float:
    return sum(parse(value) is not None for value in values) / len(values)


def _is_missing(text: str) -> bool:
    return text.strip() in MISSING or _matches(MARK, text)


def _matches(pattern: str, text: str) -> bool:
    return len(text) < 100 and re.fullmatch(pattern, text.strip()) is not None


def _to_date(text: str) -> str | None:
    return text if _matches(DATE, text) else None


def to_number(text: str) -> float | None:
    """Return the number that a field most likely is, with either decimal separator; None if it is not a number."""
    bare = text.strip().strip(UNITS).strip()
    if not _matches(NUMBER, bare):
        return None
    if _matches(PLAIN, bare):
        return float(bare)
    digits = re.sub(r"[ '\u00a0\u202f]", "", bare)
    decimal = max(digits.rfind(","), digits.rfind("."))
    if decimal < 0:
        return float(digits)
    return float(re.sub("[.,]", "", digits[:decimal]) + "." + digits[decimal + 1 :])
