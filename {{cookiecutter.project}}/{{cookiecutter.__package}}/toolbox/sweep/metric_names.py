"""The names that people give to a metric, and scikit-learn's names of the cross-validated score."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ...core.errors import UserError
from ...metrics import scoring_names

# Words that name a split or a moment: every score of a sweep is cross-validated.
IGNORED = {
    *(
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "eval",
        "evaluation",
        "dev",
        "holdout",
        "train",
        "training",
        "cv",
    ),
    *("epoch", "step", "best", "final", "max", "min", "mean", "avg", "overall", "dataloader", "idx"),
}
# The first that the target has: with a positive class, the score of that class.
LOG_LOSS = ("neg_log_loss", "neg_root_mean_squared_error")
RMSE = ("neg_root_mean_squared_error",)
MAE = ("neg_mean_absolute_error",)
ERROR = ("accuracy", "neg_root_mean_squared_error")
ALIASES: dict[str, tuple[str, ...]] = {
    "acc": ("accuracy",),
    "acc_1": ("accuracy",),
    "acc1": ("accuracy",),
    "top1": ("accuracy",),
    "top1_acc": ("accuracy",),
    "top1_accuracy": ("accuracy",),
    "top_1_accuracy": ("accuracy",),
    "accuracy_score": ("accuracy",),
    "categorical_accuracy": ("accuracy",),
    "binary_accuracy": ("accuracy",),
    "sparse_categorical_accuracy": ("accuracy",),
    "balanced_acc": ("balanced_accuracy",),
    "bacc": ("balanced_accuracy",),
    "f1": ("f1", "f1_macro"),
    "f1_score": ("f1", "f1_macro"),
    "f1score": ("f1", "f1_macro"),
    "f_score": ("f1", "f1_macro"),
    "macro_f1": ("f1_macro",),
    "f1_score_macro": ("f1_macro",),
    "prec": ("precision", "precision_macro"),
    "precision": ("precision", "precision_macro"),
    "macro_precision": ("precision_macro",),
    "recall": ("recall", "recall_macro"),
    "sensitivity": ("recall",),
    "macro_recall": ("recall_macro",),
    "auc": ("roc_auc", "roc_auc_ovr"),
    "auroc": ("roc_auc", "roc_auc_ovr"),
    "roc_auc": ("roc_auc", "roc_auc_ovr"),
    "rocauc": ("roc_auc", "roc_auc_ovr"),
    "roc_auc_score": ("roc_auc", "roc_auc_ovr"),
    "auc_roc": ("roc_auc", "roc_auc_ovr"),
    "ap": ("average_precision",),
    "auprc": ("average_precision",),
    "pr_auc": ("average_precision",),
    "loss": LOG_LOSS,
    "log_loss": ("neg_log_loss",),
    "logloss": ("neg_log_loss",),
    "mlogloss": ("neg_log_loss",),
    "nll": ("neg_log_loss",),
    "nll_loss": ("neg_log_loss",),
    "bce": ("neg_log_loss",),
    "ce_loss": ("neg_log_loss",),
    "cross_entropy": ("neg_log_loss",),
    "crossentropy": ("neg_log_loss",),
    "cross_entropy_loss": ("neg_log_loss",),
    "error": ERROR,
    "err": ERROR,
    "error_rate": ("accuracy",),
    "rmse": RMSE,
    "root_squared_error": RMSE,
    "mse": RMSE,
    "mse_loss": RMSE,
    "squared_error": RMSE,
    "mae": MAE,
    "l1": MAE,
    "l1_loss": MAE,
    "absolute_error": MAE,
    "median_absolute_error": ("neg_median_absolute_error",),
    "r2_score": ("r2",),
    "rsquared": ("r2",),
    "r_squared": ("r2",),
}
SQUARED = ("mse", "mse_loss", "squared_error")
ERRORS = ("error", "err", "error_rate")  # one minus the accuracy
SCORE = ("cv_mean", "score", "metric", "objective", "objective_value")  # the score that train.scoring names


@dataclass(frozen=True)
class Metric:
    """The score of a sweep.

    Attributes:
        scoring: scikit-learn's name; None for the score that train.scoring names.
        goal: maximize or minimize, as the metric was named.
        to_score: turns a target in the metric's unit into a score, of which larger is better.
    """

    scoring: str | None
    goal: str
    to_score: Callable[[float], float]


def read_metric_name(given: str, task: str, positive: Any) -> Metric:
    """The score for a name such as val_accuracy, valid/rmse or test_f1.

    Raises UserError for a name that has no score here.
    """
    words = [word for word in re.findall(r"[a-z]+[0-9]*|[0-9]+", _split_camel_case(given)) if word not in IGNORED]
    name = "_".join(words)
    if name not in ALIASES:
        name = "_".join(word for word in words if not word.isdigit())  # of valid_1_auc, the set
    names = scoring_names(task, positive)
    if given in SCORE or name in SCORE:
        return Metric(None, "maximize", float)
    candidates = (given, *ALIASES.get(name, (name,)))
    scoring = next((candidate for candidate in candidates if candidate in names), None)
    if scoring is None:
        raise UserError(f"metric.name: {given!r}: not a score of {task} here; use cv_mean, {', '.join(names)}")
    if scoring == "accuracy" and name in ERRORS:
        return Metric(scoring, "minimize", lambda error: 1 - error)
    if not scoring.startswith("neg_") or given.startswith("neg_"):
        return Metric(scoring, "maximize", float)
    if name in SQUARED:
        return Metric(scoring, "minimize", lambda error: -sqrt(max(error, 0)))
    return Metric(scoring, "minimize", lambda loss: -loss)


def _split_camel_case(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
