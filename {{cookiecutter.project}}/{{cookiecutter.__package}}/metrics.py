"""Scores by the names of the field."""

import numpy as np
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


def score(pipeline: Pipeline, features, labels: np.ndarray, task: str) -> dict[str, float]:
    """Every metric of the task for rows of (features, labels).

    classification: accuracy; precision, recall and f1, each the plain mean over classes; roc_auc, the mean of one
    class against the rest; log_loss. regression: rmse and mae, in the target's unit, and r2.
    """
    predicted = pipeline.predict(features)
    if task == "regression":
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
        if unknown := np.mean(~np.isin(labels, pipeline.classes_)):
            found["unknown_class_share"] = unknown  # rows of a class that training never saw
        found |= _of_probabilities(pipeline.classes_, labels, pipeline.predict_proba(features))
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


def at_threshold(right: np.ndarray, greatest: np.ndarray, threshold: float) -> dict[str, float]:
    """What comes of calling a row unsure where its greatest probability is below the threshold.

    right, greatest: of each row, whether the predicted class is right, and its probability. Returns coverage, the share of
    the other rows, and accuracy_at_coverage, the accuracy on these; not the latter where there are none.
    """
    sure = greatest >= threshold
    found = {"coverage": float(np.mean(sure))}
    return found | ({"accuracy_at_coverage": float(np.mean(right[sure]))} if sure.any() else {})
