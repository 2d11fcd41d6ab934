"""The sections of params.yaml, typed: a key that you add there gets a line here."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from .core.config import Section, read_params, validate
from .core.errors import UserError
from .core.infer import check_type
from .core.paths import PARAMS

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(gt=0, le=1)]


class Experiment(Section):
    purpose: Literal["baseline", "feature_engineering", "hyperparameter_tuning", "model_selection", "production"]


class Data(Section):
    path: str
    target: str | None
    task: Literal["auto", "classification", "regression"]
    positive: str | int | bool | None = None
    types: dict[str, Annotated[str, AfterValidator(check_type)]]
    drop: list[str]
    missing: list[str] | None = None


class Prepare(Section):
    split: Literal["random", "hash", "group", "time"]
    split_column: str | None
    duplicates: Literal["drop", "keep"]
    test_size: float = Field(gt=0, lt=1)
    seed: Seed


class Train(Section):
    """The section of each model stays as it is written: scikit-learn checks the arguments of its estimators."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]]

    model: str
    scoring: str | None
    n_splits: int = Field(ge=2)
    train_sizes: list[Share]
    seed: Seed

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The section of the chosen model. Raises UserError if there is none."""
        models = self.model_extra or {}
        if self.model not in models:
            known = ", ".join(models)
            raise UserError(f"params.yaml: train.model: {self.model!r}: has no section; the models are {known}")
        return models[self.model]


class Importance(Section):
    n_repeats: int = Field(ge=1)
    max_samples: int = Field(ge=1)
    max_features: int = Field(ge=1)


class Evaluate(Section):
    confidence_threshold: float = Field(ge=0, le=1)
    max_predictions: Annotated[int, Field(ge=1)] | None = 10_000
    importance: Importance
    seed: Seed


class Params(Section):
    experiment: Experiment
    data: Data
    prepare: Prepare
    train: Train
    evaluate: Evaluate


def load(path: Path = PARAMS) -> Params:
    """Read params.yaml of the current folder.

    Raises UserError that names the key, the value and the allowed values, or the folder to run in.
    """
    return validate(Params, read_params(path))
