"""The predictions of a model."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from .samples import sample
from .schema import Schema


class Predictions(NamedTuple):
    """Predictions of rows.

    Attributes:
        labels: the predicted class or number of each row, (rows,).
        classes: the classes in order, (classes,).
        probabilities: of each class, (rows, classes). Numbers, and a classifier without predict_proba, have no classes.
    """

    labels: np.ndarray
    classes: np.ndarray = np.empty(0)
    probabilities: np.ndarray = np.empty((0, 0))

    @property
    def has_probabilities(self) -> bool:
        return len(self.classes) > 0

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, (rows,)."""
        return self.probabilities.max(axis=1)

    def of(self, rows: np.ndarray) -> "Predictions":
        """The predictions of some rows, by their positions."""
        probabilities = self.probabilities[rows] if self.has_probabilities else self.probabilities
        return Predictions(self.labels[rows], self.classes, probabilities)


class PredictedTable(NamedTuple):
    """The labels and predictions of all rows of a prepared table, and a sample of its rows.

    Attributes:
        labels: (rows,).
        predictions: of all rows.
        sample: positions of the sample in order, (rows of the sample,).
        table: the rows of the sample.
    """

    labels: np.ndarray
    predictions: Predictions
    sample: np.ndarray
    table: pd.DataFrame


def predict(model: BaseEstimator, features: pd.DataFrame) -> Predictions:
    """Predict rows, once: the class is the most probable one, if the model knows probabilities."""
    if not hasattr(model, "predict_proba"):
        return Predictions(np.asarray(model.predict(features)).reshape(len(features)))
    probabilities = model.predict_proba(features)
    return Predictions(model.classes_[probabilities.argmax(axis=1)], model.classes_, probabilities)


def predict_table(
    model: BaseEstimator, schema: Schema, path: Path, *, max_sample: int | None, seed: int
) -> PredictedTable:
    """Predict a prepared table in parts, so that no more than a part and the sample are in memory.

    Args:
        max_sample: rows of the sample, at most; None: all rows.
        seed: of the sample.

    Raises:
        UserError: the table is missing, damaged, or of another run than the schema.
    """
    labels, predictions, tables = [], [], []
    chosen, start = sample(schema.count(path), max_sample, seed), 0
    for part in schema.read_parts(path):
        labels.append(schema.labels(part))
        predictions.append(predict(model, schema.features(part)))
        first, last = np.searchsorted(chosen, (start, start + len(part)))
        tables.append(part.iloc[chosen[first:last] - start])
        start += len(part)
    return PredictedTable(
        np.concatenate(labels),
        Predictions(
            np.concatenate([part.labels for part in predictions]),
            predictions[0].classes,
            np.concatenate([part.probabilities for part in predictions]),
        ),
        chosen,
        pd.concat(tables, ignore_index=True),
    )
