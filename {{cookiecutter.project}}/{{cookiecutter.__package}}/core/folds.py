"""Cross-validation: the folds, by the rule that split train from test, and the scores on them."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from .cluster import for_each
from .errors import UserError
from .samples import MAX_TRAIN_SCORED
from .schema import Schema
from .split import require_sortable

Fold = tuple[np.ndarray, np.ndarray]  # positions of training and validation rows
MAX_CURVE_FOLDS = 2  # of a large table


def make_folds(
    table: pd.DataFrame, labels: np.ndarray, schema: Schema, *, n_splits: int = 5, seed: int = 0
) -> list[Fold]:
    """Positions of the training and validation rows of each fold, which are split as train was split from test.

    Training rows are in random order, so that the first of them are a sample. Groups stay whole; in a split by time,
    rows of one moment stay together and validation is later than training.

    Raises:
        UserError: there are fewer rows, groups, moments or members of every class than folds, or a fold has one class
            to learn from.
    """
    where = f"params.yaml: train.n_splits: {n_splits}"
    split, split_column, is_classification = schema.split, schema.split_column, schema.task == "classification"
    rows, groups, timestamps = table, None, None
    if split == "time":
        timestamps, rows = pd.factorize(require_sortable(table[split_column]))
        splitter = TimeSeriesSplit(n_splits)
    elif split in ("hash", "group") and split_column and table[split_column].duplicated().any():
        groups = pd.factorize(table[split_column], use_na_sentinel=False)[0]
        kind = StratifiedGroupKFold if is_classification else GroupKFold
        splitter = kind(n_splits, shuffle=True, random_state=seed)
    else:
        kind = StratifiedKFold if is_classification else KFold
        splitter = kind(n_splits, shuffle=True, random_state=seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            folds = list(splitter.split(rows, None if split == "time" else labels, groups))
    except ValueError as error:
        raise UserError(f"{where}: too many for this table: {error}") from error
    if timestamps is not None:
        folds = [tuple(np.flatnonzero(np.isin(timestamps, part)) for part in fold) for fold in folds]
    if is_classification and any(len(np.unique(labels[train])) < 2 for train, _ in folds):
        rarest = pd.Series(labels).value_counts().min()
        raise UserError(
            f"{where}: a fold has one class to learn from (the rarest has {rarest} training rows); "
            "use fewer folds, another prepare.split, or more rows"
        )
    random = np.random.default_rng(seed)
    return [(random.permutation(train), validation) for train, validation in folds]


def curve_folds(folds: list[Fold]) -> list[Fold]:
    """The folds of the learning curve at fewer than all rows: the first two if a fold has more than 20,000 to train on.

    With so many rows, folds differ little. In a split by time, the first folds have the fewest rows.
    """
    is_large = max(len(train) for train, _ in folds) > MAX_TRAIN_SCORED
    return folds[:MAX_CURVE_FOLDS] if is_large else folds


def score_folds(
    model: BaseEstimator,
    features: pd.DataFrame,
    labels: np.ndarray,
    folds: list[Fold],
    scorer: str | Callable,
    *,
    scoring: str,
    return_train_score: bool = True,
    on_fit: Callable[[], object] = lambda: None,
) -> dict[str, np.ndarray]:
    """Fit and score each fold: `test_score` and, if asked for, `train_score`, each (folds,).

    `train_score` is on the first MAX_TRAIN_SCORED training rows; make_folds puts these in random order.

    Args:
        model: the unfitted estimator.
        scorer: a scorer of scikit-learn; scoring: its name, for messages.
        on_fit: called after each fold.

    Raises:
        UserError: a fold cannot be fitted, with scikit-learn's reason, or cannot be scored.
    """
    scores: dict[str, list[float]] = {"test_score": [], "train_score": []}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            warnings.filterwarnings("ignore", "The number of unique classes")
            score = check_scoring(model, scorer)
            settings, shared = (model, score, return_train_score), (features, labels, folds)
            for fold_scores in for_each(_fit_and_score, settings, shared, len(folds)):
                for name, value in fold_scores.items():
                    scores[name].append(value)
                on_fit()
    except UserError:
        raise
    except Exception as error:  # an estimator may raise anything for data it cannot learn
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"params.yaml: train: a fold cannot be fitted or scored by {scoring}: {reason}") from error
    if np.isnan(scores["test_score"]).any():
        raise UserError(
            f"params.yaml: train.scoring: {scoring!r}: has no value in a fold (too few rows, or a class is missing); "
            "use another score, or fewer folds"
        )
    return {name: np.asarray(values) for name, values in scores.items() if values}


def _fit_and_score(
    model: BaseEstimator,
    score: Callable,
    return_train_score: bool,
    features: pd.DataFrame,
    labels: np.ndarray,
    folds: list[Fold],
    number: int,
) -> dict[str, float]:
    """The scores of a fold, by its number."""
    train, validation = folds[number]
    fitted = clone(model).fit(features.iloc[train], labels[train])
    with parallel_config(n_jobs=1):  # threads would add up the trees of a forest in the order that they end
        parts = {"test_score": validation} | ({"train_score": train[:MAX_TRAIN_SCORED]} if return_train_score else {})
        return {name: score(fitted, features.iloc[rows], labels[rows]) for name, rows in parts.items()}
