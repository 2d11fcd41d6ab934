"""The table of experiments, without DVC: types, conditions, text, Markdown, the test of a difference."""

import hashlib
import math

import numpy as np
import pandas as pd
import pytest
from example.core.errors import UserError
from example.core.formatting import to_json_value
from example.toolbox import best, experiments, significance, staleness, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats


def make_table(metrics=(), **columns: list):
    """Experiments of made-up rows; `__` in a name stands for a dot."""
    columns = {name.replace("__", "."): pd.Series(values, dtype=object) for name, values in columns.items()}
    rows = pd.DataFrame({name: experiments.to_typed_column(values) for name, values in columns.items()})
    files = dict.fromkeys((name for name in rows if name.startswith("cv_")), "results/train/metrics.json")
    files |= dict.fromkeys(metrics, "results/evaluate/metrics.json")
    return experiments.Experiments(rows, list(files), [name for name in rows if "." in name], files)


VALUES = [st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text()]


@given(st.one_of([st.lists(st.none() | kind, min_size=1, max_size=5) for kind in VALUES]))
@settings(deadline=None)
def test_values_keep_their_type(values):
    column = make_table(metric=values).rows.metric
    read_back = [to_json_value(value) for value in column]
    assert [(type(value), value) for value in read_back] == [(type(value), value) for value in values]


@given(st.lists(st.text(st.sampled_from("a|<>`*\\\n\r&~ ")), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_value_in_markdown_is_one_cell_in_one_line(values):
    lines = tables.to_markdown_table({"name": values, "next": ["1"] * len(values)}).split("\n")
    assert len(lines) == len(values) + 2
    for line in lines:
        without_escapes = line.replace("\\\\", "").replace("\\|", "").replace("\\`", "").replace("\\*", "")
        assert without_escapes.count("|") == 3
        assert not set("<`*\r") & set(without_escapes.replace("<br>", ""))


@given(st.lists(st.text(), min_size=1, max_size=4))
@settings(deadline=None)
def test_a_table_of_text_has_a_printable_line_per_row(values):
    lines = tables.to_text_table({"name": values, "next": ["1"] * len(values)}).split("\n")
    assert len(lines) == len(values) + 1
    assert all(line.isprintable() for line in lines)


def test_headings_are_as_short_as_they_can_be():
    names = ["accuracy", "dummy.accuracy", "train.ridge.alpha", "train.model", "train.a.depth", "train.b.depth"]
    assert tables.short_headings(names) == ["accuracy", "dummy.accuracy", "alpha", "model", "a.depth", "b.depth"]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10), st.booleans())
@settings(deadline=None)
def test_the_corrected_t_test(differences, by_time):
    k = len(differences)
    t, p = significance.corrected_t_test(np.array(differences), by_time)
    if np.allclose(differences, 0, atol=1e-12):
        assert (t, p) == (0, 1)
    elif np.ptp(differences) > 1e-6:
        ratio = 2 / (k + 1) if by_time else 1 / (k - 1)
        uncorrected = stats.ttest_1samp(differences, 0).statistic  # its variance counts 1/k times
        assert t == pytest.approx(uncorrected * math.sqrt((1 / k) / (1 / k + ratio)))
        assert p == pytest.approx(2 * stats.t.cdf(-abs(t), k - 1))


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("cv_mean", "maximize"),
        ("dummy_cv_mean", "maximize"),
        ("cv_std", "minimize"),
        ("test_accuracy", "maximize"),
        ("test_f1_macro", "maximize"),
        ("test_f1", "maximize"),
        ("dummy_test_log_loss", "minimize"),
        ("train_rmse", "minimize"),
        ("test_roc_auc_macro", "maximize"),
        ("test_selective_accuracy", "maximize"),
        ("overfit_gap", "minimize"),
        ("evaluate.mae", "minimize"),
    ],
)
def test_the_goal_of_a_metric_is_known_by_its_name(metric, goal):
    table = make_table(metrics=[metric], **{metric.replace(".", "__"): [0.5, 0.25]})
    assert best.goal_of(table, metric, None) == goal


def test_a_metric_whose_goal_is_not_known_is_refused():
    with pytest.raises(UserError, match="--metric train_rows: is a larger value better"):
        best.goal_of(make_table(metrics=["train_rows"], train_rows=[1, 2]), "train_rows", None)


def row(**values):
    return pd.Series({"data": "a" * 32, "train.scoring": None, **values})


def test_rows_are_comparable_by_data_target_task_split_and_scoring():
    base = {"data.target": "y", "data.task": "auto", "prepare.split": "random", "data.positive": None}
    key = best.comparison_key(row(**base), "cv_mean")
    assert key == {"scoring": "accuracy", "data": "a" * 32, "target": "y", "task": "classification", "split": "random"}
    assert best.comparison_key(row(**base, train_r2=0.5), "cv_mean")["scoring"] == "r2"
    assert best.comparison_key(row(**base | {"prepare.split": "time"}), "cv_mean")["split_column"] is None
    assert "scoring" not in best.comparison_key(row(**base), "test_accuracy")
    scored_on_class = {"train.scoring": "f1", "data.positive": "yes"}
    assert best.comparison_key(row(**base | scored_on_class), "cv_mean")["positive"] == "yes"


def test_a_row_whose_params_lack_a_key_is_comparable_to_none():
    key = best.comparison_key(row(**{"data.target": pd.NA, "data.task": pd.NA}), "cv_mean")
    assert key["task"] is None
    assert key["scoring"] is None


def test_a_param_applies_to_the_rows_of_its_model():
    columns = {"train.model": ["ridge", "forest", None], "train.ridge.alpha": [1.0, 2.0, 1.0], "data.seed": [1, 1, 1]}
    table = make_table(**{name.replace(".", "__"): values for name, values in columns.items()})
    assert list(table.applies_to("train.ridge.alpha")) == [True, False, False]
    assert list(table.applies_to("data.seed")) == [True, True, True]
    assert table.varying_params() == ["train.model", "train.ridge.alpha"]


def test_the_files_of_a_state_that_cannot_be_read_are_named():
    problem = "results/train/metrics.json: cannot be parsed"
    path = "results/train/metrics.json"
    assert experiments._values(path, {"error": ValueError("corrupted")}) == ({}, problem)
    assert experiments._values(path, {"error": FileNotFoundError(2, "no such file")}) == ({}, None)
    assert experiments._values(path, {"data": [1, 2]}) == ({}, f"{path}: is not a mapping of names to values")
    assert experiments._values(path, {"data": {"a": {"b": 1}}}) == ({"a.b": 1}, None)


def test_a_best_experiment_of_test_rows_is_recognized_in_the_condition_too():
    table = make_table(metrics=["test_f1"], cv_mean=[0.5], test_f1=[0.5])
    assert best.test_metrics(table, "cv_mean", "`test_f1` > 0.2 and cv_mean > 0") == ["test_f1"]
    assert best.test_metrics(table, "cv_mean", "cv_mean > 0") == []


def test_the_text_of_best():
    facts = {
        "metric": "cv_mean", "goal": "maximize", "scored": {"data": "abcdefghij", "split": "hash"}, "candidates": 2,
        "left_out": ["loss"], "stale": ["main"], "test": [], "params": {"train.a": {"head": None, "best": [1.0]}},
        "best": {"name": "x", "kind": "experiment", "rev": "1234567890", "value": 0.5}, "against": [],
        "changed_since": ["penguins/model.py"], "get": "dvc exp apply x",
    }  # fmt: skip
    lines = best.format_text(facts)
    assert lines[:4] == [
        "x (experiment 1234567): cv_mean 0.5",
        "the largest of 2 (data abcdefg, split hash)",
        "left out, scored otherwise: 1 (loss)",
        "left out, stale (not of the data and params beside them): 1 (main)",
    ]
    assert lines[4:6] == ["params that differ from the last commit:", "  train.a: null -> [1.0]"]
    assert "penguins/model.py" in lines[6]
    assert lines[7] == "to get it: dvc exp apply x"


def test_an_ambiguous_or_misspelt_column_is_refused():
    table = make_table(cv_mean=[1.0], train__a__depth=[1], train__b__depth=[2])
    assert table.column("a.depth") == "train.a.depth"
    for name, message in (("depth", "may be train.a.depth, train.b.depth"), ("cv_meen", "did you mean cv_mean")):
        with pytest.raises(UserError, match=message):
            table.column(name)


METRICS = b'{"cv_mean": 1}'
DVC_LOCK = f"""
stages:
  train:
    params:
      params.yaml:
        train:
          seed: 1
    outs:
    - path: results/train/metrics.json
      md5: {hashlib.md5(METRICS).hexdigest()}
""".encode()
FILES = {"dvc.lock": DVC_LOCK, "results/train/metrics.json": METRICS}


def read_by_dvc(recorded="1", present="1", seed=1):
    """A state of the project: the hash of the raw table in dvc.lock and in its .dvc file, and params.yaml."""
    return {
        "deps": {"data/raw/x.csv": {"hash": recorded}},
        "outs": {"data/raw/x.csv": {"hash": present, "is_data_source": True}},
        "params": {"params.yaml": {"data": {"train": {"seed": seed}}}},
    }


@pytest.mark.parametrize(
    ("data", "files", "reason"),
    [
        (read_by_dvc(), FILES, None),
        (read_by_dvc(present="2"), FILES, "the results are of another version of data/raw/x.csv"),
        (read_by_dvc(seed=2), FILES, "the results are of train.seed: 1"),
        (
            read_by_dvc(),
            FILES | {"results/train/metrics.json": b"{}"},
            "results/train/metrics.json is not the file that dvc.lock records",
        ),
        (read_by_dvc(), {"results/train/metrics.json": METRICS}, "the results have no dvc.lock"),
        (read_by_dvc(), FILES | {"dvc.lock": b"<<<<<<< HEAD"}, "dvc.lock cannot be parsed"),
        (read_by_dvc(present="2"), {}, None),  # no results
    ],
)
def test_results_are_stale_if_dvc_lock_does_not_fit(data, files, reason):
    assert staleness._reason(data, files) == reason
