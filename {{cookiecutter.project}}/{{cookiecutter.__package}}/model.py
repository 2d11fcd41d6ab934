"""Your models: estimators by the name that train.model gives."""

from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from .core import boosters
from .core.columns import AddFeatures
from .core.errors import UserError
from .core.estimators import Imported, new, set_hyperparameters
from .core.schema import Schema
from .features import add_features, preprocess
from .params import Train


@dataclass(frozen=True)
class Model:
    """An estimator for each task that it can do; `scale` if it needs columns of similar scale."""

    classification: BaseEstimator | Imported | None = None
    regression: BaseEstimator | Imported | None = None
    scale: bool = False


# To add a model: an entry here, and a section of its hyperparameters under train in params.yaml (empty: {}).
MODELS = {
    "random_forest": Model(RandomForestClassifier(), RandomForestRegressor()),
    "gradient_boosting": Model(GradientBoostingClassifier(), GradientBoostingRegressor()),
    "hist_gradient_boosting": Model(HistGradientBoostingClassifier(), HistGradientBoostingRegressor()),
    "xgboost": Model(*boosters.XGBOOST),  # to install: the extras of pyproject.toml
    "lightgbm": Model(*boosters.LIGHTGBM),
    "logistic_regression": Model(classification=LogisticRegression(), scale=True),
    "ridge": Model(regression=Ridge(), scale=True),
}
# Types of other packages that a model file may hold, by their full names: "package.module.Class".
TRUSTED: tuple[str, ...] = ()


def build(settings: Train, schema: Schema) -> Pipeline:
    """The unfitted pipeline from raw columns to predictions.

    Raises UserError for a model that does not exist or cannot do the task, and for hyperparameters it does not have.
    """
    able = models_for(schema.task)
    if settings.model not in able:
        raise UserError(f"params.yaml: train.model: {settings.model!r}: for {schema.task}, use {', '.join(able)}")
    model = MODELS[settings.model]
    estimator = new(getattr(model, schema.task))
    set_hyperparameters(estimator, settings.hyperparameters, seed=settings.seed, where=f"train.{settings.model}")
    types = {column.name: column.type for column in schema.feature_columns}
    steps = preprocess(scale=model.scale, is_classification=schema.task == "classification", seed=settings.seed)
    return Pipeline([("features", AddFeatures(add_features, types)), ("preprocess", steps), ("model", estimator)])


def models_for(task: str) -> list[str]:
    return [name for name, model in MODELS.items() if getattr(model, task) is not None]
