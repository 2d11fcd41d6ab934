"""Read one field of text as a number, a duration or a missing value; only the standard library.

Every pattern takes time linear in the length of the text, and texts longer than MAX_LENGTH are words.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

MAX_LENGTH = 60  # characters of a number, date or duration
MANY_VALUES = 20  # different values, from which a few words among them are taken as missing
TOLERANCE = 0.05  # largest share of such words; half, if it is one word

# Fields that never hold a value: empty ones, and errors and nulls of spreadsheets and databases.
EMPTY = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "NaT",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#NV", "#REF!", "#VALUE!", "(null)", "\\N",
})  # fmt: skip
# Words for a missing value, which among other words may be a value too, such as NA for North America.
MISSING_WORDS = frozenset({"NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "Null", "null", "None"})
NO_VALUE = r"[-?.*/_#\s\u2013\u2014\u2026]+|[0/.:\s-]*0{4}-00-00[0:.\sTZ]*|00?[/.]00?[/.]0000"  # marks, and zero dates

DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})( .*)?"
EXPONENT = r"([eE][-+]?\d+)?"
PLAIN = r"[-+]?(\d+\.?\d*|\.\d+)" + EXPONENT + r"|[-+]?[iI]nf(inity)?"
SPACES = " \u00a0\u2009\u202f'\u2019"


class NumberFormat(NamedTuple):
    """How numbers are written: a pattern, the characters that separate thousands, and the decimal separator."""

    pattern: str
    thousands: str
    decimal: str


# By an example of the format. The first one that fits best is used.
FORMATS = {
    "1234.5": NumberFormat(PLAIN, "", "."),
    "1,234.5": NumberFormat(r"[-+]?([1-9]\d?\d?(,\d{2,3})*,\d{3}|\d+)(\.\d*)?" + EXPONENT, ",", "."),  # or 1,23,456
    "1.234,5": NumberFormat(r"[-+]?([1-9]\d?\d?(\.\d{3})+|\d+)(,\d*)?" + EXPONENT, ".", ","),
    "1 234,5": NumberFormat(r"[-+]?([1-9]\d?\d?([" + SPACES + r"]\d{3})+|\d+)([.,]\d*)?" + EXPONENT, SPACES, ","),
}
PATTERNS = {name: re.compile(form.pattern, re.ASCII) for name, form in FORMATS.items()}

SCALES = {"K": 1e3, "k": 1e3, "thousand": 1e3, "M": 1e6, "mn": 1e6, "Mio": 1e6, "million": 1e6}
SCALES |= dict.fromkeys(["B", "bn", "Mrd", "billion"], 1e9)
CURRENCY = r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺₫₴฿]|[A-Z]{3}|Rs\.?|kr\.?)"
UNIT = r"(?:[^\W\d_]|[%‰°µ$€£¥₹₽₩₺₫₴฿])(?:[^\W\d_]|[%‰°$€²³./·^ -]|(?<=[^\W\d_^-])\d(?!\d)){0,23}"
NUMBER = re.compile(
    r"(?P<sign>[-+]?) ?(?P<before>" + CURRENCY + r")? ?"
    r"(?P<number>[-+]?[.,]?\d(?:[\d.,'\u2019\u2009\u00a0\u202f ]*[\d.,])?(?:[eE][-+]?\d+)?)"
    r" ?(?P<scale>(?:" + "|".join(SCALES) + r")(?![^\W\d_])\.?)?"
    r"(?P<mark>\+|\*{1,3}|†|\[\w{1,2}\])? ?(?P<after>" + UNIT + r")?(?P<mark_after>\+|\*{1,3}|†|\[\w{1,2}\])?"
)
IN_BRACKETS = re.compile(r"(" + CURRENCY + r"?) ?\( ?([^()]*\d[^()]*?) ?\) ?(" + UNIT + r")?")  # of bookkeepers
ZERO_DASH = re.compile(rf"({CURRENCY}) ?-+|-+ ?({CURRENCY})")
FORMULA = re.compile(r'=?"([^"]*)"|=([-+]?[\d.]+)')
IRREGULAR = {"feet": "foot", "inches": "inch", "st": "th", "nd": "th", "rd": "th"}  # of units, and of ordinals


class Literal(NamedTuple):
    """The parts of a text that looks like a number."""

    number: str
    scale: float = 1
    unit: str = ""
    mark: str = ""  # such as the + of 10,000+


class Numbers(NamedTuple):
    """Texts as numbers.

    Attributes:
        by_text: the number of each text; an int if it is whole, with all of its digits.
        format: how they are written, a key of FORMATS; other: another one that fits as well, with other values.
        unit: their unit, as most of them spell it; without_unit: how many non-zero ones have none.
        scaled: whether some are in thousands, millions and so on.
        marked: whether some have a mark after the number.
        unparsed: the texts that are not numbers.
    """

    by_text: dict[str, float]
    format: str = "1234.5"
    other: str | None = None
    unit: str = ""
    without_unit: int = 0
    scaled: bool = False
    marked: bool = False
    unparsed: tuple[str, ...] = ()


def unwrap(text: str) -> str:
    """The field without surrounding spaces, and without the `="..."` with which Excel keeps a text as it is."""
    text = text.strip()
    formula = FORMULA.fullmatch(text) if text.startswith("=") else None
    return (formula[1] or formula[2] or "").strip() if formula else text


def is_missing(text: str) -> bool:
    """Whether a field among numbers or dates holds no value: a mark such as ? or -, a missing-value word, zeros."""
    return text in EMPTY or text in MISSING_WORDS or (len(text) <= MAX_LENGTH and bool(re.fullmatch(NO_VALUE, text)))


def is_plain(text: str) -> bool:
    return len(text) <= MAX_LENGTH and PATTERNS["1234.5"].fullmatch(text) is not None


def has_leading_zero(text: str) -> bool:
    """Whether a text is a code such as 01234, and not only a number."""
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def missing_words(
    values: Counter[str], file_words: Collection[str] = (), given: Collection[str] | None = None
) -> set[str]:
    """The texts of a column that stand for a missing value, besides EMPTY.

    Among numbers, dates or durations, every missing-value word is one. Among words it is a value, unless columns of
    numbers in the same file use it for missing.

    Args:
        values: how often each text occurs.
        file_words: the words that columns of numbers in the file use.
        given: the words that the user listed instead.
    """
    words = {text for text in values if text in MISSING_WORDS}
    listed = {text for text in values if text in given} if given is not None else set()
    if not words - listed:
        return listed
    others = Counter({text: count for text, count in values.items() if text not in words | listed | EMPTY})
    if not others or is_quantity(others):
        return words | listed
    return listed if given is not None else words & set(file_words)


def is_quantity(values: Counter[str]) -> bool:
    """Whether texts are numbers, dates or durations."""
    return parse_numbers(values) is not None or parse_durations(values) is not None or are_dates(values)


def are_dates(values: Collection[str]) -> bool:
    present = [text for text in values if not is_missing(text)]
    return bool(present) and all(len(text) <= MAX_LENGTH and re.fullmatch(DATE, text) for text in present)


# --- Numbers --------------------------------------------------------------------------------------------------------


def parse_numbers(
    values: Counter[str], *, forced: bool = False, decimal: str | None = None, format: str | None = None
) -> Numbers | None:
    """Read texts as numbers of one format and one unit; None if they are not.

    A unit is a currency, a percent sign (5% is 5) or words, the same for all; K, M and the like multiply. Missing
    values do not count.

    Args:
        values: how often each text occurs.
        forced: whether up to half of the fields may be other words, even if there are few different numbers.
        decimal: the decimal separator of other columns in the file, which settles 12.904 and 3,125.
        format: the only format to try, a key of FORMATS.
    """
    present = Counter({text: count for text, count in values.items() if not is_missing(text)})
    literals = {text: parse_literal(text) for text in present}
    numeric = {text: literal for text, literal in literals.items() if literal is not None}
    if not any(character.isdigit() for text in numeric for character in text):
        return None
    unit = _common_unit(numeric, present)
    numeric = {text: literal for text, literal in numeric.items() if _has_unit(literal, unit)}
    fits = {name: {text for text in numeric if PATTERNS[name].fullmatch(numeric[text].number)} for name in FORMATS}
    weights = {name: sum(present[text] for text in texts) for name, texts in fits.items()}
    name, other = _choose_format(numeric, fits, weights, decimal) if format is None else (format, None)
    parsed = {text: literal for text, literal in numeric.items() if text in fits[name]}
    unparsed = tuple(text for text in present if text not in parsed)
    if not parsed or not tolerates(Counter({t: present[t] for t in unparsed}), present.total(), len(parsed), forced):
        return None
    return Numbers(
        {text: to_number(literal, name) for text, literal in parsed.items()},
        name,
        other,
        unit,
        sum(present[text] for text, literal in parsed.items() if unit and not literal.unit and not _is_zero(literal)),
        any(literal.scale != 1 for literal in parsed.values()),
        any(literal.mark for literal in parsed.values()),
        unparsed,
    )


def tolerates(unparsed: Counter[str], rows: int, n_parsed: int, forced: bool = False) -> bool:
    """Whether a column with some unparsed texts still holds what its other texts are.

    Args:
        unparsed: how often each of them occurs.
        rows: fields with a value.
        n_parsed: different texts that were parsed.
        forced: whether the user asked for it.
    """
    if forced or (len(unparsed) == 1 and n_parsed >= MANY_VALUES):
        return unparsed.total() <= rows / 2
    return unparsed.total() <= (TOLERANCE * rows if n_parsed >= MANY_VALUES else 0)


def parse_literal(text: str) -> Literal | None:
    """The parts of a text that looks like a number; None if it does not, or is too long."""
    if len(text) > MAX_LENGTH:
        return None
    if PATTERNS["1234.5"].fullmatch(text):
        return Literal(text)
    text = unwrap(text).replace("\u2212", "-")
    if dash := ZERO_DASH.fullmatch(text):  # an accountant's zero
        return Literal("0", unit=dash[1] or dash[2])
    if brackets := IN_BRACKETS.fullmatch(text):
        text = f"-{brackets[1]}{brackets[2]}{brackets[3] or ''}"
    elif re.fullmatch(r".*\d-", text):
        text = f"-{text[:-1]}"
    match = NUMBER.fullmatch(text.removeprefix("'"))
    if match is None:
        return Literal(text) if PATTERNS["1234.5"].fullmatch(text) else None
    sign, before, number, scale, mark, after, mark_after = match.groups("")
    unit = f"{before} {after}".strip()
    return Literal(sign + number, SCALES.get(scale.rstrip("."), 1), unit, mark or mark_after)


def read_number(text: str, format: str, unit: str) -> float | None:
    """The number that a text writes in a format and with a unit, as parse_numbers() returns them; else None."""
    literal = parse_literal(text)
    if literal is None or not _has_unit(literal, unit) or not PATTERNS[format].fullmatch(literal.number):
        return None
    return to_number(literal, format)


def to_number(literal: Literal, format: str) -> float:
    """The number; an int if it is whole and not scaled."""
    _, thousands, decimal = FORMATS[format]
    text = literal.number
    for separator in thousands:
        text = text.replace(separator, "")
    text = text.replace(decimal, ".")
    if literal.scale == 1 and text.lstrip("+-").isdigit():
        return int(text)
    return float(text) * literal.scale


def _choose_format(
    numeric: dict[str, Literal], fits: dict[str, set[str]], weights: dict[str, int], decimal: str | None
) -> tuple[str, str | None]:
    """The format that fits most fields, and another one that fits as well and reads other numbers."""
    best = [name for name in FORMATS if weights[name] == max(weights.values())]
    format = best[0]
    if decimal is not None:
        format = next((name for name in best if FORMATS[name].decimal == decimal), format)
    others = (name for name in best if fits[name] == fits[format] and _differs(numeric, fits[format], name, format))
    other = next(others, None)
    return (format, other) if other else (best[0], None)  # without a difference, the plainest


def _differs(numeric: dict[str, Literal], texts: set[str], name: str, other: str) -> bool:
    return any(to_number(numeric[text], name) != to_number(numeric[text], other) for text in texts)


def _common_unit(numeric: dict[str, Literal], present: Counter[str]) -> str:
    """The unit, as most fields spell it; none if only a few fields have one."""
    units: Counter[str] = Counter()
    spellings: Counter[str] = Counter()
    for text, literal in numeric.items():
        if literal.unit or not _is_zero(literal):
            units[fold_unit(literal.unit)] += present[text]
            spellings[literal.unit] += present[text]
    named = Counter({unit: count for unit, count in units.items() if unit})
    if not named:
        return ""
    unit, count = named.most_common(1)[0]
    if count <= TOLERANCE * units.total() or (unit in ("%", "‰") and count < units[""]):
        return ""
    return next(spelling for spelling, _ in spellings.most_common() if fold_unit(spelling) == unit)


def _has_unit(literal: Literal, unit: str) -> bool:
    """Whether a number has the unit of its column. It may lack it, but a percentage never does; zero needs none."""
    if not literal.unit:
        return _is_zero(literal) or fold_unit(unit) not in ("%", "‰")
    return fold_unit(literal.unit) == fold_unit(unit)


def _is_zero(literal: Literal) -> bool:
    return not re.search(r"[1-9]", literal.number) and "nf" not in literal.number


@lru_cache(maxsize=10_000)
def fold_unit(unit: str) -> str:
    """A unit without case, dots, repeated spaces and plural endings."""
    words = unit.replace(".", "").casefold().split()
    return " ".join(IRREGULAR.get(word, word.removesuffix("s") if len(word) > 2 else word) for word in words)


# --- Durations ------------------------------------------------------------------------------------------------------

CLOCK = re.compile(
    r"(-)?(?:(\d{1,6}) days?,? ?)?(\d{1,4}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?(?: ?([AaPp])\.?[Mm]\.?)?", re.ASCII
)
SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
PART = r"(\d{1,12}(?:\.\d{1,9})?) ?(d(?:ays?)?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![^\W\d_])[ ,]*"
PARTS = re.compile(rf"-?(?:{PART})+", re.ASCII)


def read_seconds(text: str) -> float | None:
    """The seconds of a duration (`1h 5min`, `1 days 02:03:04`) or a time of day (`10:30`, `1:05 PM`); else None."""
    if len(text) > MAX_LENGTH:
        return None
    if clock := CLOCK.fullmatch(text):
        minus, days, hours, minutes, seconds, half = clock.groups("0")
        hour = int(hours)
        if half != "0":
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if half in "pP" else 0)
        total = int(days) * 86400 + hour * 3600 + int(minutes) * 60 + float(seconds)
        return -total if minus == "-" else total
    if not PARTS.fullmatch(text):
        return None
    total = sum(float(amount) * SECONDS[unit[0]] for amount, unit in re.findall(PART, text))
    return -total if text.startswith("-") else total


def parse_durations(values: Counter[str], forced: bool = False) -> dict[str, float] | None:
    """The seconds of each text; None if they are not durations."""
    present = Counter({text: count for text, count in values.items() if not is_missing(text)})
    seconds = {text: read_seconds(text) for text in present}
    parsed = {text: second for text, second in seconds.items() if second is not None}
    unparsed = Counter({text: count for text, count in present.items() if text not in parsed})
    return parsed if parsed and tolerates(unparsed, present.total(), len(parsed), forced) else None


Reader = Callable[[str], float | None]
