"""sweep.yaml and what a trial of it scores."""

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml
from example.core.config import read_params, with_overrides
from example.core.errors import UserError
from example.stages import prepare, train
from example.toolbox.sweep import space, sweep_file
from example.toolbox.sweep.objective import Objective
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

SWEEP = Path(__file__).parents[2] / "{{cookiecutter.project}}" / "sweep.yaml"
FOREST = "train.random_forest"
NAMES = ["criterion", "n_estimators", "max_depth", "min_samples_split"]


@pytest.fixture
def load(params):
    """A space from parameters, and other keys of sweep.yaml."""

    def read(parameters, task="classification", **keys):
        content = {"method": "random", "parameters": parameters, **keys}
        Path("sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return sweep_file.load("sweep.yaml", read_params(), task)

    return read


def points(searched, count=40):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(count):
        trial = study.ask()
        searched.suggest(trial)
        yield searched.point(trial.params)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_sweep_of_this_project(params, task):
    searched = sweep_file.load(str(SWEEP), read_params(), task)
    for point in points(searched):
        for key in point.keys() - {space.MODEL}:
            assert key.split(".")[1] == point.get(space.MODEL, searched.model)


def test_a_sweep_of_wandb_as_it_is(load):
    """Bare names are arguments of the model, also those that params.yaml does not have."""
    searched = load(
        {
            "n_estimators": {"distribution": "int_uniform", "min": 50, "max": 300},
            "max_depth": {"distribution": "int_uniform", "min": 5, "max": 30},
            "min_samples_split": {"min": 2, "max": 20},
            "criterion": {"value": "entropy"},
        },
        method="bayes",
        metric={"name": "val_accuracy", "goal": "maximize"},
        program="train.py",
        command=["python", "train.py"],
        early_terminate={"type": "hyperband", "max_iter": 9, "s": 2},
    )
    assert searched.scoring == "accuracy"
    assert searched.notes == (
        "left out, no use for it here: program, command",
        "metric.name: val_accuracy: read as cv_mean of accuracy",
    )
    for point in points(searched):
        assert [key.removeprefix(f"{FOREST}.") for key in point] == NAMES
        assert 50 <= point[f"{FOREST}.n_estimators"] <= 300


@pytest.mark.parametrize(
    ("spec", "low", "high", "step"),
    [
        ({"min": 2, "max": 20}, 2, 20, 1),
        ({"min": 0.2, "max": 1}, 0.2, 1, None),
        ({"distribution": "q_uniform", "min": 0.1, "max": 0.9, "q": 0.1}, 0.1, 0.9, 0.1),
        ({"distribution": "log_uniform_values", "min": 0.001, "max": 10}, 0.001, 10, None),
        ({"distribution": "log_uniform", "min": -3, "max": 0}, 0.0497, 1, None),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 100, "q": 5}, 5, 100, 5),
        ({"distribution": "inv_log_uniform_values", "min": 0.1, "max": 10}, 0.1, 10, None),
    ],
)
def test_distributions(load, spec, low, high, step):
    values = [point["train.random_forest.max_features"] for point in points(load({"max_features": spec}))]
    assert len(set(values)) > 4
    assert all(low <= value <= high for value in values)
    if step:
        assert all(abs(value / step - round(value / step)) < 1e-9 for value in values)


def test_a_trial_has_only_the_params_of_its_model(load):
    searched = load(
        {
            "model": {"values": ["random_forest", "logistic_regression", "ridge"]},
            "max_iter": {"min": 100, "max": 200},
            "train": {"parameters": {"random_forest": {"parameters": {"max_depth": {"values": [None, 3]}}}}},
        }
    )
    assert searched.notes == ("left out, not models for classification: ridge",)
    reads = {"random_forest": {f"{FOREST}.max_depth"}, "logistic_regression": {"train.logistic_regression.max_iter"}}
    seen = list(points(searched))
    assert {point[space.MODEL] for point in seen} == reads.keys()
    assert all(point.keys() - {space.MODEL} == reads[point[space.MODEL]] for point in seen)


def test_a_grid_has_each_point_once(load):
    searched = load(
        {
            "model": {"values": ["random_forest", "logistic_regression"]},
            "max_depth": {"values": [3, None]},
            "n_estimators": {"distribution": "q_uniform", "min": 10, "max": 30, "q": 10},
            "C": {"values": [0.1, 1.0, 10.0]},
            "data.drop": {"values": [[], ["size"]]},
        },
        method="grid",
    )
    grid = [json.dumps(searched.point(point)) for point in searched.grid()]
    assert len(set(grid)) == len(grid) == 2 * (2 * 3 + 3)
    with pytest.raises(UserError, match="a grid needs values"):
        load({"max_features": {"min": 0.1, "max": 0.9}}, method="grid")
    with pytest.raises(UserError, match="grid: 1000000000 points are more than 100000; use random"):
        load({"n_estimators": {"min": 1, "max": 10**9}}, method="grid")


@pytest.mark.parametrize(
    ("parameters", "keys", "message"),
    [
        ({"n_estimatrs": {"min": 1, "max": 2}}, {}, "did you mean .*n_estimators"),
        ({"n_estimators": {"distribution": "normal", "mu": 1, "sigma": 2, "min": 1}}, {}, "min: not of normal; use"),
        ({"n_estimators": {"distribution": "zipf", "min": 1, "max": 2}}, {}, "'zipf': not supported; use constant, "),
        ({"n_estimators": {"min": 3}}, {}, "needs min and max"),
        ({"n_estimators": {"min": 3, "max": 2}}, {}, "has no values"),
        ({"n_estimators": {"min": 3, "max": float("inf")}}, {}, "should be a finite number"),
        ({"n_estimators": {"min": 3, "max": 10**400}}, {}, "should be a finite number"),
        ({"n_estimators": {"distribution": "q_uniform", "min": 3, "max": 4e20, "q": 1}}, {}, "has too many steps"),
        ({"n_estimators": {"distribution": "log_uniform", "min": 1, "max": 5000}}, {}, "takes values"),
        ({"n_estimators": {"distribution": "beta", "a": 0, "b": 2}}, {}, "should be above 0"),
        ({"max_depth": {"values": [2, 3], "probabilities": [1]}}, {}, "a list of 2 numbers, one for each value"),
        ({"max_depth": {"values": [2, 3], "probabilities": [-1, 2]}}, {}, "should be at least 0"),
        ({"max_depth": {"value": 2}}, {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 1}}, "must be"),
        ({"n_estimators": {"values": []}}, {}, "a list of values"),
        ({"max_depth": {"values": [1, float("nan")]}}, {}, "should be a finite number"),
        ({"n_estimators": 3}, {}, "should have value, values, or min and max"),
        ({"n_splits": {"values": [2, 3]}}, {}, "n_splits: not a hyperparameter; a sweep keeps it"),
        ({"max_depth": {"value": 2}, f"{FOREST}.max_depth": {"value": 3}}, {}, "is there twice"),
        ({"model": {"values": ["ridge", "svm"]}}, {}, "for classification, use random_forest"),
        ({}, {}, "nothing to search; train.model is random_forest, with .*n_estimators"),
        ({"epochs": {"min": 1, "max": 9}}, {}, "epochs: not of this model; nothing to search; train.model is random_f"),
        ({"max_depth": {"value": 2}}, {"method": "hill_climb"}, "method: 'hill_climb': use bayes"),
        ({"max_depth": {"value": 2}}, {"metric": {"name": "reward"}}, "'reward': not a score of classification here"),
        ({"max_depth": {"value": 2}}, {"metric": {"name": "accuracy", "goal": "minimize"}}, "is better if larger"),
        ({"max_depth": {"value": 2}}, {"metric": {"name": "rmse"}}, "metric.name: 'rmse'"),
        ({"max_depth": {"value": 2}}, {"early_terminate": {"type": "envelope"}}, "use hyperband"),
        ({"max_depth": {"value": 2}}, {"parameter": {}}, "parameter: not a key of a sweep; did you mean parameters"),
        ({"max_depth": {"value": 2}}, {"run_cap": 0}, "run_cap: 0"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(load, parameters, keys, message):
    with pytest.raises(UserError, match=f"sweep.yaml: .*{message}"):
        load(parameters, **keys)


RECURSIVE = "method: random\nparameters: &all\n  max_depth: {parameters: *all}\n"
CIRCULAR = "method: random\nparameters:\n  max_depth: {values: &list [1, *list]}\n"
LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
BILLIONS = f"{LAUGHS}method: random\nparameters:\n  max_depth: {{values: *a11}}\n"
ALIASES = "a0: &a0 {x: {value: 1}}\n" + "".join(
    f"a{i}: &a{i} {{{', '.join(f'k{j}: {{parameters: *a{i - 1}}}' for j in range(9))}}}\n" for i in range(1, 12)
)
DEEP = "method: random\nparameters: " + "{a: " * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize(
    "content",
    [
        *(RECURSIVE, CIRCULAR, BILLIONS, f"{ALIASES}method: random\nparameters: *a11\n", DEEP, ""),
        *("[1]", "a: [", "method: {a: 1}", "\0", "<<<<<<< HEAD\n"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(params, content):
    Path("sweep.yaml").write_text(content)
    with pytest.raises(UserError, match=r"^sweep.yaml: ") as caught:
        sweep_file.load("sweep.yaml", read_params(), "classification")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "point",
    [
        {f"{FOREST}.n_estimators": 7},
        {"train.model": "logistic_regression", "train.logistic_regression.C": 0.1},
        {"data.drop": ["site"], "prepare.test_size": 0.3},
    ],
)
def test_a_trial_scores_what_train_does(params, point):
    prepare.main()
    validator, *job = Objective(read_params())(point)
    scores = validator.score(*job, range(3))
    values = with_overrides(read_params(), point)
    Path("params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    prepare.main()
    train.main()
    metrics = json.loads(Path("results/train/metrics.json").read_text(encoding="utf-8"))
    assert metrics["cv_mean"] == pytest.approx(sum(scores) / 3, abs=1e-12)


NUMBERS = st.floats(1e-6, 1e6)


@given(
    ends=st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] < ends[1]),
    shape=st.sampled_from(["uniform", "log_uniform_values", "q_uniform", "q_log_uniform_values"]),
    step=st.floats(1e-3, 1e3),
    place=st.floats(0, 1),
)
def test_any_number_is_in_its_range_and_on_its_steps(ends, shape, step, place):
    low, high = ends
    spec = {"distribution": shape, "min": low, "max": high} | ({"q": step} if shape.startswith("q_") else {})
    reader = sweep_file._Reader({"train": {"model": "ridge", "n_splits": 5}}, "regression")
    try:
        parameter = reader.parameter("alpha", spec)
    except UserError as error:
        assert "has no values" in str(error)
        return
    numbers = {"alpha": low + place * (high - low)}
    if shape.startswith("q_"):
        numbers = {"alpha": parameter.multiples[int(place * (len(parameter.multiples) - 1))]}
    value = parameter.value(parameter.suggest(optuna.trial.FixedTrial(numbers)))
    if shape.startswith("q_"):
        assert low - step <= value <= high + step
        assert value / step == pytest.approx(round(value / step), rel=1e-6)
    else:
        assert low <= value <= high


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"distribution": "normal", "mu": 5, "sigma": 2}, stats.norm(5, 2)),
        ({"distribution": "log_normal", "mu": -1, "sigma": 0.5}, stats.lognorm(0.5, scale=np.exp(-1))),
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 3}, stats.loguniform(np.exp(-3), 1)),
        ({"distribution": "log_uniform", "min": -3, "max": 0}, stats.loguniform(np.exp(-3), 1)),
        ({"distribution": "uniform", "min": 1, "max": 3}, stats.uniform(1, 2)),
    ],
)
def test_values_have_the_distribution_that_they_are_asked_for(load, spec, expected):
    values = [point[f"{FOREST}.max_features"] for point in points(load({"max_features": spec}), 300)]
    assert stats.kstest(values, expected.cdf).pvalue > 1e-3


def test_steps_of_a_normal_distribution_are_multiples(load):
    spec = {"distribution": "q_normal", "mu": 100, "sigma": 20, "q": 10}
    values = [point[f"{FOREST}.n_estimators"] for point in points(load({"n_estimators": spec}))]
    assert all(isinstance(value, int) and value % 10 == 0 for value in values)
    assert len(set(values)) > 4


def test_probabilities_weigh_the_values_of_random_search(load):
    spec = {"values": [2, None, True, 1.0], "probabilities": [0.6, 0.3, 0.1, 0]}
    values = [point[f"{FOREST}.max_depth"] for point in points(load({"max_depth": spec}), 400)]
    assert [round(values.count(value) / 400, 1) for value in (2, None)] == [0.6, 0.3]
    assert not any(value == 1 and value is not True for value in values)
    searched = load({"max_depth": spec}, method="bayes")
    assert searched.notes == (f"parameters.{FOREST}.max_depth.probabilities: left out, used by method: random only",)
