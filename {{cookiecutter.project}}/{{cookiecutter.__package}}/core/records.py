"""What train records beside the model: the estimator, and the environment it was fitted in."""

import platform
from importlib.metadata import version

from sklearn.base import BaseEstimator

from .formatting import to_json_value

LIBRARIES = ("dvc", "dvclive", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def describe_estimator(estimator: BaseEstimator) -> dict[str, object]:
    """The estimator's class and all of its hyperparameters, nested estimators included."""
    return {
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "parameters": to_json_value(estimator.get_params()),
    }


def describe_environment() -> dict[str, object]:
    """Python, system, processor and libraries."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
