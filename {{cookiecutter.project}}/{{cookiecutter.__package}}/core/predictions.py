"""The predictions of a model."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator


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


def predict(model: BaseEstimator, features: pd.DataFrame) -> Predictions:
    """Predict rows, once: the class is the most probable one, if the model knows probabilities."""
    if not hasattr(model, "predict_proba"):
        return Predictions(np.asarray(model.predict(features)).reshape(len(features)))
    probabilities = model.predict_proba(features)
    return Predictions(model.classes_[probabilities.argmax(axis=1)], model.classes_, probabilities)
