"""The objective of a sweep: a trial costs the fits of a cross-validation on the training rows, and little else."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ... import metrics, model
from ...core import clean, reader
from ...core import schema as schemas
from ...core.config import validate, with_overrides
from ...core.folds import Fold, make_folds, score_folds
from ...core.paths import TRAIN
from ...core.schema import Schema
from ...params import Params
from ...stages import prepare

MAX_TABLES = 4  # versions of the training rows in memory; most sweeps have one


@dataclass(frozen=True, eq=False)
class CrossValidator:
    """Training rows and their folds: fits and scores a pipeline on some of them."""

    features: pd.DataFrame
    labels: np.ndarray
    folds: list[Fold]

    def score(self, pipeline: Pipeline, scorer: Callable, scoring: str, numbers: range) -> list[float]:
        """The score on each of the numbered folds. Raises UserError if one cannot be fitted or scored."""
        folds = [self.folds[i] for i in numbers]
        scores = score_folds(
            pipeline, self.features, self.labels, folds, scorer, scoring=scoring, return_train_score=False
        )
        return scores["test_score"].tolist()


class Objective:
    """From a point of the space to the fits: the cross-validation that train runs, on the same folds.

    Args:
        values: the content of params.yaml.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.base = validate(Params, values)
        self.tables: dict[tuple, tuple[Schema, CrossValidator]] = {}

    def __call__(self, point: dict[str, Any]) -> tuple[CrossValidator, Pipeline, Callable, str]:
        """Build the folds, the unfitted pipeline, the scorer and its name.

        Raises UserError for values that the stages would refuse in params.yaml.
        """
        settings = validate(Params, with_overrides(self.values, point))
        rows = (settings.data.model_dump_json(), settings.prepare.model_dump_json())
        key = (*rows, settings.train.n_splits, settings.train.seed)
        if key not in self.tables:
            if len(self.tables) == MAX_TABLES:
                self.tables.pop(next(iter(self.tables)))
            self.tables[key] = self._load(settings)
        schema, validator = self.tables[key]
        scoring = metrics.scoring_name(settings.train.scoring, schema.task, schema.positive)
        return validator, model.build(settings.train, schema), metrics.scorer(scoring, schema.positive), scoring

    def _load(self, settings: Params) -> tuple[Schema, CrossValidator]:
        """The training rows as prepare left them, or as it would with other params."""
        if (settings.data, settings.prepare) == (self.base.data, self.base.prepare):
            schema = schemas.load()
            table = schema.read(TRAIN)
        else:
            schema, table = _prepare(settings)
        labels = schema.labels(table)
        folds = make_folds(table, labels, schema, n_splits=settings.train.n_splits, seed=settings.train.seed)
        return schema, CrossValidator(schema.features(table), labels, folds)


def _prepare(settings: Params) -> tuple[Schema, pd.DataFrame]:
    """The schema and the training rows that prepare would write."""
    data = settings.data
    raw, _ = reader.read(data.path)
    cleaned = clean.clean(
        raw,
        target=data.target,
        task=data.task,
        types=data.types,
        drop=data.drop,
        missing=data.missing,
        duplicates=settings.prepare.duplicates,
    )
    train, _, schema = prepare.split_and_describe(cleaned, data, settings.prepare)
    file = io.BytesIO()  # Parquet on the way, as between the stages: it settles types
    train.to_parquet(file, index=False)
    return schema, pd.read_parquet(file)
