"""Scores by the names of the field."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.pipeline import Pipeline

from .errors import UserError
from .params import Train

# What train.scoring may name; the first is what null means. All are larger for a better model.
SCORING = {
    "classification": (
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "precision_macro",
        "recall_macro",
        "roc_auc_ovr",
        "neg_log_loss",
    ),
    "regression": ("r2", "neg_root_mean_squared_error", "neg_mean_absolute_error", "neg_median_absolute_error"),
}


def scoring(settings: Train, task: str) -> str:
    """scikit-learn's name of the score. Raises UserError for one that does not fit the task."""
    name = settings.scoring or SCORING[task][0]
    if name not in SCORING[task]:
        raise UserError(f"params.yaml: train.scoring: {name!r}: for {task}, use null, {', '.join(SCORING[task])}")
    return name


class Predictions(NamedTuple):
    """What a model says of rows: a label for each; of classes, also the probability of each, (rows, classes)."""

    labels: np.ndarray
    classes: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @property
    def greatest(self) -> np.ndarray:
        """The probability of the predicted class."""
        return self.probabilities.max(axis=1)


def predict(pipeline: Pipeline, features: pd.DataFrame) -> Predictions:
    """Predict rows, once: of classes, the label is the most probable one."""
    if not hasattr(pipeline, "predict_proba"):
        return Predictions(pipeline.predict(features))
    probabilities = pipeline.predict_proba(features)
    return Predictions(pipeline.classes_[probabilities.argmax(axis=1)], pipeline.classes_, probabilities)


def score(said: Predictions, labels: np.ndarray) -> dict[str, float]:
    """Every metric of what a model says of rows with these labels.

    classification: accuracy; precision, recall and f1, each the plain mean over classes; roc_auc, the mean of one
    class against the rest; log_loss. regression: rmse and mae, in the target's unit, and r2.
    """
    predicted = said.labels
    if said.classes is None:
        found = {
            "rmse": metrics.root_mean_squared_error(labels, predicted),
            "mae": metrics.mean_absolute_error(labels, predicted),
            "r2": metrics.r2_score(labels, predicted) if len(labels) > 1 else np.nan,
        }
    else:
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            labels, predicted, average="macro", zero_division=0
        )
        found = {"accuracy": np.mean(labels == predicted), "precision": precision, "recall": recall, "f1": f1}
        if unknown := np.mean(~np.isin(labels, said.classes)):
            found["unknown_class_share"] = unknown  # rows of a class that training never saw
        found |= _of_probabilities(said.classes, labels, said.probabilities)
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _of_probabilities(classes: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """roc_auc and log_loss over the rows whose class the model knows, where they are defined."""
    known = np.isin(labels, classes)
    labels, probabilities = labels[known], probabilities[known]
    areas = [
        metrics.roc_auc_score(labels == label, column)
        for label, column in zip(classes, probabilities.T, strict=True)
        if 0 < np.sum(labels == label) < len(labels)
    ]
    return {
        "roc_auc": np.mean(areas) if areas else np.nan,
        "log_loss": metrics.log_loss(labels, probabilities, labels=classes) if len(labels) else np.nan,
    }


def at_threshold(said: Predictions, labels: np.ndarray, threshold: float) -> dict[str, float]:
    """What comes of calling a row unsure where its greatest probability is below the threshold.

    Returns coverage, the share of the other rows, and accuracy_at_coverage, the accuracy on these; not the latter where there
    are none.
    """
    sure = said.greatest >= threshold
    found = {"coverage": float(np.mean(sure))}
    return found | ({"accuracy_at_coverage": float(np.mean((said.labels == labels)[sure]))} if sure.any() else {})
