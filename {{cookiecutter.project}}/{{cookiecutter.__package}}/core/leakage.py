"""How well each column alone predicts the target: one that does so (near) perfectly may be a leak."""

import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .schema import ColumnSchema, Schema

NEAR_PERFECT = 0.99
ENOUGH = 30  # rows that can show it
ROWS = 4000  # that are looked at, at most


def scores(train: pd.DataFrame, found: Schema) -> dict[str, float]:
    """The score of each feature by itself, 0 to 1: balanced accuracy, or the r2 of the target's ranks.

    It is of a decision tree that learns from half of the rows and is tried on the other half, or for two columns of numbers
    their squared rank correlation (Spearman), if that is more. Classes that are not in both halves are left out.
    """
    train = train.sample(min(ROWS, len(train)), random_state=0)
    classes = found.task == "classification"
    if classes:
        halves = [set(train[found.target].iloc[half::2]) for half in (0, 1)]
        train = train[train[found.target].isin(set.intersection(*halves))]
    labels = found.labels(train if classes else train.assign(**{found.target: train[found.target].rank()}))
    if len(set(labels[::2])) < 2 or len(set(labels[1::2])) < 2:
        return dict.fromkeys(found.names(), 0.0)
    score = _of_classes if classes else _of_ranks
    return {name: round(max(score(_codes(column), labels), 0.0), 6) for name, column in found.features(train).items()}


def _codes(column: pd.Series) -> np.ndarray:
    """Numbers as they are, anything else by its place among the sorted values."""
    codes = column if column.dtype == float else pd.factorize(column, sort=True)[0]
    return np.asarray(codes, dtype=float)


def _of_classes(column: np.ndarray, labels: np.ndarray) -> float:
    rows = column.reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes|y_pred contains classes not in y_true")
        predicted = DecisionTreeClassifier(random_state=0).fit(rows[::2], labels[::2]).predict(rows[1::2])
        return float(balanced_accuracy_score(labels[1::2], predicted))


def _of_ranks(column: np.ndarray, labels: np.ndarray) -> float:
    rows = column.reshape(-1, 1)
    predicted = DecisionTreeRegressor(random_state=0).fit(rows[::2], labels[::2]).predict(rows[1::2])
    correlation = pd.Series(column).rank().corr(pd.Series(labels))  # NaN for a constant
    present = 1 - np.isnan(column).mean()
    return float(np.nanmax([r2_score(labels[1::2], predicted), correlation**2 * present]))


def suspects(found: Schema) -> list[ColumnSchema]:
    """Features that may be a copy of the target, a code for it, or a consequence of it."""
    if found.train_rows < ENOUGH:
        return []
    return [c for c in found.columns if c.role == "feature" and c.single_feature_score >= NEAR_PERFECT]
