"""The points of evaluate's plots."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from .predictions import Predictions

MAX_CLASSES = 8  # with curves of their own, the most frequent ones
MAX_POINTS = 200  # of a curve
MAX_DOTS = 1000  # of a scatter plot
# x and y of each plot, as dvc.yaml names them. dvc.yaml lists the plots of both tasks; those without points stay empty.
AXES = {
    "confusion": ("predicted", "actual"),
    "roc": ("false_positive_rate", "true_positive_rate"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("mean_predicted_probability", "fraction_of_positives"),
    "confidence": ("threshold", "coverage"),
    "predicted": ("actual", "predicted"),
    "residuals": ("predicted", "residual"),
}
Points = list[dict[str, Any]]


def confusion(y_true: np.ndarray, predictions: Predictions) -> Points:
    """The confusion matrix, a point for each pair of classes."""
    actual, predicted = pd.Series(y_true, name="actual"), pd.Series(predictions.labels, name="predicted")
    counts = pd.crosstab(actual, predicted).stack().rename("count").reset_index()
    return counts.astype({"actual": str, "predicted": str}).to_dict("records")


def class_curves(y_true: np.ndarray, predictions: Predictions, positive: Any = None) -> dict[str, Points]:
    """ROC, precision-recall and calibration curves, if there are probabilities.

    They are of the positive class; without one, of the second of two classes, or of each class against the rest.
    """
    plots: dict[str, pd.DataFrame] = {}
    for label in _drawn_classes(pd.Series(y_true), predictions, positive):
        is_label = y_true == label
        if is_label.all() or not is_label.any():
            continue  # no curve without both kinds of row
        probability = predictions.probabilities[:, predictions.classes == label].ravel()
        false_positive, true_positive, _ = roc_curve(is_label, probability)
        precision, recall, _ = precision_recall_curve(is_label, probability)
        fraction, mean = calibration_curve(is_label, probability, n_bins=10, strategy="quantile")
        curves = {
            "roc": (false_positive, true_positive),
            "precision_recall": (recall[::-1], precision[::-1]),
            "calibration": (mean, fraction),
        }
        for name, (x, y) in curves.items():
            plots[name] = pd.concat([plots.get(name), _thinned(AXES[name], x, y, label)])
    return {name: frame.to_dict("records") for name, frame in plots.items()}


def _drawn_classes(actual: pd.Series, predictions: Predictions, positive: Any) -> list[Any]:
    if not predictions.has_probabilities:
        return []
    if positive is not None:
        return [positive]
    if len(predictions.classes) == 2:
        return [predictions.classes[1]]
    return [label for label in actual.value_counts().index[:MAX_CLASSES] if label in predictions.classes]


def _thinned(axes: tuple[str, str], x: np.ndarray, y: np.ndarray, label: object) -> pd.DataFrame:
    """At most MAX_POINTS points of a curve, its ends among them, with their order and their class."""
    kept = np.unique(np.linspace(0, len(x) - 1, MAX_POINTS).round().astype(int))
    return pd.DataFrame({axes[0]: x[kept], axes[1]: y[kept], "order": range(len(kept)), "class": str(label)})


def number_plots(y_true: np.ndarray, predictions: Predictions) -> dict[str, Points]:
    """Predicted against actual values, and residuals (actual less predicted) against predicted, of the first rows."""
    actual, predicted = y_true[:MAX_DOTS], predictions.labels[:MAX_DOTS]
    points = pd.DataFrame({"actual": actual, "predicted": predicted, "residual": actual - predicted})
    return {name: points[list(AXES[name])].to_dict("records") for name in ("predicted", "residuals")}
