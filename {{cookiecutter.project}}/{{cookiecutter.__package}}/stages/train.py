"""train: cross-validate the model that params.yaml names, fit it on all training rows, save it."""

import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from dvclive import Live
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import Pipeline

from .. import metrics, model, params, schema
from ..errors import UserError
from ..files import write_json
from ..schema import Schema
from ..split import parse_time

RESULTS = Path("results/train")
LIBRARIES = ("dvc", "dvclive", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def main() -> None:
    settings = params.load().train
    found = schema.load()
    table = pd.read_parquet(schema.TRAIN)
    features, labels = found.features(table), found.labels(table)
    pipeline = model.build(settings, found)
    scoring = metrics.scoring(settings, found.task)

    # dvc.yaml lists the plots, and DVC keeps the experiment: dvclive does the logging alone.
    with Live(str(RESULTS), dvcyaml=None, save_dvc_exp=False) as live:
        folds = cross_validation(found, settings, table, labels)
        scores = learning_curve(live, pipeline, features, labels, folds, scoring, settings)
        live.log_metric("cv_std", float(np.std(scores)), plot=False)
        dummy = model.baseline(found.task)
        baseline = float(np.mean(score_folds(dummy, features, labels, folds, scoring)["test_score"]))
        live.log_metric("baseline_cv_mean", baseline, plot=False)
        bars = [{"fold": f"fold {number}", "score": float(value)} for number, value in enumerate(scores, start=1)]
        live.log_plot("folds", bars, x="score", y="fold", template="bar_horizontal")
        pipeline.fit(features, labels)
        for name, value in metrics.score(metrics.predict(pipeline, features), labels).items():
            live.log_metric(f"train_{name}", value, plot=False)

    model.save(pipeline)
    write_json(model.PATH.with_name("model.json"), describe(pipeline))
    write_json(model.FEATURES, model.features(pipeline))
    write_json(model.PATH.with_name("environment.json"), environment())
    print(f"{settings.model}: {scoring} {np.mean(scores):.3f} ± {np.std(scores):.3f} over {len(folds)} folds")
    print(f"to compare: {baseline:.3f} from always predicting the most frequent class, or the mean")


def cross_validation(
    found: Schema, settings: params.Train, table: pd.DataFrame, labels: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions of (training, validation) rows by fold, by the rule that split train from test.

    Training rows are in random order, so that the first of them are a sample. Raises UserError where there are fewer
    rows, groups, moments or members of every class than folds, or where a fold has one class to learn from.
    """
    classes = found.task == "classification"
    rows, groups = table, None
    if found.split == "time":  # rows of one moment stay together
        moments, rows = pd.factorize(parse_time(table[found.by]))
        splitter = TimeSeriesSplit(settings.folds)
    elif found.split in ("hash", "group") and found.by and table[found.by].duplicated().any():
        groups = pd.factorize(table[found.by], use_na_sentinel=False)[0]
        splitter = (StratifiedGroupKFold if classes else GroupKFold)(
            settings.folds, shuffle=True, random_state=settings.seed
        )
    else:
        splitter = (StratifiedKFold if classes else KFold)(settings.folds, shuffle=True, random_state=settings.seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            folds = list(splitter.split(rows, None if found.split == "time" else labels, groups))
    except ValueError as error:
        raise UserError(f"params.yaml: train.folds: {settings.folds}: too many for this table: {error}") from error
    if found.split == "time":
        folds = [tuple(np.flatnonzero(np.isin(moments, part)) for part in fold) for fold in folds]
    if classes and any(len(np.unique(labels[train])) < 2 for train, _ in folds):
        rarest = pd.Series(labels).value_counts().min()
        raise UserError(
            f"params.yaml: train.folds: {settings.folds}: a fold has one class to learn from (the rarest has {rarest} "
            "training rows); use fewer folds, another prepare.split, or more rows"
        )
    random = np.random.default_rng(settings.seed)
    return [(random.permutation(train), validation) for train, validation in folds]


def learning_curve(
    live: Live,
    pipeline: Pipeline,
    features: pd.DataFrame,
    labels: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    scoring: str,
    settings: params.Train,
) -> np.ndarray:
    """Log the score on training and validation rows as a step per size of training data; return that of each fold.

    The last step has all of the training rows of each fold: it is the cross-validation.
    """
    for share in sorted({*settings.learning_curve, 1.0}):
        parts = [(train[: round(share * len(train))], validation) for train, validation in folds]
        if share < 1 and any(len(np.unique(labels[train])) < 2 for train, _ in parts):
            continue  # too few rows to fit anything
        try:
            scores = score_folds(pipeline, features, labels, parts, scoring)
        except UserError:
            if share < 1:
                continue  # a step of the curve with too few rows
            raise
        live.step = int(np.mean([len(train) for train, _ in parts]))
        live.log_metric("cv_train_mean", float(np.mean(scores["train_score"])))
        live.log_metric("cv_mean", float(np.mean(scores["test_score"])))
    return scores["test_score"]


def score_folds(
    pipeline: BaseEstimator,
    features: pd.DataFrame,
    labels: np.ndarray,
    parts: list[tuple[np.ndarray, np.ndarray]],
    scoring: str,
    return_train_score: bool = True,
) -> dict[str, np.ndarray]:
    """Fit and score each fold. Raises UserError where a fold cannot be fitted, with scikit-learn's reason, or scored."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            warnings.filterwarnings("ignore", "The number of unique classes")
            scores = cross_validate(
                pipeline,
                features,
                labels,
                cv=parts,
                scoring=scoring,
                return_train_score=return_train_score,
                error_score="raise",
            )
    except ValueError as error:
        raise UserError(f"params.yaml: train: a fold cannot be fitted or scored by {scoring}: {error}") from error
    if np.isnan(scores["test_score"]).any():
        raise UserError(
            f"params.yaml: train.scoring: {scoring!r}: has no value in a fold (too few rows, or a class is missing); "
            "use another score, or fewer folds"
        )
    return scores


def describe(pipeline: Pipeline) -> dict[str, object]:
    """The estimator's class and all of its parameters, given or default."""
    estimator = pipeline.named_steps["model"]
    return {
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "parameters": estimator.get_params(deep=False),
    }


def environment() -> dict[str, object]:
    """What the model was made with."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
