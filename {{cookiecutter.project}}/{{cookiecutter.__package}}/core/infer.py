"""Infer the type of a column - numbers, dates, categories or free text - and read new values in the same way."""

import re
from collections import Counter
from datetime import datetime
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .errors import UserError
from .schema import ColumnSchema, ColumnType
from .sniff.literals import (
    CLOCK_12,
    DURATION,
    FORMATS,
    MARK,
    MAX_LENGTH,
    MAX_UNPARSED,
    MIN_DISTINCT,
    MISSING,
    ZERO_DATE,
    parse_numbers,
    read_number,
    tolerance,
)

TYPES = ("number", "date", "category", "text")
ISO = "ISO8601"
TRUTH = {"True": "1", "TRUE": "1", "true": "1", "False": "0", "FALSE": "0", "false": "0"}  # as pandas reads them
MAX_EXACT = 2**53  # whole numbers from here on lose digits as float64
MAX_NA_VALUES = 20  # texts that are recorded as missing, the most frequent ones
MIN_CODES = 0.05  # share of values with a leading zero that makes whole numbers codes
MIN_TEXT_WORDS = 4  # in half of the values of a column of free text
NAMES_NOTE = "whole numbers of too many digits for a model, read as categories"

# Whole numbers, and all numbers, as programs write them; for RE2, which takes linear time.
_WHOLE = r"^[-+]?\d+$"
_PLAIN = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?[iI]nf(inity)?$"
_POINT_THOUSANDS = r"^[-+]?[1-9]\d{0,2}(\.\d{3})*$"  # 12.904 and 405

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y",
    "%m-%d-%Y", "%d-%m-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
    "%B %d %Y", "%b. %d, %Y", "%a, %d %b %Y", "%A, %B %d, %Y", "%d%b%Y", "%Y%m%d",
)  # fmt: skip
_TIMES = (
    "", " %H:%M", ", %H:%M", " %H:%M:%S", ", %H:%M:%S", " %H:%M:%S.%f", " %H:%M:%S,%f", " %I:%M %p", " %I:%M%p",
    " %I:%M:%S %p", " %H:%M:%S %z", " %H:%M:%S UTC", " %H:%M:%S GMT", "T%H:%M:%S", ":%H:%M:%S",
)  # fmt: skip
_MONTHS = (
    "%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%b/%Y", "%b-%y", "%b %y", "%B %y", "%b/%y",
    "%b'%y", "%b '%y", "%Y-%b", "%Y %b", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
DATE_FORMATS = (*map("".join, product(_DAYS, _TIMES)), *_MONTHS)
DIGIT_FORMATS = ("%m%d%Y", "%d%m%Y")  # 05112025


def check_type(value: str) -> str:
    """Return a type of column, a date format or a number format. Raises ValueError for anything else."""
    try:
        is_known = (
            value in TYPES
            or value in FORMATS
            or ("%" in value and datetime.strptime(datetime(2000, 1, 31).strftime(value), value))
        )
    except (ValueError, re.error):
        is_known = False
    if not is_known:
        raise ValueError(
            f"should be {', '.join(TYPES)}, a date format such as %d.%m.%Y, or a number format: {', '.join(FORMATS)}"
        )
    return value


class TypedColumn(NamedTuple):
    """A column of one type, and how it was read: in words, and as in schema.ColumnSchema.

    The values are float64 (Int64 if float64 would lose digits), datetime64 without a zone, or str, None for missing.
    """

    values: pd.Series
    type: ColumnType
    note: str | None = None
    format: str | None = None
    unit: str = ""
    na_values: tuple[str, ...] = ()


def infer_type(column: pd.Series, wanted: str | None = None, decimal: str | None = None) -> TypedColumn:
    """Infer the type of a column and read its values.

    Args:
        column: text with None for missing, or values of any type.
        wanted: a type, date format or number format that the user gave in data.types.
        decimal: the decimal mark of the file, "." or ",", if it is known.

    Raises:
        UserError: most of its values cannot be read as `wanted`.
    """
    if wanted in ("category", "text"):
        type_: ColumnType = "category" if wanted == "category" else "text"
        return TypedColumn(_words(column), type_, "as data.types has it")
    inferred = _infer(column, decimal)
    if wanted in (None, inferred.type) or column.isna().all():
        return inferred
    texts = Texts.of(column)
    typed: TypedColumn | None
    try:
        if wanted == "number" or wanted in FORMATS:
            typed = _numbers(texts, True, wanted if wanted in FORMATS else None, decimal)
        else:
            typed = _dates(texts, wanted, forced=True)
    except (ValueError, re.error) as error:  # from pandas, for a format
        raise UserError(f"params.yaml: data.types: {column.name!r}: {wanted!r}: {error}") from error
    if typed is None:
        example = texts.distinct[texts.counts == texts.counts.max()].min()
        raise UserError(
            f"params.yaml: data.types: {column.name!r}: {wanted!r}: does not fit most of its values, such as "
            f"{example!r}; use another of {', '.join(TYPES)}, or a format"
        )
    return texts.spread(typed)


class Texts(NamedTuple):
    """The different texts of a column. Types are inferred from them and not row by row, as most columns repeat theirs.

    distinct: the texts as objects, in the order of their first rows; counts: how many rows have each; codes: for each
    row the place of its text, -1 if it is missing, with the index and the name of the column.
    """

    distinct: pd.Series
    counts: pd.Series
    codes: pd.Series

    @classmethod
    def of(cls, column: pd.Series) -> "Texts":
        codes, distinct = pd.factorize(column if _holds_text(column) else _words(column))
        counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
        codes = pd.Series(codes, column.index, name=column.name)
        return cls(pd.Series(distinct, dtype=object), pd.Series(counts), codes)

    @property
    def rows(self) -> int:
        """The rows with a text."""
        return int(self.counts.sum())

    def some(self, chosen: pd.Series) -> "Texts":
        """The texts that are chosen."""
        return self._replace(distinct=self.distinct[chosen], counts=self.counts[chosen])

    def by_frequency(self) -> Counter[str]:
        """How many rows have each text, the most frequent first."""
        counts = self.counts.sort_values(ascending=False, kind="stable")
        return Counter(dict(zip(self.distinct[counts.index], counts.tolist(), strict=True)))

    def per_row(self, values: pd.Series) -> pd.Series:
        """A value for each row from a value for each text; missing ones are None among objects."""
        if values.dtype == object:
            rows = np.append(values.to_numpy(), np.array([None]))[self.codes]  # the last one is for missing texts
        else:
            rows = values.array.take(self.codes.to_numpy(), allow_fill=True)
        return pd.Series(rows, self.codes.index, dtype=rows.dtype, name=self.codes.name)

    def spread(self, typed: TypedColumn) -> TypedColumn:
        return typed._replace(values=self.per_row(typed.values))


def _holds_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column) or (
        column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "string"
    )


def _infer(column: pd.Series, decimal: str | None) -> TypedColumn:
    if pd.api.types.is_datetime64_any_dtype(column):
        return TypedColumn(column, "date", format=ISO)
    if pd.api.types.is_timedelta64_dtype(column):
        return TypedColumn(column.dt.total_seconds(), "number", "durations, in seconds", "duration")
    if _is_number(column):
        if dates := _compact_dates(column):
            return dates
        present = column.dropna()
        if _is_whole_type(column) and _are_names(present, present.nunique(), len(present)):
            return TypedColumn(_words(column), "category", NAMES_NOTE)
        return _finite(column)
    texts = Texts.of(column)
    return texts.spread((_plain(texts, decimal) if _holds_text(column) else None) or _written(texts, decimal))


def _written(texts: Texts, decimal: str | None) -> TypedColumn:
    """Numbers, durations and dates as people write them, else free text or categories."""
    numbers, durations = _numbers(texts, decimal=decimal), _durations(texts)
    if numbers and durations and not durations.na_values and numbers.na_values:  # 5 min among hours
        numbers = None
    if typed := numbers or durations or _dates(texts):
        return typed
    if len(texts.distinct) > texts.rows / 2:
        words = texts.distinct.str.split().str.len().repeat(texts.counts)
        if words.median() >= MIN_TEXT_WORDS:
            return TypedColumn(texts.distinct, "text", "free text: its most frequent words count")
    return TypedColumn(texts.distinct, "category", _hint(texts, decimal))


def _plain(texts: Texts, decimal: str | None) -> TypedColumn | None:
    """Truth values, dates in eight digits, and numbers as programs write them; None for anything else."""
    distinct = texts.distinct
    if distinct.isin(list(TRUTH)).all():
        return _finite(distinct.map(TRUTH).astype(np.float64))._replace(format="boolean")
    numbers = plain_numbers(distinct)
    if numbers is None:
        return None
    if decimal != "." and _may_be_thousands(texts):
        return None  # _numbers decides
    return _digit_dates(distinct) or _compact_dates(numbers) or _codes(texts, numbers) or _finite(numbers, texts.counts)


def _codes(texts: Texts, numbers: pd.Series) -> TypedColumn | None:
    """Whole numbers that are names and recur: different texts that the model would take for the same number."""
    distinct = texts.distinct
    if _all_match(distinct, _WHOLE) and numbers.nunique() < len(distinct):
        zeros = texts.counts[distinct.str.startswith("0") & (distinct.str.len() > 1)].sum() / texts.rows
        if zeros >= MIN_CODES:
            return TypedColumn(distinct, "category", "codes such as 01 beside 1, read as categories")
    are_names = _are_names(numbers, len(distinct), texts.rows)
    return TypedColumn(distinct, "category", NAMES_NOTE) if are_names else None


def _are_names(numbers: pd.Series, distinct: int, rows: int) -> bool:
    """Whether some of the different whole numbers in these rows would be the same as float64."""
    if numbers.empty or not numbers.abs().max() > MAX_EXACT or not (numbers % 1 == 0).all():
        return False
    recur = 1 < distinct <= rows / 2
    return (recur or numbers.dtype == float) and numbers.astype(np.float64).nunique() < distinct


def matches(texts: pd.Series, pattern: str) -> pd.Series:
    """Whether each text matches a pattern of RE2, which is quicker than Python's."""
    array = pa.array(texts, pa.large_string(), from_pandas=True)
    return pc.match_substring_regex(array, pattern).to_pandas().set_axis(texts.index)


def _all_match(texts: pd.Series, pattern: str) -> bool:
    """Whether all texts do; the first ones show it for most columns."""
    return all(matches(some, pattern).ne(False).all() for some in (texts.head(100), texts))


def plain_numbers(column: pd.Series) -> pd.Series | None:
    """The numbers of a column of text that are all written as programs write them; None if some are not.

    float64, or Int64 if they are whole and float64 would lose digits.
    """
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    if (pc.max(pc.utf8_length(texts)).as_py() or 0) > MAX_LENGTH:
        return None
    if not _all_match(column, _PLAIN):
        return None
    texts = pc.utf8_ltrim(texts, characters="+")
    numbers = pd.Series(pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False), column.index, name=column.name)
    if numbers.abs().max() < MAX_EXACT or not _all_match(column, _WHOLE):
        return numbers
    try:
        whole = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:  # more than 64 bits
        return numbers
    return pd.Series(whole.to_pandas(types_mapper=lambda _: pd.Int64Dtype()).array, column.index, name=column.name)


def _may_be_thousands(texts: Texts) -> bool:
    """Whether points may separate thousands: each has three digits behind it, and one to three before it."""
    first = texts.distinct[: texts.codes[texts.codes >= 0].head(100).max() + 1]  # of the first 100 rows
    return bool(first.str.contains(".", regex=False).any()) and _all_match(texts.distinct, _POINT_THOUSANDS)


def _hint(texts: Texts, decimal: str | None) -> str | None:
    """What else a column of categories may be, if most of its values are many different numbers or dates."""
    if len(texts.distinct) < MIN_DISTINCT:
        return None
    for typed in (_numbers(texts, forced=True, decimal=decimal), _dates(texts, forced=True)):
        others = texts.some(typed.values.isna()) if typed else texts
        if typed and 2 * others.rows < texts.rows:
            return (
                f"mostly {typed.type}s, but {others.rows} values such as {others.distinct.iloc[0]!r}: "
                f"set {typed.type} in data.types"
            )
    return None


def _is_number(column: pd.Series) -> bool:
    """Numbers and truth values, also with missing ones, or nothing but missing ones."""
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return True
    return column.dtype == object and all(isinstance(value, bool) for value in column.dropna())


def _is_whole_type(column: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _words(column: pd.Series) -> pd.Series:
    """As text, None for missing; 5.0 as 5."""
    is_text = pd.api.types.is_string_dtype(column) and column.dtype != object
    column = column.astype(object).where(column.notna(), None)
    if is_text:
        return column
    return column.map(lambda value: str(int(value) if _is_whole(value) else value), na_action="ignore")


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _finite(column: pd.Series, counts: pd.Series | None = None) -> TypedColumn:
    """Numbers and truth values as float64, or as Int64; counts: the rows of each, if they are not one each."""
    is_plain = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if pd.api.types.is_integer_dtype(column) and _loses_digits(column):
        return TypedColumn(column.astype("Int64"), "number", format="plain")
    column = column.astype(object if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype).astype(np.float64)
    is_infinite = np.isinf(column)
    infinite = int(is_infinite.sum() if counts is None else counts[is_infinite].sum())
    note = f"{infinite} infinite values count as missing" if infinite else None
    return TypedColumn(column, "number", note, "plain" if is_plain else "boolean")


def _loses_digits(column: pd.Series) -> bool:
    """Whether float64 cannot hold a column of whole numbers, and 64 bits can."""
    low, high = column.min(), column.max()
    return not pd.isna(low) and max(-int(low), int(high)) > MAX_EXACT and int(low) >= -(2**63) and int(high) < 2**63


def _compact_dates(column: pd.Series) -> TypedColumn | None:
    """Whole numbers that are all dates, such as 20240131; 0 and 99991231 stand for "no date"."""
    none = ("0", "99991231")
    present = column[column.notna() & ~column.isin(map(int, none))]
    if present.nunique() < 3 or not present.between(1800_01_01, 2200_12_31).all() or (present % 1 != 0).any():
        return None
    dates = pd.to_datetime(present.astype("int64").astype(str), format="%Y%m%d", errors="coerce").reindex(column.index)
    if dates.notna().sum() < len(present):
        return None
    return TypedColumn(dates, "date", "dates as %Y%m%d", "%Y%m%d", na_values=none)


def _digit_dates(texts: pd.Series) -> TypedColumn | None:
    """Eight digits that are all dates with the year behind, such as 05112025; numbers have no zero in front."""
    if len(texts) < 3 or not _all_match(texts, r"^\d{8}$") or not texts.str.startswith("0").any():
        return None
    fitting = []
    for form in DIGIT_FORMATS:
        dates = _to_datetime(texts, form)
        if dates.notna().all() and dates.min().year >= 1900 and dates.max().year <= 2100:
            fitting.append((form, dates))
    if not fitting:
        return None
    form, dates = fitting[0]
    other = f"; {fitting[1][0]} fits as well: choose in data.types" if len(fitting) > 1 else ""
    return TypedColumn(dates, "date", f"dates as {form}{other}", form)


def read_numbers(column: pd.Series, decimal: str | None = None) -> TypedColumn | None:
    """Read a column of text as numbers; None if it does not write numbers. decimal: as for literals.parse_numbers."""
    texts = Texts.of(column)
    numbers = _numbers(texts, decimal=decimal)
    return numbers and texts.spread(numbers)


def read_durations(column: pd.Series) -> TypedColumn | None:
    """Read a column of text as durations or times of day, in seconds; None if it is neither."""
    texts = Texts.of(column)
    durations = _durations(texts)
    return durations and texts.spread(durations)


def _numbers(
    texts: Texts, forced: bool = False, style: str | None = None, decimal: str | None = None
) -> TypedColumn | None:
    """Read texts as numbers; None if they are not.

    Args:
        forced: accept up to half of other values.
        style, decimal: as for literals.parse_numbers.
    """
    numbers = parse_numbers(texts.by_frequency(), forced, style, decimal)
    if numbers is None:
        return None
    unparsed = texts.some(texts.distinct.isin(numbers.unparsed))
    notes = [f"numbers written like {numbers.format}"] if numbers.format != "1234.5" else []
    if numbers.other:
        notes = [f"numbers written like {numbers.format}", f"{numbers.other} fits as well: choose in data.types"]
    notes += [f"numbers with {numbers.unit!r}"] if numbers.unit else []
    notes += ["thousands and millions (K, M, ...) multiplied out"] if numbers.scaled else []
    notes += [f"{' and '.join(numbers.marks)} beside a number is left out"] if numbers.marks else []
    notes += [_missing(unparsed)] if numbers.unparsed else []
    exact = None
    if numbers.format == "1234.5" and not numbers.unit and not numbers.scaled:
        exact = plain_numbers(texts.distinct.where(texts.distinct.isin(list(numbers.by_text)), None))
    values = texts.distinct.map(numbers.by_text).astype(np.float64) if exact is None else exact
    note = "; ".join(notes) or None
    return TypedColumn(values, "number", note, numbers.format, numbers.unit, _na_values(unparsed))


def _missing(unparsed: Texts) -> str:
    example = unparsed.distinct.iloc[0]
    shown = repr(example if len(example) <= MAX_LENGTH else f"{example[:MAX_LENGTH]}...")
    if unparsed.rows == 1:
        return f"1 value, {shown}, counts as missing"
    return f"{unparsed.rows} values such as {shown} count as missing"


def _na_values(unparsed: Texts) -> tuple[str, ...]:
    """The texts to record as missing, the most frequent ones, without long ones."""
    short = unparsed.some(unparsed.distinct.str.len() <= MAX_LENGTH)
    return tuple(short.by_frequency())[:MAX_NA_VALUES]


def _durations(texts: Texts) -> TypedColumn | None:
    """Read texts as durations or times of day, in seconds; None if they are neither."""
    seconds = _seconds(texts.distinct)
    unparsed = texts.some(seconds.isna() & ~texts.distinct.str.fullmatch(MARK).eq(True))
    present = unparsed.rows + texts.counts[seconds.notna()].sum()
    if not present or unparsed.rows > tolerance(seconds.nunique(), len(unparsed.distinct)) * present:
        return None
    notes = ["durations or times of day, in seconds"] + ([_missing(unparsed)] if unparsed.rows else [])
    return TypedColumn(seconds, "number", "; ".join(notes), "duration", na_values=_na_values(unparsed))


def _seconds(words: pd.Series) -> pd.Series:
    unique = pd.Series(words.dropna().unique(), dtype=object)
    unique = unique[(unique.str.len() <= MAX_LENGTH) & unique.str.fullmatch(DURATION)]
    is_half_day = unique.str.fullmatch(CLOCK_12)
    whole = unique.str.replace(r"^(\D*)(\d+:\d\d)$", r"\1\2:00", regex=True)  # pandas wants seconds
    whole = whole.str.replace(r"(hr|min|sec)s", r"\1", regex=True)  # and no plural of these
    seconds = pd.to_timedelta(whole.mask(is_half_day), errors="coerce").dt.total_seconds()
    seconds[is_half_day] = unique[is_half_day].map(_time_of_day)
    return words.map(dict(zip(unique, seconds, strict=True))).astype(np.float64)


def _time_of_day(text: str) -> float:
    """The seconds since midnight of a time such as 1:05 PM."""
    hour, minute, second = (int(part) for part in [*re.findall(r"\d+", text), "0", "0"][:3])
    return (hour % 12 + 12 * ("p" in text.lower())) * 3600.0 + minute * 60 + second


def _dates(texts: Texts, wanted: str | None = None, forced: bool = False) -> TypedColumn | None:
    """Dates in ISO 8601, or in the format that fits most values; with a zone, as UTC. None if they are not dates."""
    words = texts.distinct
    is_none = words.str.fullmatch(f"{ZERO_DATE}|{MARK}").eq(True) | (words.str.len() > MAX_LENGTH)
    dated = texts.some(~is_none)
    if not dated.rows or dated.counts[dated.distinct.str.contains(r"\d")].sum() < MAX_UNPARSED * dated.rows:
        return None
    if wanted in (None, "date"):
        dates = _to_datetime(words.mask(is_none, None), ISO)
        if dates.notna().sum() == len(dated.distinct) and dated.distinct.str.len().min() >= len("2000-01-01"):
            zeros = texts.some(is_none)
            return TypedColumn(dates, "date", _missing(zeros) if zeros.rows else None, ISO, na_values=_na_values(zeros))
        formats = _likely_formats([*dated.by_frequency()][:5])
    else:
        formats = [wanted]
    by_format = {form: _to_datetime(words.mask(is_none, None), form) for form in formats}
    counts = {form: int(texts.counts[dates.notna()].sum()) for form, dates in by_format.items()}
    if not counts:
        return None
    best, *others = sorted(formats, key=lambda form: -counts[form])
    dates = by_format[best]
    unparsed = dated.some(dates[dated.distinct.index].isna())
    if unparsed.rows > _date_tolerance(dates, unparsed.distinct, forced) * dated.rows:
        return None
    notes = [f"dates as {best}"]
    if others and counts[others[0]] == counts[best]:
        notes.append(f"{others[0]} fits as well: choose in data.types")
    if "%y" in best:
        notes.append(f"years from {dates.min().year} to {dates.max().year}")
    missing = texts.some(dates.isna())
    notes += [_missing(missing)] if missing.rows else []
    return TypedColumn(dates, "date", "; ".join(notes), best, na_values=_na_values(missing))


def _likely_formats(texts: list[str]) -> list[str]:
    return [form for form in DATE_FORMATS if any(_fits(text, form) for text in texts)]


def _date_tolerance(dates: pd.Series, unparsed: pd.Series, forced: bool) -> float:
    return max(tolerance(dates.nunique(), unparsed.nunique(), forced), 0.05)


def _fits(text: str, form: str) -> bool:
    marks = re.sub(r"%\w|\s", "", form).lower()
    if not set(marks) <= set(text.lower()):  # strptime would compile a pattern to find this out
        return False
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _to_datetime(words: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(words, errors="coerce", format=form, utc=True).dt.tz_localize(None)


# --- The values of a new table --------------------------------------------------------------------------------------


def read_as(column: pd.Series, schema: ColumnSchema) -> tuple[pd.Series, pd.Series]:
    """Read new values as infer_type() would have read them among the training rows, one by one.

    Args:
        column: text, or values of a Parquet file.
        schema: the column in training.

    Returns:
        The values, as in TypedColumn, and the texts that cannot be read so, which are missing among the values.
    """
    nothing = pd.Series([], dtype=object)
    if schema.type in ("category", "text"):
        texts = Texts.of(column)
        words = texts.distinct
        if schema.format == "boolean":  # classes are named as Python names them
            words = words.replace({text: str(TRUTH[text] == "1") for text in TRUTH})
        return texts.per_row(words.mask(words.isin(_missing_texts(schema)), None)), nothing
    if typed := _typed(column, schema):
        return typed.values, nothing
    texts = Texts.of(column)
    words = texts.distinct.mask(texts.distinct.isin(MISSING | set(schema.na_values)), None)
    values = _dates_of(words, schema) if schema.type == "date" else _numbers_of(words, schema)
    is_mark = words.str.fullmatch(f"{ZERO_DATE}|{MARK}" if schema.type == "date" else MARK).eq(True)
    unparsed = texts.per_row(words.where(values.isna() & ~is_mark, None))
    return texts.per_row(values), unparsed[unparsed.notna()]


def _missing_texts(schema: ColumnSchema) -> set[str]:
    """The texts that stand for "no value" in a column of words: a category of the training rows is not one of them."""
    texts = MISSING if schema.role != "feature" or schema.categories is not None or schema.type == "text" else {""}
    known = {*(schema.categories or ()), *(schema.test_only_categories or ())}
    return (set(texts) | set(schema.na_values)) - known


def _typed(column: pd.Series, schema: ColumnSchema) -> TypedColumn | None:
    """Values that need no reading: dates, durations, and numbers if the training numbers had no unit."""
    if schema.type == "date":
        return TypedColumn(column, "date") if pd.api.types.is_datetime64_any_dtype(column) else None
    if schema.format == "duration":
        return _infer(column, None) if pd.api.types.is_timedelta64_dtype(column) else None
    if column.isna().all():  # of any type
        return TypedColumn(pd.Series(np.nan, column.index), "number")
    return _finite(column) if _is_number(column) and not schema.unit else None


def _dates_of(words: pd.Series, schema: ColumnSchema) -> pd.Series:
    form = str(schema.format)
    if form == "%Y%m%d":  # a column of numbers, 20240131.0 if one was missing
        words = words.str.replace(r"\.0*$", "", regex=True)
    return _to_datetime(words.mask(words.str.len() > MAX_LENGTH, None), form)


def _numbers_of(words: pd.Series, schema: ColumnSchema) -> pd.Series:
    if schema.format == "duration":
        return _seconds(words)
    if schema.format in ("plain", "boolean"):  # as programs write them
        words = words.replace(TRUTH) if schema.format == "boolean" else words
        words = words.mask(words.str.len() > MAX_LENGTH, None)
        return pd.to_numeric(words, errors="coerce").astype(np.float64)
    by_text = {text: read_number(text, str(schema.format), schema.unit) for text in words.dropna().unique()}
    return words.map(by_text).astype(np.float64)
