"""How well each column alone predicts the target: one that does so (near) perfectly may be a leak."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .schema import Column, Schema

NEAR_PERFECT = 0.99
ENOUGH = 30  # rows that can show it
ROWS = 4000  # that are looked at, at most


def scores(train: pd.DataFrame, found: Schema) -> dict[str, float]:
    """The score of each feature by itself, at least 0: balanced accuracy, or the r2 of the target's ranks.

    It is of a decision tree that learns from half of the rows and is tried on the other half; 0 where that has one class.
    """
    train = train.sample(min(ROWS, len(train)), random_state=0)
    classes = found.task == "classification"
    labels = found.labels(train) if classes else rankdata(found.labels(train))
    tree, score = (
        (DecisionTreeClassifier(random_state=0), balanced_accuracy_score)
        if classes
        else (DecisionTreeRegressor(random_state=0), r2_score)
    )
    if len(np.unique(labels[1::2])) < 2:
        return dict.fromkeys(found.names(), 0.0)
    result = {}
    for name, column in found.features(train).items():
        values = column if column.dtype == float else pd.factorize(column, sort=True)[0]
        values = np.asarray(values, dtype=float).reshape(-1, 1)
        predicted = tree.fit(values[::2], labels[::2]).predict(values[1::2])
        result[name] = round(max(float(score(labels[1::2], predicted)), 0.0), 6)
    return result


def suspects(found: Schema) -> list[Column]:
    """Features that may be a copy of the target, a code for it, or a consequence of it."""
    if found.train_rows < ENOUGH:
        return []
    return [c for c in found.columns if c.role == "feature" and c.alone >= NEAR_PERFECT]
