"""What a trial of a sweep costs: the fits of a cross-validation on the training rows, and little else."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from .. import dataset, metrics, model, params, schema
from ..params import Params
from ..schema import Schema
from ..stages import prepare
from ..stages.train import cross_validation, score_folds

KEPT = 4  # versions of the training rows in memory; most sweeps have one


@dataclass(frozen=True, eq=False)
class Folds:
    """Training rows and how they are divided; called with a pipeline, it fits and scores it on some of the folds."""

    features: pd.DataFrame
    labels: np.ndarray
    parts: list[tuple[np.ndarray, np.ndarray]]

    def __call__(self, pipeline: Pipeline, scoring: str, folds: range) -> list[float]:
        """The score on each fold. Raises UserError where one cannot be fitted or scored."""
        parts = [self.parts[i] for i in folds]
        scores = score_folds(pipeline, self.features, self.labels, parts, scoring, return_train_score=False)
        return scores["test_score"].tolist()


class Objective:
    """From a point of the space to what has to be fitted: the cross-validation that train runs, on the same folds."""

    def __init__(self, values: dict[str, Any]) -> None:
        """values: what params.yaml has."""
        self.values = values
        self.base = params.check(values)
        self.read: dict[tuple, tuple[Schema, Folds]] = {}

    def __call__(self, point: dict[str, Any]) -> tuple[Folds, Pipeline, str]:
        """The folds, the unfitted pipeline and scikit-learn's name of the score.

        Raises UserError for values that the stages would refuse in params.yaml.
        """
        settings = params.check(params.changed(self.values, point))
        rows = (settings.data.model_dump_json(), settings.prepare.model_dump_json())
        key = (*rows, settings.train.folds, settings.train.seed)
        if key not in self.read:
            if len(self.read) == KEPT:
                self.read.pop(next(iter(self.read)))
            self.read[key] = self._divide(settings)
        found, folds = self.read[key]
        return folds, model.build(settings.train, found), metrics.scoring(settings.train, found.task)

    def _divide(self, settings: Params) -> tuple[Schema, Folds]:
        """The training rows as prepare left them, or as it would with other params."""
        if (settings.data, settings.prepare) == (self.base.data, self.base.prepare):
            found, table = schema.load(), pd.read_parquet(schema.TRAIN)
        else:
            raw, _ = dataset.read(settings.data.path, settings.data.types)
            cleaned = dataset.clean(raw, settings.data, settings.prepare.duplicates)
            train, _, found = prepare.divide(cleaned, settings)
            file = io.BytesIO()  # Parquet on the way, as between the stages: it settles types
            train.to_parquet(file, index=False)
            table = pd.read_parquet(file)
        labels = found.labels(table)
        parts = cross_validation(found, settings.train, table, labels)
        return found, Folds(found.features(table), labels, parts)
