"""sweep.yaml: what to search, in the format of W&B sweeps (https://docs.wandb.ai/guides/sweeps)."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import exp, isfinite
from pathlib import Path
from typing import Any

from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import BaseTrial
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..errors import UserError
from ..metrics import SCORING
from ..model import MODELS
from ..params import flat

MODEL = "train.model"
METHODS = ("bayes", "random", "grid")
# How W&B starts a program and where it shows the sweep: nothing to do with either here.
UNUSED = ("program", "command", "entity", "project", "name", "description")
KEYS = ("method", "metric", "parameters", "early_terminate", "run_cap")
# Of params.yaml: they are what is searched by, or change no score.
FIXED = ("train.scoring", "train.folds", "train.learning_curve", "evaluate", "experiment")
# The name of a metric of this project and scikit-learn's name of its score.
METRICS = {
    "precision": "precision_macro",
    "recall": "recall_macro",
    "f1": "f1_macro",
    "roc_auc": "roc_auc_ovr",
    "log_loss": "neg_log_loss",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
}
LARGEST = 700  # the power of e that is still a number
DISTRIBUTIONS = (
    "constant",
    "categorical",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform",
    "q_log_uniform_values",
    "inv_log_uniform_values",
)


@dataclass(frozen=True)
class Parameter:
    """A key of params.yaml and the values it may take: a list of them, or numbers from low to high.

    step: the numbers are its multiples, and Optuna searches for how many times. log: they are even on a log scale.
    """

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False

    @property
    def counts(self) -> range:
        """How many steps."""
        first = round(self.low / self.step)
        return range(max(first, 1) if self.log else first, round(self.high / self.step) + 1)

    def suggest(self, trial: BaseTrial) -> float:
        """Ask Optuna for a number that stands for a value."""
        if self.values:
            # Optuna takes plain values alone, and 1, 1.0 and True for one: so it gets places.
            return trial.suggest_categorical(self.key, range(len(self.values)))
        if self.step is None:
            return trial.suggest_float(self.key, self.low, self.high, log=self.log)
        return trial.suggest_int(self.key, self.counts[0], self.counts[-1], log=self.log)

    def value(self, number: float) -> Any:
        """What Optuna's number stands for."""
        if self.values:
            return self.values[number]
        return number if self.step is None else _tidy(number * self.step)

    def choices(self) -> list[int]:
        """Optuna's numbers for all values. Raises UserError where there is no end of them."""
        if not self.values and self.step is None:
            raise UserError(
                f"sweep.yaml: {self.key}: a grid needs values, or a distribution of steps such as q_uniform"
            )
        return list(range(len(self.values)) if self.values else self.counts)


def _tidy(number: float) -> float:
    """0.3 and not 0.30000000000000004, which is what three steps of 0.1 come to."""
    return number if isinstance(number, int) else float(f"{number:.12g}")


@dataclass(frozen=True)
class Space:
    """A sweep, checked.

    model: the one that every trial has, None where train.model is searched too; its parameter is then the first. fixed:
    keys with a single value. scoring: scikit-learn's name of what to maximise, None for cv_mean as params.yaml has it.
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

    def suggest(self, trial: BaseTrial) -> None:
        """Ask for a number for each key that is searched and that the trial's model reads."""
        model = self.model
        for parameter in self.parameters:
            if _reads(model, parameter.key):
                number = parameter.suggest(trial)
                model = parameter.value(number) if parameter.key == MODEL else model

    def point(self, numbers: dict[str, float]) -> dict[str, Any]:
        """The values that a trial's numbers stand for, by key, and the fixed ones that go with its model."""
        found = {p.key: p.value(numbers[p.key]) for p in self.parameters if p.key in numbers}
        model = found.get(MODEL, self.model)
        return {key: value for key, value in self.fixed.items() if _reads(model, key)} | found

    def grid(self) -> Iterator[dict[str, int]]:
        """Every point, as Optuna's numbers. Raises UserError where a parameter has no end of values."""
        models = [p for p in self.parameters if p.key == MODEL]
        for place in models[0].choices() if models else [None]:
            model = models[0].value(place) if models else self.model
            read = [p for p in self.parameters if p.key != MODEL and _reads(model, p.key)]
            for numbers in product(*(parameter.choices() for parameter in read)):
                point = {p.key: number for p, number in zip(read, numbers, strict=True)}
                yield point if place is None else {MODEL: place} | point


def _model_of(key: str) -> str | None:
    """The model whose section a key is in: of train.ridge.alpha it is ridge."""
    match key.split("."):
        case ["train", model, _]:
            return model
    return None


def _reads(model: str | None, key: str) -> bool:
    return _model_of(key) in (None, model)


def load(path: str, params: dict[str, Any], task: str) -> Space:
    """Read a sweep over params.yaml. params: what that has; task: the table's.

    Raises UserError that names the key of the file that is missing, misspelt or not supported.
    """
    try:
        content = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; see the README for one") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error
    try:
        return _Reader(params, task).space(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


class _Reader:
    """Turns the content of sweep.yaml into a Space."""

    def __init__(self, params: dict[str, Any], task: str) -> None:
        self.leaves = flat(params)
        self.task = task
        self.able = [name for name, model in MODELS.items() if getattr(model, task)]
        self.models = [params["train"]["model"]]
        self.notes: list[str] = []

    def space(self, content: Any) -> Space:
        if not isinstance(content, dict):
            raise UserError("holds no keys; it needs method and parameters")
        _known(content, (*KEYS, *UNUSED), "")
        if unused := [key for key in UNUSED[:4] if key in content]:
            self.notes.append(f"not used: {', '.join(unused)}")
        method = content.get("method", "missing")
        if method not in METHODS:
            raise UserError(f"method: {method!r}: use {', '.join(METHODS)}")
        scoring, target = self.metric(content.get("metric") or {})
        fixed, parameters = self.parameters(content.get("parameters"))
        trials = content.get("run_cap")
        if trials is not None and (not isinstance(trials, int) or trials < 1):
            raise UserError(f"run_cap: {trials!r}: should be a whole number from 1")
        return Space(
            method=method,
            parameters=tuple(sorted(parameters, key=lambda parameter: parameter.key != MODEL)),
            fixed=fixed,
            model=self.models[0] if all(parameter.key != MODEL for parameter in parameters) else None,
            scoring=scoring,
            target=target,
            trials=trials,
            pruner=_pruner(content.get("early_terminate")),
            notes=tuple(self.notes),
        )

    def metric(self, content: dict[str, Any]) -> tuple[str | None, float | None]:
        """scikit-learn's name of the score, which is to be large, and the score to stop at."""
        _known(content, ("name", "goal", "target"), "metric.")
        given = content.get("name", "cv_mean")
        name = str(given).removeprefix("val_")  # scored on rows that were not fitted: as all is here
        scoring = METRICS.get(name, name)
        if name != "cv_mean" and scoring not in SCORING[self.task]:
            ours = [ours for ours, theirs in METRICS.items() if theirs in SCORING[self.task]]
            names = ", ".join(("cv_mean", *ours, *SCORING[self.task]))
            raise UserError(f"metric.name: {given!r}: for {self.task}, use {names}")
        smaller = scoring.startswith("neg_") and not name.startswith("neg_")
        right = "minimize" if smaller else "maximize"
        if (goal := content.get("goal", right)) != right:
            raise UserError(f"metric.goal: {goal!r}: {given} is better when {'smaller' if smaller else 'larger'}")
        target = content.get("target")
        if target is not None:
            target = -_number(target, "metric.target") if smaller else _number(target, "metric.target")
        return (None if name == "cv_mean" else scoring), target

    def parameters(self, content: Any) -> tuple[dict[str, Any], list[Parameter]]:
        """The keys with a single value, and those with more."""
        specs = dict(self.nested(content, "parameters"))
        for name in [name for name in specs if name in (MODEL, "model")]:  # first: which sections others may name
            values = self.parameter(MODEL, specs[name]).values
            self.models = [value for value in values if value in self.able]
            if unable := [str(value) for value in values if value not in self.able]:
                self.notes.append(f"left out, no models for {self.task}: {', '.join(unable)}")
            if not self.models:
                raise UserError(f"parameters.{name}: for {self.task}, use {', '.join(self.able)}")
            specs[name] = {"values": self.models}
        found: dict[str, Parameter] = {}
        for name, spec in specs.items():
            for key in self.resolve(name):
                if key in found:
                    raise UserError(f"parameters.{name}: {key} is there twice")
                found[key] = self.parameter(key, spec)
        if not found:
            raise UserError("parameters: there is nothing to search")
        fixed = {key: p.values[0] for key, p in found.items() if len(p.values) == 1}
        return fixed, [parameter for key, parameter in found.items() if key not in fixed]

    def nested(self, content: Any, where: str) -> Iterator[tuple[str, dict]]:
        """Dotted names and what is said of them: parameters may hold parameters."""
        if not isinstance(content, dict):
            raise UserError(f"{where}: should name what to search")
        for name, spec in content.items():
            if not isinstance(spec, dict):
                raise UserError(f"{where}.{name}: {spec!r}: should have value, values, or min and max")
            if "parameters" in spec:
                yield from (
                    (f"{name}.{rest}", inner) for rest, inner in self.nested(spec["parameters"], f"{where}.{name}")
                )
            else:
                yield str(name), spec

    def resolve(self, name: str) -> list[str]:
        """The keys of params.yaml that a name stands for: a whole key, or its end, or an argument of the models."""
        if any(name == key or name.startswith(f"{key}.") or key.endswith(f".{name}") for key in FIXED):
            raise UserError(f"parameters.{name}: is no knob of the model; it stays as params.yaml has it")
        model, argument = _model_of(name), name.rpartition(".")[2]
        if model in MODELS and model not in self.models:
            if model in self.able:
                self.notes.append(f"left out, as no trial has that model: {name}")
            return []
        if name in self.leaves or (model in self.models and argument in self.arguments(model)):
            return [name]
        keys = [f"train.{model}.{name}" for model in self.models if name in self.arguments(model)]
        keys = keys or [key for key in self.leaves if key.endswith(f".{name}") and not key.startswith(FIXED)]
        if not keys or (len(keys) > 1 and _model_of(keys[0]) is None):
            known = {key.rpartition(".")[2]: key for key in self.leaves} | {key: key for key in self.leaves}
            close = keys or sorted({known[match] for match in get_close_matches(name, known)})
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise UserError(f"parameters.{name}: is no key of params.yaml and no argument of {self.models}{hint}")
        return keys

    def arguments(self, model: str) -> dict[str, Any]:
        return getattr(MODELS[model], self.task)().get_params()

    def parameter(self, key: str, spec: dict[str, Any]) -> Parameter:
        """A parameter from what W&B's keys say of it."""
        where = f"parameters.{key}"
        _known(spec, ("value", "values", "min", "max", "q", "distribution"), f"{where}.")
        ends = [spec[end] for end in ("min", "max") if end in spec]
        whole = all(isinstance(end, int) for end in ends)
        shape = spec.get("distribution") or (
            "constant"
            if "value" in spec
            else "categorical"
            if "values" in spec
            else "int_uniform"
            if whole
            else "uniform"
        )
        if shape in ("constant", "categorical"):
            values = [spec["value"]] if "value" in spec else spec.get("values")
            if not isinstance(values, list) or not values:
                raise UserError(f"{where}: {shape} needs {'value' if shape == 'constant' else 'a list of values'}")
            return Parameter(key, values=tuple(values))
        if shape not in DISTRIBUTIONS:
            raise UserError(f"{where}.distribution: {shape!r} is not supported; use {', '.join(DISTRIBUTIONS)}")
        if len(ends) < 2:
            raise UserError(f"{where}: {shape} needs min and max")
        low, high = (_number(end, where) for end in ends)
        if shape in ("log_uniform", "q_log_uniform"):  # W&B's bounds are exponents of e
            if high > LARGEST:
                raise UserError(f"{where}: {shape} is up to e to the {high}; log_uniform_values takes values")
            low, high = exp(low), exp(high)
        log = "log" in shape
        step = (
            1 if shape == "int_uniform" else _number(spec.get("q", 1), f"{where}.q") if shape.startswith("q_") else None
        )
        if not low < high or (log and low <= 0) or (step is not None and step <= 0):
            raise UserError(
                f"{where}: {shape} from {low} to {high}{'' if step is None else f' by {step}'} has no values"
            )
        if step is None:
            return Parameter(key, low=float(low), high=float(high), log=log)
        parameter = Parameter(key, low=low, high=high, step=step, log=log)
        if not parameter.counts:
            raise UserError(f"{where}: {shape} from {low} to {high} by {step} has no values")
        return parameter


def _known(content: Any, keys: tuple[str, ...], where: str) -> None:
    if not isinstance(content, dict):
        raise UserError(f"{where.rstrip('.')}: {content!r}: should have {', '.join(keys)}")
    for key in content:
        if key not in keys:
            raise UserError(f"{where}{key} is not supported; use {', '.join(keys)}")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UserError(f"{where}: {value!r}: should be a number")
    return value


def _pruner(content: dict[str, Any] | None) -> BasePruner:
    """W&B's Hyperband, which is successive halving (Li et al., 2018); an iteration is a fold."""
    if content is None:
        return NopPruner()
    _known(content, ("type", "min_iter", "max_iter", "s", "eta"), "early_terminate.")
    if content.get("type") != "hyperband":
        raise UserError(f"early_terminate.type: {content.get('type')!r}: use hyperband")
    for key in content.keys() - {"type"}:
        _number(content[key], f"early_terminate.{key}")
    eta = content.get("eta", 3)
    first = content.get("min_iter")
    if first is None:
        if not {"max_iter", "s"} <= content.keys():
            raise UserError("early_terminate: needs min_iter, or max_iter and s")
        first = max(1, content["max_iter"] // eta ** content["s"])
    try:
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=eta)
    except (TypeError, ValueError) as error:
        raise UserError(f"early_terminate: {error}") from error
