"""Your metrics, by the names of scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics

from .core.errors import UserError
from .core.predictions import Predictions

# What train.scoring may name; null is the first. Each is larger for a better model.
SCORING = {
    "classification": (
        "accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "recall_macro", "roc_auc_ovr", "neg_log_loss",
    ),
    "regression": ("r2", "neg_root_mean_squared_error", "neg_mean_absolute_error", "neg_median_absolute_error"),
}  # fmt: skip
# The same for a target with a positive class: the scores of that class.
POSITIVE_SCORING: dict[str, tuple[Callable, str]] = {
    "f1": (metrics.f1_score, "predict"),
    "precision": (metrics.precision_score, "predict"),
    "recall": (metrics.recall_score, "predict"),
    "average_precision": (metrics.average_precision_score, "predict_proba"),
    "roc_auc": (metrics.roc_auc_score, "predict_proba"),
}


def scoring_names(task: str, positive: Any = None) -> tuple[str, ...]:
    """The scores that train.scoring may name."""
    return SCORING[task] if positive is None else (*SCORING[task], *POSITIVE_SCORING)


def scoring_name(given: str | None, task: str, positive: Any = None) -> str:
    """scikit-learn's name of the score to validate by. Raises UserError for one that does not fit the target."""
    name = given or SCORING[task][0]
    if name in POSITIVE_SCORING and positive is None and task == "classification":
        raise UserError(f"params.yaml: train.scoring: {name!r}: is a score of one class: set data.positive")
    if name not in scoring_names(task, positive):
        allowed = ", ".join(scoring_names(task, positive))
        raise UserError(f"params.yaml: train.scoring: {name!r}: for {task}, use null, {allowed}")
    return name


def scorer(name: str, positive: Any = None) -> Callable:
    """scikit-learn's scorer of that name, for the positive class if there is one."""
    if name not in POSITIVE_SCORING:
        return metrics.get_scorer(name)
    function, response = POSITIVE_SCORING[name]
    if name == "roc_auc":  # the same whichever class is positive
        return metrics.get_scorer(name)
    options = {"zero_division": 0} if response == "predict" else {}
    return metrics.make_scorer(function, response_method=response, pos_label=positive, **options)


def score(y_true: np.ndarray, predictions: Predictions, positive: Any = None) -> dict[str, float]:
    """Every metric of predictions, by name; one that is not defined for these rows is left out.

    Regression: rmse and mae, in the target's unit, and r2. Classification: accuracy, log_loss, and of the positive
    class precision, recall, f1, average_precision and roc_auc; without one, their means over classes, `_macro`.
    """
    y_pred = predictions.labels
    if y_true.dtype.kind == "f":
        scores = {
            "rmse": metrics.root_mean_squared_error(y_true, y_pred),
            "mae": metrics.mean_absolute_error(y_true, y_pred),
            "r2": metrics.r2_score(y_true, y_pred) if len(y_true) > 1 else np.nan,
        }
    else:
        average = {"average": "macro"} if positive is None else {"average": "binary", "pos_label": positive}
        suffix = "_macro" if positive is None else ""
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(y_true, y_pred, zero_division=0, **average)
        scores = {"accuracy": np.mean(y_true == y_pred)}
        scores |= {f"precision{suffix}": precision, f"recall{suffix}": recall, f"f1{suffix}": f1}
        if predictions.has_probabilities:
            scores |= _score_probabilities(y_true, predictions, positive)
    return {name: float(value) for name, value in scores.items() if np.isfinite(value)}


def _score_probabilities(y_true: np.ndarray, predictions: Predictions, positive: Any) -> dict[str, float]:
    """Metrics of probabilities, over the rows whose class the model knows."""
    classes = predictions.classes
    known = np.isin(y_true, classes)
    y_true, probabilities = y_true[known], predictions.probabilities[known]
    scores = {"log_loss": metrics.log_loss(y_true, probabilities, labels=classes) if len(y_true) else np.nan}
    if unknown := float(np.mean(~known)):
        scores["unknown_class_fraction"] = unknown
    one_vs_rest = [
        (y_true == label, column)
        for label, column in zip(classes, probabilities.T, strict=True)
        if positive in (None, label) and 0 < np.sum(y_true == label) < len(y_true)
    ]
    suffix = "_macro" if positive is None else ""
    for name, function in (("average_precision", metrics.average_precision_score), ("roc_auc", metrics.roc_auc_score)):
        values = [function(is_label, column) for is_label, column in one_vs_rest]
        scores[f"{name}{suffix}"] = np.mean(values) if values else np.nan
    return scores


def coverage_at(threshold: float, y_true: np.ndarray, predictions: Predictions) -> dict[str, float]:
    """The effect of abstaining from rows whose predicted class has a probability below the threshold.

    Returns `coverage`, the share of the other rows, and `selective_accuracy`, the accuracy on them if there are any.
    """
    decided = predictions.confidence >= threshold
    result = {"coverage": float(np.mean(decided))}
    if decided.any():
        result["selective_accuracy"] = float(np.mean((predictions.labels == y_true)[decided]))
    return result
