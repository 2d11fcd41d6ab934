"""The column to predict: which it is, and whether it holds classes or quantities. In the standard library alone."""

import re
from collections import Counter

from .dialect import TableError
from .literals import DATE, DURATION, MANY, parse_numbers


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
    raise TableError(f"has no column {target!r} to predict; {did_you_mean(target, names)}")


def did_you_mean(name: str, names: list[str]) -> str:
    """What to say to one who asked for a column that is not there: names that are close to it, or all."""
    import difflib

    folded = {name.casefold(): name for name in names}
    close = [folded[name] for name in difflib.get_close_matches(name.casefold(), folded, n=3)]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {quote_list(names)}"


def quote_list(names: list[str], limit: int = 12) -> str:
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
