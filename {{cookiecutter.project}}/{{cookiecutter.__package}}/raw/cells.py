"""What a cell of text says: nothing, a number, a date or a duration. In the standard library alone."""

import re
from collections import Counter, namedtuple

# Cells that mean "no value": the list that pandas has by default, but for "None", which is a value in a column of words;
# and what spreadsheets and databases write.
MISSING = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#NV", "#REF!", "#VALUE!", "(null)", "\\N", "NaT",
})  # fmt: skip

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


def read_number(text: str, style: str, unit: str) -> float | None:
    """The number that a text writes in a style and with a unit, as parse_numbers() found them; None where it does not."""
    pattern, thousands, decimal = STYLES[style]
    number, scale, its_unit = _parts(text)
    if its_unit != unit or not re.fullmatch(pattern, number, re.ASCII):
        return None
    return _float(number, thousands, decimal) * scale


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
