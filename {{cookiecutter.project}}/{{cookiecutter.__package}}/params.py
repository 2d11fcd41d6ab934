"""params.yaml as typed, validated objects."""

import copy
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .errors import UserError

PATH = Path("params.yaml")
KINDS = ("number", "date", "category", "text")
Seed = Field(ge=0, lt=2**32)


def _kind(value: str) -> str:
    """A kind of column, or the format of its dates."""
    try:
        known = value in KINDS or ("%" in value and datetime.strptime(datetime(2000, 1, 31).strftime(value), value))
    except (ValueError, re.error):
        known = False
    if not known:
        raise ValueError(f"should be {', '.join(KINDS)}, or a format of dates such as %d.%m.%Y")
    return value


class Section(BaseModel):
    """A section of params.yaml: no key too many, no key too few, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(Section):
    path: str
    target: str | None
    task: Literal["auto", "classification", "regression"]
    types: dict[str, Annotated[str, AfterValidator(_kind)]]
    drop: list[str]


class Prepare(Section):
    split: Literal["random", "hash", "group", "time"]
    by: str | None
    duplicates: Literal["drop", "keep"]
    test_size: float = Field(gt=0, lt=1)
    seed: int = Seed


class Train(Section):
    """The sections of the models are kept as they are: scikit-learn checks the arguments of its estimators."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]]

    model: str
    scoring: str | None
    folds: int = Field(ge=2)
    learning_curve: list[Annotated[float, Field(gt=0, le=1)]]
    seed: int = Seed

    @property
    def arguments(self) -> dict[str, Any]:
        """What the chosen model's section says. Raises UserError where there is no such section."""
        if self.model not in self.model_extra:
            raise UserError(
                f"params.yaml: train.model: {self.model!r} has no section; it has {', '.join(self.model_extra)}"
            )
        return self.model_extra[self.model]


class Evaluate(Section):
    importance_repeats: int = Field(ge=1)
    importance_rows: int = Field(ge=1)
    importance_columns: int = Field(ge=1)
    confidence_threshold: float = Field(ge=0, le=1)
    seed: int = Seed


class Experiment(Section):
    purpose: Literal["baseline", "feature_engineering", "hyperparameter_tuning", "model_selection", "production"]


class Params(Section):
    experiment: Experiment
    data: Data
    prepare: Prepare
    train: Train
    evaluate: Evaluate


def load(path: Path = PATH) -> Params:
    """Read params.yaml, that of the current folder by default.

    Raises UserError that names the key, the value and what is allowed, or the folder to run in.
    """
    return check(read(path))


def read(path: Path = PATH) -> dict[str, Any]:
    """params.yaml as it is written. Raises UserError where it is not there or no YAML."""
    if not path.exists():
        root = Path(__file__).resolve().parents[1]
        raise UserError(f"there is no params.yaml in {Path.cwd()}; run this in the project's root: cd {root}")
    try:
        # DVC's own reader: PyYAML, of YAML 1.1, takes the 1e-05 that DVC writes for text.
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise UserError(f"params.yaml: {' '.join(str(error).split())}") from error


def check(values: dict[str, Any]) -> Params:
    """What params.yaml, or a change of it, says. Raises UserError that names the key, the value and what is allowed."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_describe(mistake) for mistake in error.errors())) from error


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted key; an empty mapping is a leaf."""
    leaves = {}
    for name, value in values.items():
        leaves |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
    return leaves


def changed(values: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    """The params with some keys, given with dots, set to other values."""
    values = copy.deepcopy(values)
    for key, value in point.items():
        *sections, name = key.split(".")
        place = values
        for section in sections:
            place = place[section]
        place[name] = value
    return values


def _describe(mistake: dict[str, Any]) -> str:
    key = ".".join(map(str, mistake["loc"]))
    if mistake["type"] == "extra_forbidden":
        return f"params.yaml: {key}: there is no such key; remove or rename it"
    if mistake["type"] == "missing":
        return f"params.yaml: {key}: is missing; add it"
    said = mistake["msg"].removeprefix("Value error, ")
    return f"params.yaml: {key}: {mistake['input']!r}: {said[0].lower()}{said[1:]}"
