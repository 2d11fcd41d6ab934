"""Your features: columns that you add to the table, and the preprocessing of each type of column."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from .core.columns import PerColumn, category_columns, date_columns, number_columns, text_columns

MAX_ONE_HOT_CATEGORIES = 30  # a column with more is encoded by the mean target of each category
MAX_WORDS = 100  # of a column of free text
DATE_PARTS = ("days", "month", "day", "weekday", "hour")


def add_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Add your own columns here, or return fewer. It is the first step of the model, in training and in predict.

    frame has the features as they were read: float64, datetime64 or str. Return a row for each row, made from that row
    only: a mean over all rows would differ between training and predict. A new column is typed by what it holds.

    For example:
        frame["bill_ratio"] = frame["bill_length_mm"] / frame["bill_depth_mm"]
        frame["place"] = frame["species"] + " on " + frame["island"]
    """
    return frame


def preprocess(*, scale: bool, is_classification: bool, seed: int) -> ColumnTransformer:
    """The transformer of each type of column.

    Numbers: the median for missing values, and a column that marks them; scaled if the model needs it. Dates: their
    parts, then as numbers. Categories: a column each; if there are many, the mean target of each, learned on other rows
    than it is used on (Micci-Barreca, 2001). Free text: its most frequent words. An unseen category is ignored.
    """
    numbers = [SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)]
    if scale:
        numbers.append(StandardScaler())
    target_means = TargetEncoder(
        target_type="auto" if is_classification else "continuous", cv=KFold(5, shuffle=True, random_state=seed)
    )
    words = TfidfVectorizer(max_features=MAX_WORDS, token_pattern=r"\w+|\S")
    parts = FunctionTransformer(date_parts, feature_names_out=date_part_names)
    return ColumnTransformer(
        [
            ("number", make_pipeline(*numbers), number_columns),
            ("low_cardinality", OneHotEncoder(handle_unknown="ignore", sparse_output=False), low_cardinality),
            ("high_cardinality", target_means, high_cardinality),
            ("date", make_pipeline(parts, *numbers), date_columns),
            ("text", PerColumn(words), text_columns),
        ],
        sparse_threshold=0,
    )


def low_cardinality(frame: pd.DataFrame) -> list[str]:
    """The categorical columns that become a column per category."""
    return [name for name in category_columns(frame) if frame[name].nunique() <= MAX_ONE_HOT_CATEGORIES]


def high_cardinality(frame: pd.DataFrame) -> list[str]:
    """The categorical columns that are encoded by the mean target."""
    return [name for name in category_columns(frame) if frame[name].nunique() > MAX_ONE_HOT_CATEGORIES]


def date_parts(frame: pd.DataFrame) -> np.ndarray:
    """Days since 1970, month, day, weekday and hour of each date: (rows, 5 x columns), NaN for a missing one."""
    parts = []
    for name in frame:
        column = frame[name].astype("datetime64[s]")  # nanoseconds end in 2262
        date = column.dt
        days = column.astype("int64").where(column.notna()) / 86_400
        parts += [days, date.month, date.day, date.day_of_week, date.hour]
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def date_part_names(_: FunctionTransformer, columns: list[str]) -> list[str]:
    return [f"{column}_{part}" for column in columns for part in DATE_PARTS]
