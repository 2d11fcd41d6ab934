"""What the columns of the table are: written by prepare, read by every later stage."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from .errors import UserError
from .files import replacing

PATH = Path("data/prepared/schema.json")
TRAIN = Path("data/prepared/train.parquet")
TEST = Path("data/prepared/test.parquet")


class Column(BaseModel):
    """A column, as the training rows show it.

    role: feature, target, key (what the split goes by, unless it is a feature too), or dropped, with the reason.
    note: how its cells were read, where that is not plain. style, unit and marks: the same for kinds.read_as, which reads new
    cells alike. alone: how well this feature alone predicts the target (leaks.py). low and high bound a number or a date;
    categories are in order, those that only test rows have are unseen.
    """

    name: str
    role: Literal["feature", "target", "key", "dropped"]
    kind: Literal["number", "date", "category", "text"]
    reason: str | None = None
    note: str | None = None
    style: str | None = None  # of a number: plain, boolean, duration or a key of cells.STYLES; of a date: its format
    unit: str = ""  # of all of its numbers
    marks: list[str] = []  # what stands for a missing cell, beyond cells.MISSING
    alone: float = 0.0
    missing: float = 0.0  # share of rows
    low: float | str | None = None
    high: float | str | None = None
    categories: list[str] | None = None
    unseen: list[str] | None = None


class Schema(BaseModel):
    """The table: its task, its target, the classes in order (None for regression), notes on the file, the columns."""

    task: Literal["classification", "regression"]
    target: str
    classes: list[int | str] | None
    split: Literal["random", "hash", "group", "time"]
    by: str | None
    train_rows: int
    test_rows: int
    notes: list[str] = []
    columns: list[Column]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def names(self, kind: str | None = None) -> list[str]:
        """The features of a kind, or all."""
        return [c.name for c in self.columns if c.role == "feature" and kind in (None, c.kind)]

    def features(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns that a model reads: numbers as float64, dates as datetime64, categories as str or None, text as
        str."""
        casts = {"number": _number, "date": pd.to_datetime, "category": _category, "text": _text}
        columns = [c for c in self.columns if c.role == "feature"]
        return pd.DataFrame({c.name: casts[c.kind](frame[c.name]) for c in columns}, index=frame.index)

    def labels(self, frame: pd.DataFrame) -> np.ndarray:
        """The target as a vector: float64 for regression, else int64 or str objects."""
        target = frame[self.target]
        if self.task == "regression":
            return target.to_numpy(np.float64)
        return target.to_numpy(np.int64 if pd.api.types.is_integer_dtype(target) else object)

    def save(self) -> None:
        with replacing(PATH) as temporary:
            text = self.model_dump_json(indent=2, exclude_defaults=True)
            temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def load(path: Path = PATH) -> Schema:
    """Read the schema. Raises UserError where there is none, or another program's."""
    try:
        return Schema.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError, UnicodeError) as error:
        raise UserError(f"{path} is missing or damaged; run: dvc repro prepare") from error


def _number(column: pd.Series) -> pd.Series:
    """Infinities, and what trees hold for infinite, are missing."""
    column = column.astype(np.float64)
    return column.where(column.abs() < np.finfo(np.float32).max)


def _category(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), None)


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "missing")  # a word, so that there always is one
