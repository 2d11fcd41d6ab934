"""Check params.yaml against its types; flatten and override nested mappings."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import UserError, reading
from .files import read_yaml
from .paths import PARAMS

MAX_ITEMS = 100_000
MAX_BITS = 63  # of a whole number: numpy and scikit-learn hold no larger ones
Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A section of params.yaml: no unknown key, no missing key, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """The content of params.yaml, unchecked. Raises UserError if it is missing or not YAML."""
    if not path.exists():
        root = Path(__file__).resolve().parents[2]
        raise UserError(f"there is no params.yaml in {Path.cwd()}; run this in the project's root: cd {root}")
    with reading(path, "restore it with Git"):
        values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError("params.yaml: should hold the sections of the pipeline; restore it with Git")
    check_plain(values, "params.yaml")
    return values


def check_plain(values: Any, source: str) -> None:
    """Raise UserError unless JSON could hold the values: aliases of YAML can hold themselves, or stand for billions."""
    pending, count = [("", values)], 0
    while pending:
        key, value = pending.pop()
        count += 1
        if count > MAX_ITEMS:
            raise UserError(f"{source}: a value holds itself, or has more than {MAX_ITEMS:,} items; write it out")
        if isinstance(value, dict):
            pending += [(f"{key}.{name}".lstrip("."), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(key, inner) for inner in value]
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise UserError(
                f"{source}: {key}: has {value.bit_length()} bits, which no parameter holds; use a smaller number"
            )
        elif not isinstance(value, str | int | float | None):
            raise UserError(f"{source}: {value!s}: is a {type(value).__name__}; put it in quotes")


def validate(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The typed params. Raises UserError that names the key, the value and the allowed values."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_format_mistake(mistake) for mistake in error.errors())) from error


def _format_mistake(mistake: Mapping[str, Any]) -> str:
    where = f"params.yaml: {'.'.join(map(str, mistake['loc']))}"
    if mistake["type"] == "extra_forbidden":
        return f"{where}: there is no such key; remove or rename it"
    if mistake["type"] == "missing":
        return f"{where}: is missing; add it"
    problem = mistake["msg"].removeprefix("Value error, ")
    return f"{where}: {mistake['input']!r}: {problem[0].lower()}{problem[1:]}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted key; an empty mapping is a leaf."""
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            leaves |= flatten(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def with_overrides(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested mappings with some dotted keys set to other values."""
    result = copy.deepcopy(dict(values))
    for key, value in overrides.items():
        *sections, name = key.split(".")
        section = result
        for part in sections:
            section = section[part]
        section[name] = value
    return result
