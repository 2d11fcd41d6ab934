"""Steps of the model's pipeline: add the user's columns, give each its type, apply a transformer to each column."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder
from sklearn.utils.validation import check_is_fitted

from .errors import UserError
from .infer import infer_type, read_as
from .schema import ColumnSchema


class AddFeatures(TransformerMixin, BaseEstimator):
    """Call the user's `add_features`, and cast each column of its result by type.

    A raw column that `function` returns unchanged has its type in the schema. Any other column is typed by what
    it holds in the rows it was fitted on. Numbers become float64, dates datetime64, categories objects with None for a
    missing value, and text str with "missing", so that there always is a word.

    Args:
        function: takes and returns a DataFrame with a row for each row.
        types: the types of the raw columns, by name.
    """

    def __init__(self, function: Callable[[pd.DataFrame], pd.DataFrame], types: Mapping[str, str]) -> None:
        self.function = function
        self.types = types

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn the type of each column that `function` returns."""
        frame = self._call(X)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.columns_: dict[str, dict[str, Any]] = {}
        for name in frame:
            if name in X and frame[name].equals(X[name]):
                self.columns_[name] = {"type": self.types[name]}
            else:
                typed = infer_type(frame[name])
                self.columns_[name] = {
                    "type": typed.type,
                    "format": typed.format,
                    "unit": typed.unit,
                    "na_values": list(typed.na_values),
                }
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """The columns that `function` returns, cast. Raises UserError if `fit` returned others."""
        check_is_fitted(self, "columns_")
        frame = self._call(X)
        if set(frame) != set(self.columns_):
            changed = ", ".join(sorted(map(repr, set(frame) ^ set(self.columns_))))
            raise UserError(f"{_where(self.function)}: returns other columns than in training: {changed}")
        return pd.DataFrame({name: self._cast(frame[name]) for name in self.columns_}, index=X.index)

    def _cast(self, column: pd.Series) -> pd.Series:
        known = self.columns_[column.name]
        if "format" in known:  # a new column
            column, _ = read_as(column, ColumnSchema(name=str(column.name), role="feature", **known))
        if known["type"] == "number":
            numbers = column.astype(np.float64)
            return numbers.where(numbers.abs() < np.finfo(np.float32).max)  # what trees hold for infinite is missing
        if known["type"] == "category":
            return column.astype(object).where(column.notna(), None)
        return column.astype("str").fillna("missing") if known["type"] == "text" else column

    def _call(self, X: pd.DataFrame) -> pd.DataFrame:
        try:
            frame = self.function(X.copy())
        except UserError:
            raise
        except Exception as error:  # whatever the user's code raises is shown with its own line
            raise UserError(f"{_where(self.function, error)}: {type(error).__name__}: {error}") from error
        where = _where(self.function)
        if not isinstance(frame, pd.DataFrame):
            raise UserError(f"{where}: returned a {type(frame).__name__}; return a DataFrame")
        if len(frame) != len(X):
            raise UserError(f"{where}: returned {len(frame)} rows for {len(X)}; return a row for each")
        if not frame.shape[1] or frame.columns.has_duplicates:
            raise UserError(f"{where}: returned no columns, or several of one name; name each column once")
        return frame


def _where(function: Callable, error: Exception | None = None) -> str:
    """The file and the line of the user's function, or of the line in it that raised the error."""
    code = getattr(function, "__code__", None)
    if code is None:
        return "add_features"
    frames = traceback.extract_tb(error.__traceback__) if error else []
    lines = [frame.lineno for frame in frames if frame.filename == code.co_filename]
    file = Path(code.co_filename)
    return f"{file.parent.name}/{file.name}:{lines[-1] if lines else code.co_firstlineno}: {function.__name__}"


class PerColumn(TransformerMixin, BaseEstimator):
    """Fit a copy of `transformer`, such as a TfidfVectorizer, on each column; put their columns side by side."""

    def __init__(self, transformer: BaseEstimator) -> None:
        self.transformer = transformer

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        self.transformers_ = {name: clone(self.transformer).fit(X[name]) for name in X}
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """(rows, columns of all transformers)"""
        check_is_fitted(self, "transformers_")
        parts = [transformer.transform(X[name]) for name, transformer in self.transformers_.items()]
        return np.hstack([part.toarray() if hasattr(part, "toarray") else part for part in parts])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        names = [
            f"{column}_{name}"
            for column, transformer in self.transformers_.items()
            for name in transformer.get_feature_names_out()
        ]
        return np.asarray(names, dtype=object)


def columns_of(frame: pd.DataFrame, type_: str) -> list[str]:
    """The columns of a type in a frame that AddFeatures returned."""
    is_type = {
        "number": pd.api.types.is_float_dtype,
        "date": pd.api.types.is_datetime64_any_dtype,
        "category": pd.api.types.is_object_dtype,
        "text": lambda dtype: isinstance(dtype, pd.StringDtype),
    }[type_]
    return [name for name in frame if is_type(frame[name].dtype)]


def number_columns(frame: pd.DataFrame) -> list[str]:
    return columns_of(frame, "number")


def date_columns(frame: pd.DataFrame) -> list[str]:
    return columns_of(frame, "date")


def category_columns(frame: pd.DataFrame) -> list[str]:
    return columns_of(frame, "category")


def text_columns(frame: pd.DataFrame) -> list[str]:
    return columns_of(frame, "text")


def estimator_inputs(pipeline: Pipeline) -> list[dict[str, str | None]]:
    """The inputs of the estimator in order: the name of each, and the column it is made of, None if unknown."""
    inputs: list[dict[str, str | None]] = []
    for _, transformer, columns in pipeline["preprocess"].transformers_:
        if len(columns) and hasattr(transformer, "get_feature_names_out"):
            names = [str(name) for name in transformer.get_feature_names_out()]
            sources = _sources(transformer, list(columns), names)
            inputs += [{"name": name, "column": source} for name, source in zip(names, sources, strict=True)]
    return inputs


def _sources(transformer: BaseEstimator, columns: list[str], names: list[str]) -> list[str | None]:
    """The column of each output of a transformer; by the longest name that an output begins with, if not known better."""
    if isinstance(transformer, OneHotEncoder):
        return np.repeat(columns, [len(categories) for categories in transformer.categories_]).tolist()
    if isinstance(transformer, TargetEncoder):
        return np.repeat(columns, len(names) // len(columns)).tolist()
    by_length = sorted(columns, key=len, reverse=True)
    bare = [name.removeprefix("missingindicator_") for name in names]
    return [next((column for column in by_length if f"{name}_".startswith(f"{column}_")), None) for name in bare]
