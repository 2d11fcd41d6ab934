"""Read the text of a value: nothing, a number, a date or a duration. Needs only the standard library.

Every pattern takes time linear in the length of a value, and a value longer than MAX_LENGTH is text.
"""

import re
from collections import Counter, namedtuple
from collections.abc import Collection, Iterable

# Words that also are names of classes: North America, a nerve disorder, a data type. Each column decides.
AMBIGUOUS = frozenset({"NA", "NULL", "NaN", "nan", "null"})
# Texts that mean "no value": the list that pandas has by default, except "None", which is a value in a column of words;
# and what spreadsheets and databases write.
MISSING = AMBIGUOUS | {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "n/a", "N.A.", "n.a.",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#NV", "#REF!", "#VALUE!", "(null)", "\\N", "NaT",
}  # fmt: skip
TRUTH_PAIRS = ("true false", "yes no", "y n", "t f")

MAX_LENGTH = 100  # characters of a number or a date; longer values are text
MAX_WORDS = 4  # of a category on average; with more, it is a sentence
MIN_DISTINCT = 20  # different values of a column, below which it has no room for words among its numbers or dates
TOLERANCE = 0.05  # share of values that may be words among many numbers
MAX_UNPARSED = 0.5  # the same for one word that repeats, and for a type that the user gave

DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})( .*)?"
ZERO_DATE = r"0{1,4}[-/.]0{1,2}[-/.]0{1,4}([T ][0:.]*)?|0?1/0/1900|1900-01-00"  # databases and Excel for "no date"
CLOCK = r"(\d+ days?,? ?)?\d{1,3}:\d\d(:\d\d(\.\d+)?)?"
CLOCK_12 = r"(0?[1-9]|1[0-2])(:[0-5]\d(:[0-5]\d)?)? ?[AaPp]\.?[Mm]\.?"
PERIODS = r"(\d+(\.\d+)? ?(days?|h(ou)?rs?|h|m(in(ute)?s?)?|s(ec(ond)?s?)?)[ ,]*)+"
DURATION = f"-?({CLOCK}|{PERIODS})|{CLOCK_12}"

EXPONENT = r"([eE][-+]?\d+)?"
PLAIN = r"[-+]?(\d+(\.\d*)?|\.\d+)" + EXPONENT + r"|[-+]?[iI]nf(inity)?"
SPACES = " \u00a0\u2009\u202f'\u2019"
# How people write numbers: by an example, a pattern, and what separates thousands and decimals.
FORMATS = {
    "1234.5": (PLAIN, "", "."),
    "1,234.5": (r"[-+]?([1-9]\d?\d?(,\d{2,3})*,\d{3}|\d+)(\.\d*)?" + EXPONENT, ",", "."),  # or 1,23,456
    "1.234,5": (r"[-+]?([1-9]\d?\d?(\.\d{3})+|\d+)(,\d*)?" + EXPONENT, ".", ","),
    "1 234,5": (r"[-+]?([1-9]\d?\d?([" + SPACES + r"]\d{3})+|\d+)([.,]\d*)?" + EXPONENT, SPACES, ","),  # or 1'234.5
}
MARK = r"None|[-?.*/_#\s\u2013\u2014\u2026]+"  # stands for "no number"
SCALES = {"K": 1e3, "k": 1e3, "thousand": 1e3, "M": 1e6, "mn": 1e6, "Mio": 1e6, "million": 1e6}
SCALES |= dict.fromkeys(["B", "bn", "Mrd", "billion"], 1e9)
CURRENCY = r"[$€£¥₹₽₩₺₫₴₪]|[A-Z]{1,3}\$|[A-Z]{3}(?= )|R\$|Rs\.?|kr\.?"
_UNIT_WORD = r"[^\W\d_][\w.²³]*(?:\^-?\d)?"
# A sign or currency or percent sign, or up to four words: kg, km/h, sq. ft., l/100 km, °C, % vol; or /h behind $5.
UNIT = rf"[%‰$€£¥₹₽₩₺₫₴₪]|[%‰°º]? ?{_UNIT_WORD}(?:(?: ?/ ?(?:\d+ ?)?|[ ·*-]){_UNIT_WORD}){{0,3}}| ?/ ?{_UNIT_WORD}"
_NUMBER = (
    rf"([-+]?) ?({CURRENCY})? ?([-+]?[\d.,](?:[\d.,{SPACES}]*[\d.,])?(?:[eE][-+]?\d+(?!\w))?) ?"
    rf"((?:{'|'.join(SCALES)})(?![^\W\d_])\.?)?\+? ?({UNIT})?"
)
_DIGITS = r"[-+]?[0-9.,]*[0-9]"
_IN_BRACKETS = rf"((?:{CURRENCY})?) ?\(([^()]*\d[^()]*)\)( ?(?:{UNIT})?)"
# About, and the reference to a footnote.
_MARKS = r"^[~≈] ?(?=[-+\d.,(])|(?<=[\d%)]) ?[*†‡]+$"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # ASCII as wide as a Chinese character
_CURRENCY_DASH = rf"({CURRENCY}) ?[-\u2013\u2014]+|[-\u2013\u2014]+ ?({CURRENCY})"

# The numbers by text; how they are written, as a key of FORMATS, and the other style that fits as well, if any; their
# unit; whether some are multiplied (thousands, millions); the marks around some (5+, ~5, 5*); the texts that are not
# numbers.
Numbers = namedtuple("Numbers", "by_text format other unit scaled marks unparsed")


def missing_words(values: Counter[str], elsewhere: Collection[str] = ()) -> set[str]:
    """Which texts of a column stand for "no value".

    A word of AMBIGUOUS among other words is a word, unless other columns have it too, which makes it the file's mark,
    or the column holds yes and no. Among codes of its own length and case, such as NA among EU and AS, it is a word.

    Args:
        values: how often each text occurs in the column.
        elsewhere: the words of AMBIGUOUS that other columns of the file have.
    """
    present = {text for text in values if text in MISSING}
    others = [text for text in values if text not in MISSING]
    if not holds_words(others):
        return present
    folded = {other.casefold() for other in others}
    is_mark = any(folded <= set(pair.split()) for pair in TRUTH_PAIRS)
    return {
        word
        for word in present
        if word not in AMBIGUOUS or ((is_mark or word in elsewhere) and not _is_code_among(word, others))
    }


def holds_words(texts: Collection[str]) -> bool:
    """Whether most texts of a column are words: no digits, no marks, and not sentences."""
    words = [text for text in texts if not re.search(r"\d", text) and not re.fullmatch(MARK, text)]
    return len(words) > len(texts) / 2 and sum(len(word.split()) for word in words) < MAX_WORDS * len(words)


def _is_code_among(word: str, others: list[str]) -> bool:
    """Whether a word has the length and the case of all others, of which there are at least three."""
    return len(others) >= 3 and all(
        len(other) == len(word) and other.isalpha() and other.isupper() == word.isupper() for other in others
    )


def parse_numbers(
    values: Counter[str], forced: bool = False, style: str | None = None, decimal: str | None = None
) -> Numbers | None:
    """Parse the texts of a column as numbers of one style and one unit; None if they are not.

    A unit is a currency, a percent sign (5% is 5) or words, the same for all but for plural and case; K, M and the like
    multiply. Marks such as "?" and "-", and "None", are not numbers and do not count against the rest.

    Args:
        values: how often each text occurs.
        forced: accept up to half of other texts, also if there are few numbers.
        style: a key of FORMATS, if it is known.
        decimal: the decimal mark of the file, "." or ",", for texts that fit both.
    """
    parts = {text: split_number(text) for text in values if not re.fullmatch(MARK, text)}
    units: Counter[str] = Counter()
    for text, (number, _, unit) in parts.items():
        units[unit] += values[text] if re.search(r"\d", number) else 0
    if not units.total():
        return None
    unit = _main_unit(units, parts)
    style, other, unparsed = _fit_style(parts, unit, [style] if style else list(FORMATS), values, decimal)
    fitting = {text: part for text, part in parts.items() if text not in unparsed}
    lost = sum(values[text] for text in unparsed) / sum(values[text] for text in parts)
    if not fitting or lost > tolerance(len(fitting), len(unparsed), forced):
        return None
    return Numbers(
        {text: _float(number, style) * scale for text, (number, scale, _) in fitting.items()},
        style,
        other,
        unit,
        any(scale != 1 for _, scale, _ in fitting.values()),
        sorted({text[0] for text in fitting if text[0] in "~≈"} | {text[-1] for text in fitting if text[-1] in "+*†‡"}),
        [text for text in values if text not in fitting],
    )


def tolerance(n_parsed: int, n_unparsed: int, forced: bool = False) -> float:
    """The share of values that may be other texts, by the number of different texts on each side."""
    if forced:
        return MAX_UNPARSED
    if n_parsed < MIN_DISTINCT:
        return 0
    return MAX_UNPARSED if n_unparsed == 1 else TOLERANCE


def _main_unit(units: Counter[str], parts: dict[str, tuple[str, float, str]]) -> str:
    """The most common unit; not the empty one if that only goes with zeros, as in `$4.99` among `0`."""
    without = [number for number, _, unit in parts.values() if not unit and re.search(r"\d", number)]
    if len(units) > 1 and all(map(_is_zero, without)):
        units = Counter({unit: count for unit, count in units.items() if unit})
    return units.most_common(1)[0][0]


def _is_zero(number: str) -> bool:
    return re.fullmatch(r"[-+]?0+([.,]0*)?", number) is not None


def _fit_style(
    parts: dict[str, tuple[str, float, str]],
    unit: str,
    styles: list[str],
    values: Counter[str],
    decimal: str | None,
) -> tuple[str, str | None, set[str]]:
    """The style that fits most values, another that fits as well with other numbers, and the texts that do not fit."""
    unparsed = {style: {text for text, part in parts.items() if not _fits(part, style, unit)} for style in styles}
    by_fit = sorted(styles, key=lambda style: sum(values[text] for text in unparsed[style]))
    best = by_fit[0]
    other = "1.234,5"
    is_open = (
        best in ("1234.5", "1,234.5")
        and unparsed.get(other) == unparsed[best]
        and any(
            _float(number, best) != _float(number, other)
            for text, (number, _, _) in parts.items()
            if text not in unparsed[best]
        )
    )
    if not is_open or decimal == ".":
        return best, None, unparsed[best]
    if decimal == ",":
        return other, None, unparsed[other]
    return best, other, unparsed[best]


def _fits(part: tuple[str, float, str], style: str, unit: str) -> bool:
    number, _, its_unit = part
    if len(number) > MAX_LENGTH or re.fullmatch(FORMATS[style][0], number, re.ASCII) is None:
        return False
    return is_same_unit(its_unit, unit) or (not its_unit and _is_zero(number))


def read_number(text: str, style: str, unit: str) -> float | None:
    """The number that a text writes in a style and with a unit, as parse_numbers() gave them; None if it does not."""
    part = split_number(text)
    return _float(part[0], style) * part[1] if _fits(part, style, unit) else None


def split_number(text: str) -> tuple[str, float, str]:
    """A number, its factor (1 or a scale), and its unit; the whole text, 1 and no unit if it is not one."""
    if len(text) > MAX_LENGTH:
        return text, 1, ""
    if re.fullmatch(_DIGITS, text):  # as most are
        return text, 1, ""
    bare = re.sub(_MARKS, "", text.strip().translate(_FULL_WIDTH))
    bare = re.sub("^[\u2212\u2013] ?(?=[\\d.,])|\u2212", "-", bare)  # minus as typographers write it
    if formula := re.fullmatch(r'="([^"]*)"|=([-+]?[\d.,]+)', bare):  # as Excel writes a number that stays as it is
        bare = (formula[1] or formula[2] or "").strip()
        if re.fullmatch(r"0\d+", bare):  # a code that keeps its zeros
            return text, 1, ""
    if dash := re.fullmatch(_CURRENCY_DASH, bare):  # as Excel's accounting format writes zero
        return "0", 1, dash[1] or dash[2]
    if brackets := re.fullmatch(_IN_BRACKETS, bare):  # as bookkeepers write a negative number
        bare = f"-{brackets[1]}{brackets[2].strip()}{brackets[3]}"
    elif bare.endswith("-") and bare[-2:-1].isdigit():
        bare = f"-{bare[:-1]}"
    match = re.fullmatch(_NUMBER, bare)
    if match is None:
        return bare, 1, ""
    sign, before, number, scale, after = match.groups("")
    return sign + number, SCALES.get(scale.rstrip("."), 1), before.strip() + after.strip()


def is_same_unit(first: str, second: str) -> bool:
    """Whether two units differ only in dots, spaces, case or plural: sq. ft. and sq ft, kg and KG, year and years.

    MW and mW, Mb and MB are different units.
    """
    if first == second:
        return True
    if not first or not second:
        return False
    first, second = (re.sub(r"[ .]", "", unit).replace("²", "2").replace("³", "3") for unit in (first, second))
    if first == second:
        return True
    prefix = first[1:] == second[1:] and first[0] in "mMpP"
    suffix = first[:-1] == second[:-1] and first[-1] in "bB"
    first, second = first.casefold(), second.casefold()
    if first == second:
        return not prefix and not suffix
    short, long = sorted((first, second), key=len)
    return {short, long} == {"foot", "feet"} or (len(short) > 1 and long in (f"{short}s", f"{short}es"))


def _float(number: str, style: str) -> float:
    _, thousands, decimal = FORMATS[style]
    for separator in thousands:
        number = number.replace(separator, "")
    return float(number.replace(decimal, "."))


# One decimal mark: it has other than three digits behind it, or a zero before it, or the other mark in front.
_WITH_COMMA = r"[-+]?(\d*,(\d{1,2}|\d{4,})|0,\d+|\d{1,3}(\.\d{3})+,\d+)"
_WITH_POINT = r"[-+]?(\d*\.(\d{1,2}|\d{4,})|0\.\d+|\d{1,3}(,\d{3})+\.\d+)"


def decimal_mark(columns: Iterable[Iterable[str]]) -> str | None:
    """The decimal mark of a file, "." or ",", if all columns that show one agree; columns: some texts of each."""
    marks = set()
    for texts in columns:
        numbers = [split_number(text)[0] for text in texts]
        numbers = [number for number in numbers if re.fullmatch(r"[-+]?[\d.,]*\d[\d.,]*", number, re.ASCII)]
        commas, points = (
            sum(re.fullmatch(pattern, number, re.ASCII) is not None for number in numbers)
            for pattern in (_WITH_COMMA, _WITH_POINT)
        )
        if bool(commas) != bool(points):
            marks.add("," if commas else ".")
    return marks.pop() if len(marks) == 1 else None
