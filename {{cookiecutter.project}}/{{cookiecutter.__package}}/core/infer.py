"""What the cells of a column are - numbers, dates, categories or free text - as all rows show it, or as data.types says."""

import re
from collections import Counter
from datetime import datetime
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from .errors import UserError
from .schema import ColumnSchema
from .sniff.literals import DURATION, MANY, MARK, TOLERANCE, parse_numbers, read_number

TYPES = ("number", "date", "category", "text")
ISO = "ISO8601"
TRUTH = {"True": "1", "TRUE": "1", "true": "1", "False": "0", "FALSE": "0", "false": "0"}  # what pandas takes for it
KEPT = 20  # marks of a column, the most frequent ones
WORDS = 4  # in half of the cells of a column of free text, at least

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y",
    "%m-%d-%Y", "%d-%m-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
    "%B %d %Y", "%b. %d, %Y", "%a, %d %b %Y", "%A, %B %d, %Y", "%d%b%Y", "%Y%m%d",
)  # fmt: skip
_TIMES = (
    "", " %H:%M", ", %H:%M", " %H:%M:%S", ", %H:%M:%S", " %H:%M:%S.%f", " %H:%M:%S,%f", " %I:%M %p", " %I:%M%p",
    " %I:%M:%S %p", " %H:%M:%S %z", " %H:%M:%S UTC", "T%H:%M:%S", ":%H:%M:%S",
)  # fmt: skip
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%a %b %d %H:%M:%S %Y")
DATE_FORMATS = (*map("".join, product(_DAYS, _TIMES)), *_MONTHS)


def check_type(value: str) -> str:
    """A type of column, or a format of dates. Raises ValueError for anything else."""
    try:
        known = value in TYPES or ("%" in value and datetime.strptime(datetime(2000, 1, 31).strftime(value), value))
    except (ValueError, re.error):
        known = False
    if not known:
        raise ValueError(f"should be {', '.join(TYPES)}, or a format of dates such as %d.%m.%Y")
    return value


class TypedColumn(NamedTuple):
    """A column of one kind - float64, datetime64 without a zone, or str with None for missing - and how it was read: in
    words, and as schema.ColumnSchema has it."""

    values: pd.Series
    type: str
    note: str | None = None
    format: str | None = None
    unit: str = ""
    na_values: tuple[str, ...] = ()


def infer_type(column: pd.Series, wanted: str | None = None) -> TypedColumn:
    """Give a column its kind. wanted: a kind, or the format of its dates, such as %d.%m.%Y, as data.types has it.

    Raises UserError where most of its cells cannot be read as that.
    """
    if wanted in ("category", "text"):
        return TypedColumn(_words(column), wanted, "as data.types says")
    inferred = _infer(column)
    if wanted in (None, inferred.type) or column.isna().all():
        return inferred
    words = _words(column)
    try:
        found = read_numbers(words, forced=True) if wanted == "number" else _dates(words, wanted, 0.5)
    except (ValueError, re.error) as error:  # what pandas says of a format
        raise UserError(f"params.yaml: data.types: {column.name!r}: {wanted!r}: {error}") from error
    if found is None:
        example = words.dropna().mode()
        raise UserError(
            f"params.yaml: data.types: {column.name!r}: {wanted!r}: most of its cells are nothing of the kind, such as "
            f"{example.iloc[0] if len(example) else None!r}; use another of {', '.join(TYPES)}, or a format of dates"
        )
    return found


def _infer(column: pd.Series) -> TypedColumn:
    if pd.api.types.is_datetime64_any_dtype(column):
        return TypedColumn(column, "date", format=ISO)
    if pd.api.types.is_timedelta64_dtype(column):
        return TypedColumn(column.dt.total_seconds(), "number", "durations, in seconds", "duration")
    if _is_number(column):
        return _compact_dates(column) or _finite(column)
    words = _words(column)
    found = read_numbers(words) or read_durations(words) or _dates(words, None, TOLERANCE)
    if found:
        return found
    present = words.dropna()
    if present.nunique() > len(present) / 2 and present.str.split().str.len().median() >= WORDS:
        return TypedColumn(words, "text", "free text: its most frequent words count")
    return TypedColumn(words, "category", _hint(words))


def _hint(words: pd.Series) -> str | None:
    """What else a column of categories may be, where most of its cells are many different numbers or dates."""
    if words.nunique() < MANY:
        return None
    for found in (read_numbers(words, forced=True), _dates(words, None, 0.5)):
        if found:
            others = words[found.values.isna() & words.notna()]
            return f"mostly {found.type}s, but {len(others)} cells such as {others.iloc[0]!r}: set {found.type} in data.types"
    return None


def _is_number(column: pd.Series) -> bool:
    """Numbers and truth values, also with missing ones."""
    return pd.api.types.is_numeric_dtype(column) or all(isinstance(value, bool) for value in column.dropna())


def _words(column: pd.Series) -> pd.Series:
    """As text, None for missing; 5.0 as 5."""
    column = column.astype(object).where(column.notna(), None)
    return column.map(lambda value: str(int(value) if _is_whole(value) else value), na_action="ignore")


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _finite(column: pd.Series) -> TypedColumn:
    style = "plain" if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column) else "boolean"
    column = column.astype(np.float64)
    infinite = int(np.isinf(column).sum())
    return TypedColumn(column, "number", f"{infinite} infinite values count as missing" if infinite else None, style)


def _compact_dates(column: pd.Series) -> TypedColumn | None:
    """Whole numbers that are all dates, such as 20240131; 0 and 99991231 stand for none."""
    none = ("0", "99991231")
    present = column[column.notna() & ~column.isin(map(int, none))]
    if present.nunique() < 3 or not present.between(1800_01_01, 2200_12_31).all() or (present % 1 != 0).any():
        return None
    dates = pd.to_datetime(present.astype("int64").astype(str), format="%Y%m%d", errors="coerce").reindex(column.index)
    found = TypedColumn(dates, "date", "dates as %Y%m%d", "%Y%m%d", na_values=none)
    return found if dates.notna().sum() == len(present) else None


def read_numbers(words: pd.Series, forced: bool = False) -> TypedColumn | None:
    """Text as the numbers that it writes, None where it does not; forced: though up to half of the cells do not."""
    found = parse_numbers(Counter(words.value_counts().to_dict()), forced)
    if found is None:
        return None
    notes = [f"numbers written like {found.format}"] if found.format != "1234.5" else []
    notes += [f"{found.other} fits as well"] if found.other else []
    notes += [f"numbers with {found.unit!r}"] if found.unit else []
    notes += ["thousands and millions (K, M, ...) multiplied out"] if found.scaled else []
    notes += [_missing(words[words.isin(found.unparsed)])] if found.unparsed else []
    values = words.map(found.by_text).astype(np.float64)
    return TypedColumn(
        values, "number", "; ".join(notes) or None, found.format, found.unit, tuple(found.unparsed[:KEPT])
    )


def _missing(strays: pd.Series) -> str:
    return f"{len(strays)} cells such as {strays.iloc[0]!r} count as missing"


def read_durations(words: pd.Series) -> TypedColumn | None:
    """Durations and times of day, in seconds."""
    if words.isna().all():
        return None
    seconds = _seconds(words)
    if seconds.notna().sum() < words.notna().sum():
        return None
    return TypedColumn(seconds, "number", "durations or times of day, in seconds", "duration")


def _seconds(words: pd.Series) -> pd.Series:
    words = words.where(words.str.fullmatch(DURATION).eq(True))
    whole = words.str.replace(r"^(\D*)(\d+:\d\d)$", r"\1\2:00", regex=True)  # pandas wants seconds
    return pd.to_timedelta(whole, errors="coerce").dt.total_seconds()


def _dates(words: pd.Series, wanted: str | None, tolerance: float) -> TypedColumn | None:
    """Dates in ISO 8601, or in the format that fits most cells; with a zone, as UTC."""
    cells = words.value_counts()
    texts = pd.Series(cells.index, dtype=object)
    if texts.empty or cells[texts.str.contains(r"\d").to_numpy()].sum() < (1 - tolerance) * cells.sum():
        return None
    if wanted in (None, "date"):
        dates = _to_datetime(words, ISO)
        if dates.notna().sum() == words.notna().sum() and texts.str.len().min() >= len("2000-01-01"):
            return TypedColumn(dates, "date", format=ISO)
        formats = [form for form in DATE_FORMATS if any(_fits(text, form) for text in texts[:5])]
    else:
        formats = [wanted]
    counts = {form: int(cells[_to_datetime(texts, form).notna().to_numpy()].sum()) for form in formats}
    if not counts or max(counts.values()) < (1 - tolerance) * cells.sum():
        return None
    best, *others = sorted(formats, key=lambda form: -counts[form])
    dates = _to_datetime(words, best)
    notes = [f"dates as {best}"]
    if others and counts[others[0]] == counts[best]:
        notes.append(f"{others[0]} fits as well: choose in data.types")
    if "%y" in best:
        notes.append(f"years from {dates.min().year} to {dates.max().year}")
    if len(strays := words[dates.isna() & words.notna()]):
        notes.append(_missing(strays))
    return TypedColumn(dates, "date", "; ".join(notes), best, na_values=tuple(strays.value_counts().index[:KEPT]))


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _to_datetime(words: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(words, errors="coerce", format=form, utc=True).dt.tz_localize(None)


# --- The cells of a new table ---------------------------------------------------------------------------------------


def read_as(column: pd.Series, known: ColumnSchema) -> tuple[pd.Series, pd.Series]:
    """Read new cells as those of the training rows were: what infer_type() would have made of them there, cell by cell.

    column: text, or what a Parquet file holds. Returns the values, as in TypedColumn, and the texts of the cells that cannot be
    read so, which are missing among the values.
    """
    nothing = pd.Series([], dtype=object)
    if known.type in ("category", "text"):
        words = _words(column)  # classes that are truth values are called as Python calls them
        return words.replace({text: str(TRUTH[text] == "1") for text in TRUTH}) if known.format else words, nothing
    if typed := _typed(column, known):
        return typed.values, nothing
    words = _words(column).mask(lambda words: words.isin(known.na_values))
    values = _dates_of(words, known) if known.type == "date" else _numbers_of(words, known)
    strays = words[words.notna() & values.isna()]
    return values, strays[~strays.str.fullmatch(MARK).astype(bool)]


def _typed(column: pd.Series, known: ColumnSchema) -> TypedColumn | None:
    """What needs no reading: dates, durations, and numbers where those of training had no unit."""
    if known.type == "date":
        return TypedColumn(column, "date") if pd.api.types.is_datetime64_any_dtype(column) else None
    if known.format == "duration":
        return _infer(column) if pd.api.types.is_timedelta64_dtype(column) else None
    if column.isna().all():  # of any type
        return TypedColumn(pd.Series(np.nan, column.index), "number")
    return _finite(column) if _is_number(column) and not known.unit else None


def _dates_of(words: pd.Series, known: ColumnSchema) -> pd.Series:
    if known.format == "%Y%m%d":  # a column of numbers, 20240131.0 where one was missing
        words = words.str.replace(r"\.0*$", "", regex=True)
    return _to_datetime(words, known.format)


def _numbers_of(words: pd.Series, known: ColumnSchema) -> pd.Series:
    if known.format == "duration":
        return _seconds(words)
    if known.format in ("plain", "boolean"):  # as pandas read the file
        words = words.replace(TRUTH) if known.format == "boolean" else words
        return pd.to_numeric(words, errors="coerce").astype(np.float64)
    by_text = {text: read_number(text, known.format, known.unit) for text in words.dropna().unique()}
    return words.map(by_text).astype(np.float64)
