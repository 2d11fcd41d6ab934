"""The search space of a sweep, as Optuna searches it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, exp, floor, prod
from typing import Any

import numpy as np
from optuna.pruners import BasePruner
from optuna.trial import BaseTrial
from scipy import stats

from ...core.errors import UserError

MODEL = "train.model"
MAX_GRID = 100_000  # points
# Quantiles that are not searched: a normal distribution has no ends.
TAIL = 1e-4


@dataclass(frozen=True)
class Parameter:
    """A key of params.yaml, and the values to try.

    Attributes:
        values: the values, if they are a list; else they are numbers.
        probabilities: of the values, for random search.
        low, high: the ends of the range.
        step: the numbers are multiples of it, and Optuna searches for the multiple.
        log: the numbers are uniform on a log scale.
        shape: `normal`, `log_normal` or `beta` with two arguments, instead of a range.
    """

    key: str
    values: tuple[Any, ...] = ()
    probabilities: tuple[float, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    shape: tuple[str, float, float] | None = None

    @property
    def multiples(self) -> range:
        """The multiples of the step that numbers in the range are rounded to."""
        step = self.step or 1
        first, last = floor(self.low / step + 0.5), ceil(self.high / step - 0.5)
        return range(max(first, 1) if self.log else first, last + 1)

    def suggest(self, trial: BaseTrial) -> float:
        """Ask Optuna for a number that stands for a value."""
        if self.shape or self.probabilities:
            return trial.suggest_float(self.key, TAIL, 1 - TAIL)  # a quantile
        if self.values:
            # Optuna takes plain values only, and 1, 1.0 and True are the same to it: so it gets positions.
            return trial.suggest_categorical(self.key, range(len(self.values)))
        if self.step is None:
            return trial.suggest_float(self.key, self.low, self.high, log=self.log)
        return trial.suggest_int(self.key, self.multiples[0], self.multiples[-1], log=self.log)

    def value(self, number: float) -> Any:
        """The value that Optuna's number stands for."""
        if self.probabilities:
            position = np.searchsorted(np.cumsum(self.probabilities), number * sum(self.probabilities))
            return self.values[min(int(position), len(self.values) - 1)]
        if self.values:
            return self.values[int(number)]
        if self.shape:
            value = _quantile(self.shape, number)
            return value if self.step is None else _tidy(round(value / self.step) * self.step)
        return number if self.step is None else _tidy(number * self.step)

    def choices(self) -> range:
        """Optuna's numbers for all values. Raises UserError if the values cannot be counted."""
        if self.shape or (not self.values and self.step is None):
            raise UserError(f"parameters.{self.key}: a grid needs values, or a distribution of steps such as q_uniform")
        return range(len(self.values)) if self.values else self.multiples


def _quantile(shape: tuple[str, float, float], number: float) -> float:
    name, first, second = shape
    if name == "beta":
        return float(stats.beta.ppf(number, first, second))
    value = float(stats.norm.ppf(number, first, second))
    return exp(value) if name == "log_normal" else value


def _tidy(number: float) -> float:
    """0.3 and not 0.30000000000000004, the product of 3 and 0.1."""
    return number if isinstance(number, int) else float(f"{number:.12g}")


@dataclass(frozen=True)
class Space:
    """A sweep, checked.

    Attributes:
        parameters: with more than one value; train.model first.
        fixed: keys with a single value.
        model: of every trial; None if train.model is searched too.
        scoring: scikit-learn's name of the score to maximize; None for cv_mean with the scoring of params.yaml.
        target: the score to stop at.
        notes: lines about keys that are read differently or left out.
    """

    method: str
    parameters: tuple[Parameter, ...]
    fixed: dict[str, Any]
    model: str | None
    scoring: str | None
    target: float | None
    trials: int | None
    pruner: BasePruner
    notes: tuple[str, ...]

    @property
    def models(self) -> list[Any]:
        """The models that are searched, or the only model."""
        searched = [list(parameter.values) for parameter in self.parameters if parameter.key == MODEL]
        return searched[0] if searched else [self.model]

    def suggest(self, trial: BaseTrial) -> None:
        """Ask for a number for each key that is searched and that the trial's model reads."""
        model = self.model
        for parameter in self.parameters:
            if applies_to(model, parameter.key):
                number = parameter.suggest(trial)
                model = parameter.value(number) if parameter.key == MODEL else model

    def point(self, numbers: dict[str, float]) -> dict[str, Any]:
        """The values that a trial's numbers stand for, by key, and the fixed values of its model."""
        searched = {p.key: p.value(numbers[p.key]) for p in self.parameters if p.key in numbers}
        model = searched.get(MODEL, self.model)
        return {key: value for key, value in self.fixed.items() if applies_to(model, key)} | searched

    def grid(self) -> Iterator[dict[str, int]]:
        """Every point, as Optuna's numbers."""
        for model, position in self._grid_models():
            searched = self._parameters_of(model)
            for numbers in product(*(parameter.choices() for parameter in searched)):
                point = {parameter.key: number for parameter, number in zip(searched, numbers, strict=True)}
                yield point if position is None else {MODEL: position} | point

    def check_grid(self) -> None:
        """Raise UserError if the grid has too many points, or no end of them."""
        points = 0
        for model, _ in self._grid_models():
            points += prod(len(parameter.choices()) for parameter in self._parameters_of(model))
        if points > MAX_GRID:
            raise UserError(f"method: grid: {points} points are more than {MAX_GRID}; use random, or fewer values")

    def _grid_models(self) -> list[tuple[str, int | None]]:
        """Each model, and Optuna's number for it if models are searched."""
        if self.model is not None:
            return [(self.model, None)]
        return [(model, position) for position, model in enumerate(self.models)]

    def _parameters_of(self, model: str) -> list[Parameter]:
        return [p for p in self.parameters if p.key != MODEL and applies_to(model, p.key)]


def model_of(key: str) -> str | None:
    """The model whose section of params.yaml a key is in: ridge for train.ridge.alpha."""
    match key.split("."):
        case ["train", model, _]:
            return model
    return None


def applies_to(model: str | None, key: str) -> bool:
    """Whether a key is read by trials of a model."""
    return model_of(key) in (None, model)
