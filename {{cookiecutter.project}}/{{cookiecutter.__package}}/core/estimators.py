"""Set up the estimators that the user's model.py names."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier, DummyRegressor

from .errors import UserError


class Imported:
    """An estimator whose package is imported when a model is built of it: `Imported("lightgbm.LGBMClassifier")`.

    Args:
        name: "package.module.Class".
        arguments: of the class.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        self.name, self.arguments = name, arguments


def new(estimator: BaseEstimator | Imported) -> BaseEstimator:
    """An unfitted copy of the estimator of an entry of MODELS.

    Raises ModuleNotFoundError for a package that is not installed; `errors` reports how to install it.
    """
    if not isinstance(estimator, Imported):
        return clone(estimator)
    module, _, name = estimator.name.rpartition(".")
    return getattr(import_module(module), name)(**estimator.arguments)


def set_hyperparameters(estimator: BaseEstimator, values: Mapping[str, Any], *, seed: int, where: str) -> None:
    """Set hyperparameters and the seed, also within nested estimators; scikit-learn checks the values.

    Args:
        values: by name, `estimator__C` for a nested one.
        seed: for every `random_state` that `values` leave open.
        where: the place of the values in params.yaml.

    Raises:
        UserError: the estimator does not have a hyperparameter, or its value is out of range.
    """
    allowed = estimator.get_params()
    for name in values:
        if name not in allowed:
            has = f"{type(estimator).__name__} has no such parameter; it has {', '.join(allowed)}"
            raise UserError(f"params.yaml: {where}.{name}: {has}")
    seeds = {name: seed for name in allowed if name == "random_state" or name.endswith("__random_state")}
    try:
        estimator.set_params(**seeds | dict(values))
        if hasattr(estimator, "_parameter_constraints"):  # estimators of other packages have none
            estimator._validate_params()  # what fit does first; it has no public name
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"params.yaml: {where}: {error}") from error


def dummy(task: str) -> BaseEstimator:
    """A model that always predicts the most frequent class, or the mean: any other should beat its score."""
    return DummyClassifier() if task == "classification" else DummyRegressor()
