"""XGBoost's classifier for labels of any kind."""

from typing import Any, Self

import numpy as np
import xgboost


class XGBClassifier(xgboost.XGBClassifier):
    """xgboost.XGBClassifier takes only 0, 1, 2 ... for classes; this one takes what scikit-learn's classifiers take."""

    def fit(self, X: np.ndarray, y: np.ndarray, **options: Any) -> Self:
        """Fit to (rows, features) and labels (rows,)."""
        self.__dict__.pop("labels_", None)  # of an earlier fit: XGBoost compares the codes with classes_
        labels, codes = np.unique(y, return_inverse=True)
        super().fit(X, codes, **options)
        self.labels_ = labels
        return self

    def predict(self, X: np.ndarray, **options: Any) -> np.ndarray:
        """The class of each row, (rows,)."""
        return self.labels_[super().predict(X, **options)]

    @property
    def classes_(self) -> np.ndarray:
        """The labels in order, (classes,)."""
        return self.__dict__.get("labels_", super().classes_)
