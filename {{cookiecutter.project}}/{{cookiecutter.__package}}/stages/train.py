"""train: cross-validate the model that params.yaml names, fit it on all training rows, save it."""

import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from dvclive import Live
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
        folds = list(cross_validation(found, settings, table, labels))
        scores = learning_curve(live, pipeline, features, labels, folds, scoring, settings)
        live.log_metric("cv_std", float(np.std(scores)), plot=False)
        bars = [{"fold": f"fold {number}", "score": float(value)} for number, value in enumerate(scores, start=1)]
        live.log_plot("folds", bars, x="score", y="fold", template="bar_horizontal")
        pipeline.fit(features, labels)
        main_metric = metrics.SCORING[found.task][0]
        scores_of_train = metrics.score(pipeline, features, labels, found.task)
        live.log_metric(f"train_{main_metric}", scores_of_train[main_metric], plot=False)

    model.save(pipeline)
    write_json(model.PATH.with_name("model.json"), describe(pipeline))
    write_json(model.PATH.with_name("environment.json"), environment())
    print(f"{settings.model}: {scoring} {np.mean(scores):.3f} ± {np.std(scores):.3f} over {len(folds)} folds")


def cross_validation(found: Schema, settings: params.Train, table: pd.DataFrame, labels: np.ndarray):
    """Pairs of (training, validation) positions, by the rule that split train from test.

    Raises UserError where there are fewer rows, groups or members of every class than folds.
    """
    classes = found.task == "classification"
    groups = None
    if found.split == "time":
        splitter = TimeSeriesSplit(settings.folds)
    elif found.by and table[found.by].duplicated().any():
        groups = pd.factorize(table[found.by], use_na_sentinel=False)[0]
        kind = StratifiedGroupKFold if classes else GroupKFold
        splitter = kind(settings.folds, shuffle=True, random_state=settings.seed)
    else:
        kind = StratifiedKFold if classes else KFold
        splitter = kind(settings.folds, shuffle=True, random_state=settings.seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            return list(splitter.split(table, labels, groups))
    except ValueError as error:
        raise UserError(f"params.yaml: train.folds: {settings.folds}: too many for this table: {error}") from error


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
    random = np.random.default_rng(settings.seed)
    shuffled = [(random.permutation(train), validation) for train, validation in folds]
    for share in sorted({*settings.learning_curve, 1.0}):
        parts = [(train[: round(share * len(train))], validation) for train, validation in shuffled]
        if share < 1 and any(len(np.unique(labels[train])) < 2 for train, _ in parts):
            continue  # too few rows to fit anything
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            scores = cross_validate(pipeline, features, labels, cv=parts, scoring=scoring, return_train_score=True)
        if np.isnan(scores["test_score"]).any():
            if share < 1:
                continue
            raise UserError(f"params.yaml: train.scoring: {scoring!r}: has no value in some fold; use fewer folds")
        live.step = int(np.mean([len(train) for train, _ in parts]))
        live.log_metric("train_score", float(np.mean(scores["train_score"])))
        live.log_metric("cv_mean", float(np.mean(scores["test_score"])))
    return scores["test_score"]


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
        "release": platform.release(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
