"""The distribution of each column in a small file, which `drift` compares instead of the rows."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from . import paths
from .files import write_text
from .schema import Schema

N_PARTS = 100  # quantiles of a column
N_PARTS_WIDE = 20  # the same in a table of more than MAX_COLUMNS, so that the file stays small
MAX_COLUMNS = 200
MAX_CATEGORIES = 1000  # categories that are counted one by one; of more, those with at least a hundredth of the rows


class ColumnProfile(BaseModel):
    """The values of a feature or of the target, without the missing ones.

    Numbers, dates (as seconds since 1970) and texts (as their length in characters) have `values`: the smallest, the
    largest, and the quantiles between them, each once and in order. `counts` holds how many rows have the first value,
    lie between the first and the second, have the second, and so on: fewer than 1/parts of the rows lie between two.
    Categories and classes have `categories`, the most frequent first, and `other`, the rows of all others.
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


def describe(train: pd.DataFrame, schema: Schema) -> Profile:
    """The profile of the training rows: of every feature, and of the target."""
    chosen = [column for column in schema.columns if column.role in ("feature", "target")]
    parts = N_PARTS if len(chosen) <= MAX_COLUMNS else N_PARTS_WIDE
    columns = []
    for column in chosen:
        are_classes = column.role == "target" and schema.task == "classification"
        type_ = "category" if are_classes else column.type  # also for classes that are whole numbers
        values = measured(train[column.name], type_).dropna()
        spread = _categories(values) if type_ == "category" else _quantiles(values.to_numpy(), parts)
        missing = len(train) - len(values)
        role: Literal["feature", "target"] = "target" if column.role == "target" else "feature"
        columns.append(ColumnProfile(name=column.name, role=role, type=type_, n_missing=missing, **spread))
    return Profile(rows=len(train), parts=parts, columns=columns)


def measured(column: pd.Series, type_: str) -> pd.Series:
    """The values of a prepared column that are compared: float64, or str for categories; NaN or None if missing.

    Infinities, and numbers that trees take for infinite, are missing, as they are for the model.
    """
    if type_ == "category":
        codes, distinct = pd.factorize(column)
        words = np.array([*map(_word, distinct), None], dtype=object)  # the last one is for missing values
        return pd.Series(words[codes], column.index, name=column.name)
    if type_ == "date":
        return (column.astype("datetime64[us]") - pd.Timestamp(0).as_unit("us")).dt.total_seconds()
    numbers = column.str.len() if type_ == "text" else column
    numbers = numbers.astype(np.float64)
    return numbers.where(numbers.abs() < np.finfo(np.float32).max)


def _word(value: object) -> str:
    """A class that is a whole number is the same word in a column of floats, which it is if others are missing."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def cell(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The place of each number: 0 below the first of the values, 1 at it, 2 between it and the second, 3 at that ..."""
    return np.searchsorted(values, numbers, "left") + np.searchsorted(values, numbers, "right")


def _quantiles(numbers: np.ndarray, parts: int) -> dict[str, Any]:
    """Quantiles that are numbers of the column: the inverse of its distribution (type 1 of Hyndman and Fan)."""
    if not len(numbers):
        return {}
    ordered = np.sort(numbers) + 0.0  # no -0.0
    last = -(-len(ordered) * np.arange(parts + 1) // parts)  # rounded up
    values = np.unique(ordered[np.maximum(last - 1, 0)])
    # Those below each value, and those up to it, in turn: the rows at and between the values are the differences.
    below = np.column_stack([np.searchsorted(ordered, values, side) for side in ("left", "right")]).ravel()
    counts = np.diff(below)
    return {"values": values.tolist(), "counts": counts.tolist()}


def _categories(values: pd.Series) -> dict[str, Any]:
    counts = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = counts if len(counts) <= MAX_CATEGORIES else counts[counts >= len(values) / 100]
    return {"categories": kept.to_dict(), "other": int(counts.sum() - kept.sum())}
