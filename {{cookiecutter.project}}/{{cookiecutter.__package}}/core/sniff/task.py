"""The column to predict: its name, and whether it holds classes or quantities. Needs only the standard library."""

import re
from collections import Counter
from collections.abc import Iterable

from .dialect import TableError
from .literals import AMBIGUOUS, DATE, DURATION, MAX_LENGTH, decimal_mark, missing_words, parse_numbers
from .names import did_you_mean, quote_list

__all__ = ["check_target", "count_values", "did_you_mean", "infer_task", "plain_labels", "quote_list", "target_column"]

MAX_CLASSES = 20  # different whole numbers that may be classes, if each occurs MIN_CLASS_REPEATS times on average
MIN_CLASS_REPEATS = 10
MAX_ROWS = 100_000  # rows that show the task
SAMPLE_ROWS = 1000  # rows that show the decimal mark of the file


def target_column(names: list[str], target: str | None) -> str:
    """The target; the last column if none is given.

    Raises TableError for a name that is not among the columns, with the names that are close to it.
    """
    if len(names) < 2:
        spaces = "; are its columns separated by spaces? Save it with commas" if " " in names[0] else ""
        raise TableError(f"has one column, {names[0]!r}, and nothing to predict it from{spaces}")
    if not target:  # the last that has a name of its own
        return next((name for name in reversed(names) if not re.fullmatch(r"column_\d+", name)), names[-1])
    if target in names:
        return target
    raise TableError(f"has no column {target!r} to predict; {did_you_mean(target, names)}")


def count_values(rows: Iterable[list[str]], names: list[str], target: str) -> tuple[Counter[str], str | None]:
    """Count the values of the target without the missing ones, and find the decimal mark of the file.

    Args:
        rows: the rows of a CSV, without its header; they are read until the first MAX_ROWS show two values.
        names: the columns.
        target: the column to count.

    Returns:
        The counts; and "." or ",", None if the file does not show which.

    Raises:
        TableError: there are no rows.
    """
    position = names.index(target)
    values: Counter[str] = Counter()
    elsewhere: set[str] = set()
    sample: list[list[str]] = []
    for number, row in enumerate(rows, start=1):
        values[row[position].strip() if position < len(row) else ""] += 1
        if not AMBIGUOUS.isdisjoint(row):
            elsewhere.update(AMBIGUOUS.intersection(row[:position] + row[position + 1 :]))
        if number <= SAMPLE_ROWS:
            sample.append(row)
        if number >= MAX_ROWS and len(values) > 1:
            break
    if not values:
        raise TableError("has a header and no rows; give it some")
    missing = missing_words(values, elsewhere)
    columns = ([row[i].strip() for row in sample if i < len(row)] for i in range(len(names)))
    return Counter({text: count for text, count in values.items() if text not in missing}), decimal_mark(columns)


def check_target(target: str, values: Counter[str]) -> None:
    """Raise TableError if the target has no value, or one: values counts each, missing ones left out."""
    if not values:
        raise TableError(f"has no value in the target column {target!r}; choose another target")
    if len(values) == 1:
        raise TableError(f"has one value, {next(iter(values))!r}, in the target column {target!r}; choose another")


def plain_labels(texts: Iterable[str]) -> bool:
    """Whether every text is a whole number as programs write it, and a number of its own.

    Codes and versions are not: 01, 1.10, 1E2 and 1B. 1 and 1.0 are the same number.
    """
    return all(re.fullmatch(r"[-+]?(0|[1-9]\d*)(\.0)?", text, re.ASCII) for text in texts) and not _merges(texts)


def _merges(texts: Iterable[str]) -> bool:
    """Whether two texts that differ by more than .0 would be one number."""
    numbers = parse_numbers(Counter(re.sub(r"(?<=\d)\.0$", "", text) for text in texts))
    return numbers is not None and len(set(numbers.by_text.values())) < len(numbers.by_text)


def infer_task(target: str, values: Counter[str], decimal: str | None = None) -> str:
    """Infer classification or regression.

    Text, two values, or a few whole numbers that recur are classes; so are texts that would merge as numbers, such as
    1.1 and 1.10, if they are few and recur. Other numbers are quantities.

    Args:
        target: the name of the column, for messages.
        values: the count of each text, missing ones left out.
        decimal: the decimal mark of the file, "." or ",", if it is known.

    Raises:
        TableError: there is nothing to learn: no value, one value, dates, or classes that never recur.
    """
    check_target(target, values)
    if all(re.fullmatch(DATE, value) for value in values):
        raise TableError(f"has dates in the target column {target!r}, neither classes nor numbers; choose another")
    if all(len(value) <= MAX_LENGTH and re.fullmatch(DURATION, value) for value in values):
        return "regression"
    numbers = parse_numbers(values, decimal=decimal)
    if numbers is None:
        _check_classes(target, values)
        return "classification"
    texts = Counter({text: values[text] for text in numbers.by_text if abs(numbers.by_text[text]) != float("inf")})
    by_number: Counter[float] = Counter()
    for text, count in texts.items():
        by_number[numbers.by_text[text]] += count
    are_codes = _merges(texts)
    classes: Counter = texts if are_codes else by_number
    check_target(target, Counter({str(label): count for label, count in classes.items()}))
    recur = len(classes) <= MAX_CLASSES and MIN_CLASS_REPEATS * len(classes) <= classes.total()
    whole = are_codes or all(number.is_integer() for number in by_number)
    if len(classes) > 2 and not (whole and recur):
        return "regression"
    _check_classes(target, classes)
    return "classification"


def _check_classes(target: str, classes: Counter) -> None:
    if max(classes.values()) == 1 or len(classes) > max(classes.total() / 2, MAX_CLASSES):
        raise TableError(
            f"has {len(classes)} different values in {classes.total()} rows of the target column {target!r}; "
            "choose another"
        )
