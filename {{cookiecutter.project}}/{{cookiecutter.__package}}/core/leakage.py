"""How well each column on its own predicts the target: a (near) perfect score may be leakage."""

import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .schema import ColumnSchema, Schema

MIN_SUSPECT_SCORE = 0.99
MIN_ROWS = 30  # rows that can show leakage
MAX_ROWS = 4000  # rows that are scored
MAX_PLAIN_CATEGORIES = 30  # with more, a category is scored by the targets of its other rows


def scores(train: pd.DataFrame, schema: Schema) -> dict[str, float]:
    """Score each feature by itself, 0 to 1: balanced accuracy, or the r2 of the target's ranks.

    A decision tree learns from half of the rows and is scored on the other half. Two columns of numbers are also scored
    by their squared rank correlation (Spearman), and the higher score counts. A column of many categories predicts by
    the other rows of the same category, and by all rows if there are none. Classes that are not in both halves are left
    out.
    """
    train = train.sample(min(MAX_ROWS, len(train)), random_state=0)
    is_classification = schema.task == "classification"
    if is_classification:
        halves = [set(train[schema.target].iloc[half::2]) for half in (0, 1)]
        train = train[train[schema.target].isin(set.intersection(*halves))]
    ranked = train if is_classification else train.assign(**{schema.target: train[schema.target].rank()})
    labels = schema.labels(ranked)
    if len(set(labels[::2])) < 2 or len(set(labels[1::2])) < 2:
        return dict.fromkeys(schema.names(), 0.0)
    return {
        name: round(max(_score(column, labels, is_classification), 0.0), 6)
        for name, column in schema.features(train).items()
    }


def _score(column: pd.Series, labels: np.ndarray, is_classification: bool) -> float:
    is_category = column.dtype != float and not pd.api.types.is_datetime64_any_dtype(column)
    if is_category and column.nunique() > MAX_PLAIN_CATEGORIES:
        return _score_out_of_fold(column, labels, is_classification)
    codes = _codes(column)
    return _score_classes(codes, labels) if is_classification else _score_ranks(codes, labels)


def _codes(column: pd.Series) -> np.ndarray:
    """Numbers as they are, anything else by its place among the sorted values."""
    codes = column if column.dtype == float else pd.factorize(column, sort=True)[0]
    return np.asarray(codes, dtype=float)


def _score_out_of_fold(column: pd.Series, labels: np.ndarray, is_classification: bool) -> float:
    """The score of predicting each row by the other rows of its category: their most common class, or their mean."""
    groups = pd.factorize(column)[0]
    predicted = _common_class(groups, labels) if is_classification else _mean_of_others(groups, labels)
    score = balanced_accuracy_score if is_classification else r2_score
    return float(score(labels, predicted))


def _common_class(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    codes, classes = pd.factorize(labels)
    counts = np.zeros((groups.max() + 2, len(classes)))  # the last row is for missing categories
    np.add.at(counts, (groups, codes), 1)
    others = counts[groups]
    others[np.arange(len(labels)), codes] -= 1  # without the row itself
    overall = np.bincount(codes, minlength=len(classes)).argmax()
    return np.asarray(classes)[np.where(others.sum(axis=1) > 0, others.argmax(axis=1), overall)]


def _mean_of_others(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    series = pd.Series(labels).groupby(groups)
    sizes, sums = series.transform("size").to_numpy(), series.transform("sum").to_numpy()
    return np.where(sizes > 1, (sums - labels) / np.maximum(sizes - 1, 1), labels.mean())


def _score_classes(codes: np.ndarray, labels: np.ndarray) -> float:
    rows = codes.reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes|y_pred contains classes not in y_true")
        predicted = DecisionTreeClassifier(random_state=0).fit(rows[::2], labels[::2]).predict(rows[1::2])
        return float(balanced_accuracy_score(labels[1::2], predicted))


def _score_ranks(codes: np.ndarray, labels: np.ndarray) -> float:
    rows = codes.reshape(-1, 1)
    predicted = DecisionTreeRegressor(random_state=0).fit(rows[::2], labels[::2]).predict(rows[1::2])
    correlation = pd.Series(codes).rank().corr(pd.Series(labels))  # NaN for a constant
    present = 1 - np.isnan(codes).mean()
    return float(np.nanmax([r2_score(labels[1::2], predicted), correlation**2 * present]))


def suspects(schema: Schema) -> list[ColumnSchema]:
    """Features that may be a copy of the target, a code for it, or a consequence of it."""
    if schema.train_rows < MIN_ROWS:
        return []
    return [column for column in schema.feature_columns if column.single_feature_score >= MIN_SUSPECT_SCORE]
