"""How the values of each column are spread, in little: what `drift` compares in place of the rows."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from . import paths
from .files import write_text
from .schema import Schema

# Parts that the values of a column are cut into; fewer in a table of many columns, so that the file stays small.
PARTS, FEW_PARTS, WIDE = 100, 20, 200
CATEGORIES = 1000  # that are counted one by one; of a column of more, only those of a hundredth of the rows


class ColumnProfile(BaseModel):
    """The values of a feature or of the target, without the missing ones.

    Numbers, dates (as seconds since 1970) and texts (as their length in characters) have `values`: the least, the largest,
    and the quantiles between them, each once and in order. `counts` says how many rows have the first value, lie between
    the first and the second, have the second, and so on: fewer than 1/parts of the rows lie between two. Categories and
    classes have `categories`, the most frequent first, and `other`, the rows of those that are not among them.
    """

    name: str
    role: Literal["feature", "target"]
    type: Literal["number", "date", "category", "text"]
    n_missing: int = 0
    values: list[float] = []
    counts: list[int] = []
    categories: dict[str, int] = {}
    other: int = 0


class Profile(BaseModel):
    """The training rows, which are what the model knows; the test rows stay unseen."""

    rows: int
    parts: int
    columns: list[ColumnProfile]

    def save(self) -> None:
        """Write it with a line per column."""
        text = self.model_dump_json(exclude_defaults=True).replace('{"name":', '\n{"name":')
        write_text(paths.PROFILE, text)


def describe(train: pd.DataFrame, found: Schema) -> Profile:
    """The profile of the training rows: of every feature, and of the target."""
    chosen = [column for column in found.columns if column.role in ("feature", "target")]
    parts = PARTS if len(chosen) <= WIDE else FEW_PARTS
    columns = []
    for column in chosen:
        classes = column.role == "target" and found.task == "classification"
        kind = "category" if classes else column.type  # whole numbers that are classes
        values = measured(train[column.name], kind).dropna()
        spread = _categories(values) if kind == "category" else _quantiles(values.to_numpy(), parts)
        missing = len(train) - len(values)
        columns.append(ColumnProfile(name=column.name, role=column.role, type=kind, n_missing=missing, **spread))
    return Profile(rows=len(train), parts=parts, columns=columns)


def measured(column: pd.Series, kind: str) -> pd.Series:
    """What is compared of a prepared column: float64, or str for categories, missing ones as NaN or None.

    Infinities, and what trees hold for infinite, are missing, as they are for the model.
    """
    if kind == "category":
        return column.astype(object).where(column.notna(), None).map(_word, na_action="ignore")
    if kind == "date":
        return (column.astype("datetime64[us]") - pd.Timestamp(0).as_unit("us")).dt.total_seconds()
    numbers = column.str.len() if kind == "text" else column
    numbers = numbers.astype(np.float64)
    return numbers.where(numbers.abs() < np.finfo(np.float32).max)


def _word(value: object) -> str:
    """A class that is a whole number is the same word where others are missing, and all are floats."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def cell(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The place of each number: 0 below the first of the values, 1 at it, 2 between it and the second, 3 at that ..."""
    return np.searchsorted(values, numbers, "left") + np.searchsorted(values, numbers, "right")


def _quantiles(numbers: np.ndarray, parts: int) -> dict[str, list]:
    """Quantiles that are numbers of the column (the inverse of its distribution function: type 1 of Hyndman and Fan)."""
    if not len(numbers):
        return {}
    ordered = np.sort(numbers) + 0.0  # no -0.0
    last = -(-len(ordered) * np.arange(parts + 1) // parts)  # rounded up
    values = np.unique(ordered[np.maximum(last - 1, 0)])
    counts = np.bincount(cell(values, ordered))[1:]
    return {"values": values.tolist(), "counts": counts.tolist()}


def _categories(values: pd.Series) -> dict[str, object]:
    counts = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = counts if len(counts) <= CATEGORIES else counts[counts >= len(values) / 100]
    return {"categories": kept.to_dict(), "other": int(counts.sum() - kept.sum())}
