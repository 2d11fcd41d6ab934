"""What train records beside the model: the estimator, and the environment it was fitted in. Read what stages wrote."""

import json
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from .errors import RESTORE, UserError, reading
from .formatting import to_json_value

LIBRARIES = ("dvc", "dvclive", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
# Libraries of the extras, and the requirements that install a version of each.
BOOSTERS = {
    "lightgbm": ["lightgbm=={}\n"],
    "xgboost": ["xgboost-cpu=={} ; sys_platform != 'darwin'\n", "xgboost=={} ; sys_platform == 'darwin'\n"],
}


def describe_estimator(estimator: BaseEstimator) -> dict[str, object]:
    """The estimator's class and all of its hyperparameters, nested estimators included."""
    return {
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "parameters": to_json_value(estimator.get_params()),
    }


def describe_environment(estimator: BaseEstimator) -> dict[str, object]:
    """Python, system, processor and libraries, the estimator's among them."""
    packages = {kind.__module__.partition(".")[0] for kind in type(estimator).__mro__}
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in LIBRARIES}
        | {name: import_module(name).__version__ for name in BOOSTERS if name in packages},
    }


def read(path: Path, *keys: str, called: str | Path | None = None) -> dict[str, Any]:
    """The content of a JSON file that a stage wrote.

    Args:
        path: the file.
        keys: that it must have.
        called: its name in messages.

    Raises:
        UserError: the file is missing, damaged, or lacks a key.
    """
    name = Path(called or path).as_posix()
    with reading(path, called=name):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError
    for key in keys:
        if key not in content:
            raise UserError(f"{name}: {key}: is missing; {RESTORE}")
    return content
