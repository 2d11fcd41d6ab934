"""Read sweep.yaml: what to search, in the format of W&B sweeps (https://docs.wandb.ai/guides/sweeps).

Files that were written for W&B are read as they are. What has no meaning here is left out, by name, in a line.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from math import exp, isfinite
from typing import Any

from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner

from ...core.config import flatten
from ...core.errors import UserError
from ...core.estimators import new
from ...core.files import read_yaml
from ...model import MODELS, models_for
from .metric_names import read_metric_name
from .space import MODEL, Parameter, Space, model_of

METHODS = ("bayes", "random", "grid")
KEYS = ("method", "metric", "parameters", "early_terminate", "run_cap")
HYPERBAND_KEYS = ("type", "min_iter", "max_iter", "s", "eta")
# Keys of params.yaml that are not hyperparameters: they define the score, or change none.
FIXED = ("train.scoring", "train.n_splits", "train.train_sizes", "evaluate", "experiment")
SEEDS = ("seed", "random_seed")
# Sections of other people's configurations that hold the hyperparameters of their model.
WRAPPERS = ("model", "params", "hyperparameters", "hparams", "config", "args", "estimator", "classifier", "regressor")
MAX_EXPONENT = 700  # of e: larger powers are not floating-point numbers
MAX_NUMBER = 1e300
MAX_STEPS = 10**12
MAX_DEPTH = 20  # of nested parameters
MAX_NAMES = 10_000  # parameters, and items of a value: aliases of YAML can stand for billions
RANGE, NORMAL, BETA = ("min", "max"), ("mu", "sigma"), ("a", "b")
DISTRIBUTIONS = {  # and the keys of each
    "constant": ("value",),
    "categorical": ("values", "probabilities"),
    "categorical_w_probabilities": ("values", "probabilities"),
    "int_uniform": RANGE,
    "uniform": RANGE,
    "q_uniform": (*RANGE, "q"),
    "log_uniform": RANGE,
    "log_uniform_values": RANGE,
    "q_log_uniform": (*RANGE, "q"),
    "q_log_uniform_values": (*RANGE, "q"),
    "inv_log_uniform": RANGE,
    "inv_log_uniform_values": RANGE,
    "normal": NORMAL,
    "q_normal": (*NORMAL, "q"),
    "log_normal": NORMAL,
    "q_log_normal": (*NORMAL, "q"),
    "beta": BETA,
    "q_beta": (*BETA, "q"),
}


def load(path: str, params: dict[str, Any], task: str, positive: Any = None) -> Space:
    """Read a sweep.

    Args:
        path: the file.
        params: the content of params.yaml.
        task: the task of the prepared table; positive: its positive class, if there is one.

    Raises:
        UserError: names the key of the file that is missing, misspelt or not supported.
    """
    try:
        content = read_yaml(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: does not exist; the project's sweep.yaml is an example") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return _Reader(params, task, positive).space(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


class _Reader:
    """Turns the content of sweep.yaml into a Space."""

    def __init__(self, params: dict[str, Any], task: str, positive: Any = None) -> None:
        self.leaves = flatten(params)
        self.task, self.positive = task, positive
        self.able = models_for(task)
        self.unable = MODELS.keys() - self.able
        self.models = [params["train"]["model"]]
        self.method = ""
        self.notes: list[str] = []

    def space(self, content: Any) -> Space:
        if not isinstance(content, dict):
            raise UserError("has no keys; it needs method and parameters")
        self.check_keys(content)
        self.method = content.get("method", "missing")
        if self.method not in METHODS:
            raise UserError(f"method: {self.method!r}: use {', '.join(METHODS)}")
        scoring, target = self.metric(content.get("metric") or {})
        fixed, parameters = self.parameters(content.get("parameters"))
        trials = content.get("run_cap")
        if trials is not None and (not isinstance(trials, int) or trials < 1):
            raise UserError(f"run_cap: {trials!r}: should be a whole number from 1")
        is_model_searched = any(parameter.key == MODEL for parameter in parameters)
        space = Space(
            method=self.method,
            parameters=tuple(sorted(parameters, key=lambda parameter: parameter.key != MODEL)),
            fixed=fixed,
            model=None if is_model_searched else self.models[0],
            scoring=scoring,
            target=target,
            trials=trials,
            pruner=self.pruner(content.get("early_terminate")),
            notes=tuple(self.notes),
        )
        if self.method == "grid":
            space.check_grid()
        return space

    def check_keys(self, content: dict[str, Any]) -> None:
        """Note the keys that have no meaning here, such as program and project; refuse a misspelt one."""
        unused = [str(key) for key in content if key not in KEYS]
        for key in unused:
            if match := get_close_matches(key, KEYS, n=1, cutoff=0.8):
                raise UserError(f"{key}: not a key of a sweep; did you mean {match[0]}?")
        if unused:
            self.notes.append(f"left out, no use for it here: {', '.join(unused)}")

    def metric(self, content: Any) -> tuple[str | None, float | None]:
        """scikit-learn's name of the score, and the score to stop at."""
        if not isinstance(content, dict):
            raise UserError(f"metric: {content!r}: should have name and goal")
        self.note_unused(content, ("name", "goal", "target"), "metric")
        given = str(content.get("name", "cv_mean"))
        metric = read_metric_name(given, self.task, self.positive)
        if metric.scoring != given and given != "cv_mean":
            self.notes.append(f"metric.name: {given}: read as cv_mean of {metric.scoring or 'train.scoring'}")
        goal = content.get("goal", metric.goal)
        if goal != metric.goal:
            better = "smaller" if metric.goal == "minimize" else "larger"
            raise UserError(f"metric.goal: {goal!r}: {given} is better if {better}; use {metric.goal}")
        target = content.get("target")
        return metric.scoring, None if target is None else metric.to_score(_number(target, "metric.target"))

    def note_unused(self, content: dict[str, Any], used: tuple[str, ...], where: str) -> None:
        if unused := [f"{where}.{key}" for key in content if key not in used]:
            self.notes.append(f"left out, no use for it here: {', '.join(unused)}")

    # --- Parameters -------------------------------------------------------------------------------------------------

    def parameters(self, content: Any) -> tuple[dict[str, Any], list[Parameter]]:
        """The keys with a single value, and the parameters with more."""
        specs = dict(islice(self.nested(content, "parameters"), MAX_NAMES + 1))
        if len(specs) > MAX_NAMES:
            raise UserError(f"parameters: has more than {MAX_NAMES} names")
        specs = self.choose_models(specs)
        parameters: dict[str, Parameter] = {}
        left_out = []
        for name, spec in specs.items():
            keys = self.resolve(name)
            if not keys and model_of(name) not in self.unable:
                left_out.append(name)
            for key in keys:
                if key in parameters:
                    raise UserError(f"parameters.{name}: {key} is there twice")
                parameters[key] = self.parameter(key, spec)
        if left_out:
            self.notes.append(f"left out, not a hyperparameter of {' or '.join(self.models)}: {', '.join(left_out)}")
        if not parameters:
            arguments = list(dict.fromkeys(name for model in self.models for name in self.arguments(model)))
            named = f" {', '.join(left_out)}: not of this model;" if left_out else ""
            model = f"train.model is {', '.join(self.models)}, with {', '.join(arguments)}"
            raise UserError(f"parameters:{named} nothing to search; {model}")
        fixed = {key: parameter.values[0] for key, parameter in parameters.items() if len(parameter.values) == 1}
        return fixed, [parameter for key, parameter in parameters.items() if key not in fixed]

    def choose_models(self, specs: dict[str, Any]) -> dict[str, Any]:
        """The specs with train.model reduced to the models that can do the task: they decide which names are known."""
        for name in [name for name in specs if name in (MODEL, "model")]:
            values = self.parameter(MODEL, specs[name]).values
            self.models = [value for value in values if value in self.able]
            if unable := [str(value) for value in values if value not in self.able]:
                self.notes.append(f"left out, not models for {self.task}: {', '.join(unable)}")
            if not self.models:
                raise UserError(f"parameters.{name}: for {self.task}, use {', '.join(self.able)}")
            specs[name] = {"values": self.models}
        return specs

    def nested(self, content: Any, where: str, depth: int = 0) -> Iterator[tuple[str, dict]]:
        """Dotted names with their specs: parameters may hold parameters."""
        if not isinstance(content, dict):
            raise UserError(f"{where}: should name what to search")
        if depth > MAX_DEPTH:
            raise UserError(f"{where[:60]}: parameters are nested too deeply")
        for name, spec in content.items():
            if not isinstance(spec, dict):
                raise UserError(f"{where}.{name}: {spec!r}: should have value, values, or min and max")
            if "parameters" in spec:
                for rest, inner in self.nested(spec["parameters"], f"{where}.{name}", depth + 1):
                    yield f"{name}.{rest}", inner
            else:
                yield str(name), spec

    def resolve(self, name: str) -> list[str]:
        """The keys of params.yaml that a name stands for: a whole key, its end, or an argument of the models.

        There are none if no model here has it. Raises UserError for a name that is misspelt or stands for several keys.
        """
        if any(name == key or name.startswith(f"{key}.") or key.endswith(f".{name}") for key in FIXED):
            raise UserError(f"parameters.{name}: not a hyperparameter; a sweep keeps it as it is in params.yaml")
        if name in SEEDS:
            return []
        model = model_of(name)
        if model in MODELS and model not in self.models:
            return []
        for variant in self.spellings(name):
            if keys := self.known_keys(variant):
                if variant != name:
                    self.notes.append(f"parameters.{name}: read as {', '.join(keys)}")
                return keys
        self.refuse_misspelling(name)
        return []

    @staticmethod
    def spellings(name: str) -> Iterable[str]:
        """The name as it is; as a flag of a command line is spelt; without the section that it is in."""
        yield name
        plain_name = name.lstrip("-").replace("-", "_")
        yield plain_name
        section, dot, rest = plain_name.replace("__", ".").partition(".")
        if dot and section in WRAPPERS:
            yield rest

    def known_keys(self, name: str) -> list[str]:
        model, argument = model_of(name), name.rpartition(".")[2]
        if name in self.leaves or (model and model in self.models and argument in self.arguments(model)):
            return [name]
        if keys := [f"train.{model}.{name}" for model in self.models if name in self.arguments(model)]:
            return keys
        ends = [key for key in self.leaves if key.endswith(f".{name}") and not key.startswith(FIXED)]
        if len(ends) > 1 and model_of(ends[0]) is None:
            raise UserError(f"parameters.{name}: stands for several keys; did you mean {', '.join(ends)}?")
        return [key for key in ends if model_of(key) in (None, *self.models)]

    def refuse_misspelling(self, name: str) -> None:
        arguments = {argument: argument for model in self.models for argument in self.arguments(model)}
        known = arguments | {key: key for key in self.leaves if model_of(key) in (None, *self.models)}
        last = name.rpartition(".")[2]
        if match := get_close_matches(name, known, n=1, cutoff=0.87) or get_close_matches(last, arguments, 1, 0.87):
            raise UserError(
                f"parameters.{name}: not a hyperparameter of {' or '.join(self.models)}; did you mean {match[0]}?"
            )

    def arguments(self, model: str) -> dict[str, Any]:
        return new(getattr(MODELS[model], self.task)).get_params()

    def parameter(self, key: str, spec: dict[str, Any]) -> Parameter:
        """A parameter from its W&B keys."""
        where = f"parameters.{key}"
        shape = spec.get("distribution") or _default_distribution(spec)
        if shape not in DISTRIBUTIONS:
            raise UserError(f"{where}.distribution: {shape!r}: not supported; use {', '.join(DISTRIBUTIONS)}")
        allowed = ("distribution", *DISTRIBUTIONS[shape])
        if unknown := [str(name) for name in spec if name not in allowed]:
            raise UserError(f"{where}: {', '.join(unknown)}: not of {shape}; use {', '.join(allowed)}")
        if "value" in allowed or "values" in allowed:
            return self.listed_parameter(key, spec, shape)
        step: float | None = None
        if shape == "int_uniform":
            step = 1
        elif "q" in allowed:
            step = _number(spec.get("q", 1), f"{where}.q")
        if step is not None and step <= 0:
            raise UserError(f"{where}.q: {step}: should be above 0")
        if "min" in allowed:
            parameter = _range_parameter(key, spec, shape, step)
            if shape in ("log_uniform", "q_log_uniform") and spec["min"] > 0:
                ends = f"{parameter.low:.4g} to {parameter.high:.4g}"
                self.notes.append(
                    f"{where}: {shape}: bounds are exponents of e: {ends}; log_uniform_values takes values"
                )
            return parameter
        return _quantile_parameter(key, spec, shape.removeprefix("q_"), step)

    def listed_parameter(self, key: str, spec: dict[str, Any], shape: str) -> Parameter:
        where = f"parameters.{key}"
        values = [spec["value"]] if "value" in spec else spec.get("values")
        if not isinstance(values, list) or not values:
            raise UserError(f"{where}: {shape} needs {'value' if shape == 'constant' else 'a list of values'}")
        _check_values(values, where)
        probabilities = spec.get("probabilities")
        if probabilities is None:
            return Parameter(key, values=tuple(values))
        if not isinstance(probabilities, list) or len(probabilities) != len(values):
            raise UserError(f"{where}.probabilities: should be a list of {len(values)} numbers, one for each value")
        numbers = [_number(probability, f"{where}.probabilities") for probability in probabilities]
        if min(numbers) < 0 or sum(numbers) <= 0:
            raise UserError(f"{where}.probabilities: {numbers}: should be at least 0, and not all 0")
        if self.method != "random":
            self.notes.append(f"{where}.probabilities: left out, used by method: random only")
            numbers = []
        return Parameter(key, values=tuple(values), probabilities=tuple(numbers) if len(values) > 1 else ())

    # --- Early stopping ---------------------------------------------------------------------------------------------

    def pruner(self, content: Any) -> BasePruner:
        """W&B's Hyperband, which is successive halving (Li et al., 2018); an iteration is a fold."""
        if content is None:
            return NopPruner()
        if not isinstance(content, dict):
            raise UserError(f"early_terminate: {content!r}: should have type: hyperband")
        if content.get("type") != "hyperband":
            raise UserError(f"early_terminate.type: {content.get('type')!r}: use hyperband")
        self.note_unused(content, HYPERBAND_KEYS, "early_terminate")
        numbers = {key: _number(content[key], f"early_terminate.{key}") for key in HYPERBAND_KEYS[1:] if key in content}
        folds = self.leaves["train.n_splits"]
        eta = int(numbers.get("eta", 3))
        brackets = min(numbers.get("s", folds), 100)
        default = max(1, numbers.get("max_iter", folds) / max(eta, 1) ** brackets)
        first = int(numbers.get("min_iter", default))
        if first >= folds:
            self.notes.append(
                f"early_terminate: starts after {first} folds, and there are {folds}: no trial ends early"
            )
        try:
            return SuccessiveHalvingPruner(min_resource=first, reduction_factor=eta)
        except (TypeError, ValueError) as error:
            raise UserError(f"early_terminate: {error}") from error


def _check_values(values: list[Any], where: str) -> None:
    """Raise UserError for a value that is not finite, that holds itself, or that has too many items."""
    pending, count = list(values), 0
    while pending:
        value = pending.pop()
        count += 1
        if count > MAX_NAMES:
            raise UserError(f"{where}: a value holds itself, or has more than {MAX_NAMES} items")
        if isinstance(value, float) and not isfinite(value):
            raise UserError(f"{where}: {value}: should be a finite number")
        if isinstance(value, list | dict):
            pending += value.values() if isinstance(value, dict) else value


def _default_distribution(spec: dict[str, Any]) -> str:
    """The distribution that W&B takes if a parameter names none."""
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical"
    if "mu" in spec or "sigma" in spec:
        return "normal"
    return "int_uniform" if all(isinstance(spec.get(end, 0), int) for end in RANGE) else "uniform"


def _range_parameter(key: str, spec: dict[str, Any], shape: str, step: float | None) -> Parameter:
    where = f"parameters.{key}"
    if not set(RANGE) <= spec.keys():
        raise UserError(f"{where}: {shape} needs min and max")
    low, high = (_number(spec[end], where) for end in RANGE)
    if shape == "inv_log_uniform":  # of 1/X
        low, high = -high, -low
    if shape in ("log_uniform", "q_log_uniform", "inv_log_uniform"):  # the bounds are exponents of e
        if high > MAX_EXPONENT:
            raise UserError(f"{where}: {shape}: e to the power of {high} is too large; {shape}_values takes values")
        low, high = exp(low), exp(high)
    is_log = "log" in shape
    by = "" if step is None else f" by {step}"
    if not low < high or (is_log and low <= 0):
        raise UserError(f"{where}: {shape} from {low} to {high}{by} has no values")
    if step is None:
        return Parameter(key, low=float(low), high=float(high), log=is_log)
    if (high - low) / step > MAX_STEPS:
        raise UserError(f"{where}: {shape} from {low} to {high}{by} has too many steps")
    parameter = Parameter(key, low=low, high=high, step=step, log=is_log)
    if not parameter.multiples:
        raise UserError(f"{where}: {shape} from {low} to {high}{by} has no values")
    return parameter


def _quantile_parameter(key: str, spec: dict[str, Any], shape: str, step: float | None) -> Parameter:
    """normal, log_normal and beta, with W&B's defaults."""
    defaults = {"mu": 0, "sigma": 1} if shape != "beta" else {"a": 1, "b": 1}
    numbers = {name: _number(spec.get(name, default), f"parameters.{key}.{name}") for name, default in defaults.items()}
    first, second = numbers.values()
    if second <= 0 or (shape == "beta" and first <= 0):
        raise UserError(f"parameters.{key}: {shape} {numbers}: should be above 0")
    if shape == "log_normal" and first + 4 * second > MAX_EXPONENT:
        raise UserError(f"parameters.{key}: log_normal {numbers}: e to this power is too large")
    return Parameter(key, step=step, shape=(shape, first, second))


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: {value!r}: should be a number")
    if not -MAX_NUMBER < value < MAX_NUMBER:
        raise UserError(f"{where}: should be a finite number")
    return value
