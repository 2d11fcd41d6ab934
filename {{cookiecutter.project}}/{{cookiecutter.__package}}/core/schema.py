"""The schema of the prepared table: written by prepare, read by every later stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from . import paths
from .errors import UserError, reading
from .files import write_text

PART_ROWS = 100_000  # in memory at a time
REPEAT = "run: dvc pull, or dvc repro prepare"
ColumnType = Literal["number", "date", "category", "text"]
Task = Literal["classification", "regression"]


class ColumnSchema(BaseModel):
    """A column, as the training rows show it.

    Attributes:
        role: feature, target, key (a column to split by that is not a feature) or dropped, with the reason.
        note: how its values were read, if not as plain text or numbers.
        format: of a number plain, boolean, duration or a key of `literals.FORMATS`; of a date its strptime format.
        unit: the unit of all of its numbers.
        na_values: texts that stand for a missing value, beyond `literals.MISSING`.
        single_feature_score: how well a model of this feature only predicts the target, 0 to 1 (`leakage.scores`).
        missing_fraction: share of the training rows without a value.
        min, max: bounds of a number, or of a date in ISO 8601.
        categories: the sorted categories of the training rows.
        test_only_categories: categories that only the test rows have.
    """

    name: str
    role: Literal["feature", "target", "key", "dropped"]
    type: ColumnType
    reason: str | None = None
    note: str | None = None
    format: str | None = None
    unit: str = ""
    na_values: list[str] = []
    single_feature_score: float = 0.0
    missing_fraction: float = 0.0
    min: float | str | None = None
    max: float | str | None = None
    categories: list[str] | None = None
    test_only_categories: list[str] | None = None


class Schema(BaseModel):
    """The table: its task, target, classes in order (None for regression), positive class, split and columns."""

    task: Task
    target: str
    classes: list[int | str] | None
    positive: int | str | None = None
    split: Literal["random", "hash", "group", "time"]
    split_column: str | None
    train_rows: int
    test_rows: int
    notes: list[str] = []
    columns: list[ColumnSchema]

    def column(self, name: str) -> ColumnSchema:
        return next(column for column in self.columns if column.name == name)

    @property
    def feature_columns(self) -> list[ColumnSchema]:
        return [column for column in self.columns if column.role == "feature"]

    def names(self, *types: ColumnType) -> list[str]:
        """The features, or the features of some types."""
        return [column.name for column in self.feature_columns if not types or column.type in types]

    def read(self, path: Path, columns: list[str] | None = None) -> pd.DataFrame:
        """The rows of a prepared table, or some of its columns.

        Raises UserError if it is missing, damaged, or of another run than the schema.
        """
        with reading(path, REPEAT):
            if path.is_dir():  # which pandas reads as a table in parts
                raise IsADirectoryError
            table = pd.read_parquet(path, columns=columns)
        self._check(path, table, columns)
        return table

    @staticmethod
    def count(path: Path) -> int:
        """The number of rows of a prepared table. Raises UserError if it is missing or damaged."""
        with reading(path, REPEAT):
            return pq.read_metadata(path).num_rows

    def read_parts(self, path: Path) -> Iterator[pd.DataFrame]:
        """The rows of a prepared table, PART_ROWS at a time. Raises UserError as `read`."""
        with reading(path, REPEAT), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PART_ROWS):
                table = pa.Table.from_batches([batch]).to_pandas()
                self._check(path, table)
                yield table

    def _check(self, path: Path, table: pd.DataFrame, columns: list[str] | None = None) -> None:
        wanted = columns or [column.name for column in self.columns if column.role != "dropped"]
        lacking = [name for name in wanted if name not in table]
        if lacking:
            raise UserError(f"{path.as_posix()}: lacks {lacking[0]!r}, which schema.json has; {REPEAT}")

    def features(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The features as (rows, columns): numbers as float64, dates as datetime64, categories and text as str.

        A missing value is NaN or NaT. Raises UserError for values of another type than the schema has.
        """
        casts: dict[str, Any] = {"number": _number, "date": pd.to_datetime, "category": _text, "text": _text}
        with _of_these_types():
            columns = {column.name: casts[column.type](frame[column.name]) for column in self.feature_columns}
        return pd.DataFrame(columns, index=frame.index)

    def labels(self, frame: pd.DataFrame) -> np.ndarray:
        """The target, (rows,): float64 for regression, else int64 or str objects. Raises UserError as `features`."""
        target = frame[self.target]
        if self.task == "regression":
            with _of_these_types():
                return target.to_numpy(np.float64)
        if pd.api.types.is_integer_dtype(target):
            return target.to_numpy(np.int64)
        codes, classes = pd.factorize(target)  # one object for each class, not for each row
        return np.asarray(classes, dtype=object)[codes]

    def save(self, path: Path = paths.SCHEMA) -> None:
        write_text(path, self.model_dump_json(indent=2, exclude_defaults=True))


def load(path: Path = paths.SCHEMA, *, called: str | Path | None = None) -> Schema:
    """Read the schema; `called` is the name for messages.

    Raises UserError if it is missing, damaged, or was not written by this version of the code.
    """
    with reading(path, REPEAT, called=called):
        return Schema.model_validate_json(path.read_text(encoding="utf-8"))


@contextmanager
def _of_these_types() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"schema.json: a column has values of another type than it has there; {REPEAT}") from error


def _number(column: pd.Series) -> pd.Series:
    """Infinities, and what trees hold for infinite, are missing."""
    column = column.astype(np.float64)
    return column.where(column.abs() < np.finfo(np.float32).max)


def _text(column: pd.Series) -> pd.Series:
    return column.astype("str")
