"""The pipeline on a small made-up table: quick, with no DVC, no network and none of the project's own data."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from example import params as project_params
from example.core import model_file, paths, schema, split
from example.core.errors import UserError
from example.core.folds import make_folds
from example.stages import evaluate, prepare, train

HASHES = [0.108989, 0.408585, 0.442771, 0.735598, 0.168442]


def run():
    for stage in (prepare, train, evaluate):
        stage.main()
    files = Path("results").glob("*/metrics.json")
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


@pytest.mark.parametrize(
    "name", ["random_forest", "gradient_boosting", "hist_gradient_boosting", "logistic_regression"]
)
def test_classification(params, name):
    params(train={"model": name})
    results = run()
    assert results["prepare"]["class_fraction"].keys() == {"large", "small"}
    assert results["train"]["cv_mean"] > 0.7
    assert 0.4 < results["train"]["dummy_cv_mean"] < 0.6
    assert results["evaluate"]["test_accuracy"] > 0.6
    assert results["evaluate"]["test_roc_auc_macro"] > 0.7
    assert results["evaluate"]["dummy_test_roc_auc_macro"] == 0.5
    assert 0.4 < results["evaluate"]["dummy_test_accuracy"] < 0.6


@pytest.mark.parametrize("name", ["random_forest", "ridge"])
def test_regression(params, name):
    params(data={"target": "weight", "task": "auto"}, train={"model": name})
    results = run()
    assert results["evaluate"]["test_r2"] > 0.6
    assert results["train"]["dummy_cv_mean"] < 0.01
    assert results["evaluate"]["test_rmse"] < 2 < results["evaluate"]["dummy_test_rmse"]


@pytest.mark.parametrize(("method", "by"), [("hash", None), ("hash", "site"), ("group", "site"), ("time", "seen")])
def test_splits(params, method, by):
    params(prepare={"split": method, "split_column": by})
    run()
    held_in, held_out = pd.read_parquet(paths.TRAIN), pd.read_parquet(paths.TEST)
    assert len(held_in) + len(held_out) == 120
    if method == "group" or by == "site":
        assert not set(held_in.site) & set(held_out.site)
    if method == "time":
        assert held_in.seen.max() < held_out.seen.min()


def test_hash_split_keeps_the_side_of_a_row_when_the_table_grows(params):
    table = pd.read_csv("table.csv")
    grown = pd.concat([table, table.assign(size=7)]).sample(frac=1, random_state=0)[table.columns[::-1]].astype(object)
    before, after = split.hash_rows(table, 0), split.hash_rows(grown, 0)
    assert (np.sort(after[(grown["size"] != 7).to_numpy()]) == np.sort(before)).all()


def test_a_split_by_time_may_go_by_the_number_of_the_row(params):
    pd.read_csv("table.csv").rename_axis("step").to_csv("table.csv")
    params(prepare={"split": "time", "split_column": "step"})
    run()
    assert "step" not in schema.load().names()
    assert "seen" in schema.load().names()


def test_the_hash_is_the_same_on_every_platform_and_version():
    table = pd.DataFrame({"a": [1, 2.5, "x", True, None]}, dtype=object)
    assert split.hash_rows(table, 0).round(6).tolist() == HASHES
    same = pd.DataFrame({"a": ["1.0", "2.50", "x", "true", np.nan]})
    assert split.hash_rows(same, 0).round(6).tolist() == HASHES


def folds_of(method, column, table, labels):
    described = schema.Schema.model_construct(task="classification", split=method, split_column=column)
    return make_folds(table, np.array(labels), described, n_splits=3)


def test_folds_keep_groups_whole_and_never_look_ahead(params):
    table = pd.DataFrame({"site": [1, 2, 3, 4, 5, 6] * 10, "day": np.repeat(range(12), 5)})
    labels = [0, 1, 1] * 20
    for method in ("hash", "group"):
        for fit, validation in folds_of(method, "site", table, labels):
            assert not set(table.site[fit]) & set(table.site[validation])
    for fit, validation in folds_of("time", "day", table, labels):
        assert table.day[fit].max() < table.day[validation].min()


def test_duplicates_are_dropped_and_counted_or_kept(params):
    table = pd.read_csv("table.csv")
    pd.concat([table, table.head(30), table.head(5).assign(kind=None)]).to_csv("table.csv", index=False)
    counts = run()["prepare"]
    assert [counts[name] for name in ("rows", "duplicate_rows", "rows_without_target")] == [155, 30, 5]
    params(prepare={"duplicates": "keep"})
    counts = run()["prepare"]
    assert counts["train_rows"] + counts["test_rows"] == 150


def test_the_same_inputs_give_the_same_bytes(params):
    run()
    files = [path for path in Path().rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    run()
    assert [path for path in files if path.read_bytes() != before[path]] == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "target", "knd"),
        ("data", "task", "clustering"),
        ("data", "task", "regression"),
        ("prepare", "test_size", 1.5),
        ("prepare", "split", "group"),
        ("train", "model", "ridge"),
        ("train", "n_splits", "5"),
        ("train", "n_splits", 100),
        ("train", "scoring", "r2"),
        ("train", "n_split", 5),
        ("train", "train_sizes", [-0.5, 1.0]),
        ("prepare", "split_column", "site"),
        ("prepare", "split_column", "kind"),
        ("train", "random_forest", {"n_estimators": -1}),
        ("train", "random_forest", {"trees": 1}),
    ],
)
def test_a_wrong_value_is_named(params, section, key, value):
    params(**{section: {key: value}})
    with pytest.raises(UserError, match=rf"params\.yaml: .*{key}"):
        run()


def test_params_are_looked_for_in_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="run this in the project's root"):
        project_params.load()


def test_a_model_file_with_another_type_is_refused(tmp_path):
    skops.io.dump({"path": Path("x")}, tmp_path / "model.skops")
    with pytest.raises(UserError, match="refused: it holds pathlib"):
        model_file.load(tmp_path / "model.skops")


def test_a_damaged_model_file_is_refused(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="is damaged"):
        model_file.load(tmp_path / "model.skops")
