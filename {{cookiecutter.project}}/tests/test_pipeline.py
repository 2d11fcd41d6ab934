"""The pipeline on a small made-up table: quick, with no DVC, no network and none of the project's own data."""

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from ruamel.yaml import YAML

from {{cookiecutter.__package}} import model, schema, split
from {{cookiecutter.__package}} import params as project_params
from {{cookiecutter.__package}}.errors import UserError
from {{cookiecutter.__package}}.stages import evaluate, prepare, train

ROOT = Path(__file__).parents[1]
HASHES = [0.108989, 0.408585, 0.442771, 0.735598, 0.168442]
YAML_1_2 = YAML(typ="safe", pure=True)
PACKAGE = "{{cookiecutter.__package}}"


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
    assert results["prepare"]["class_share"].keys() == {"large", "small"}
    assert results["train"]["cv_mean"] > 0.7
    assert 0.4 < results["train"]["baseline_cv_mean"] < 0.6
    assert results["evaluate"]["accuracy"] > 0.6
    assert results["evaluate"]["roc_auc"] > 0.7
    assert results["evaluate"]["baseline"]["roc_auc"] == 0.5
    assert 0.4 < results["evaluate"]["baseline"]["accuracy"] < 0.6


@pytest.mark.parametrize("name", ["random_forest", "ridge"])
def test_regression(params, name):
    params(data={"target": "weight", "task": "auto"}, train={"model": name})
    results = run()
    assert results["evaluate"]["r2"] > 0.6
    assert results["train"]["baseline_cv_mean"] < 0.01
    assert results["evaluate"]["rmse"] < 2 < results["evaluate"]["baseline"]["rmse"]


@pytest.mark.parametrize(("method", "by"), [("hash", None), ("hash", "site"), ("group", "site"), ("time", "seen")])
def test_splits(params, method, by):
    params(prepare={"split": method, "by": by})
    run()
    held_in, held_out = pd.read_parquet(schema.TRAIN), pd.read_parquet(schema.TEST)
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
    params(prepare={"split": "time", "by": "step"})
    run()
    assert "step" not in schema.load().names()
    assert "seen" in schema.load().names()


def test_the_hash_is_the_same_on_every_platform_and_version():
    table = pd.DataFrame({"a": [1, 2.5, "x", True, None]}, dtype=object)
    assert split.hash_rows(table, 0).round(6).tolist() == HASHES
    same = pd.DataFrame({"a": ["1.0", "2.50", "x", "true", np.nan]})
    assert split.hash_rows(same, 0).round(6).tolist() == HASHES


def folds_of(method, by, table, labels):
    found = schema.Schema(
        task="classification", target="y", classes=None, split=method, by=by, train_rows=0, test_rows=0, columns=[]
    )
    return train.cross_validation(found, project_params.load().train, table, np.array(labels))


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
        ("train", "folds", "5"),
        ("train", "folds", 100),
        ("train", "scoring", "r2"),
        ("train", "fold", 5),
        ("train", "learning_curve", [-0.5, 1.0]),
        ("prepare", "by", "site"),
        ("prepare", "by", "kind"),
        ("train", "random_forest", {"n_estimators": -1}),
        ("train", "random_forest", {"trees": 1}),
    ],
)
def test_a_wrong_value_is_named(params, section, key, value):
    params(**{section: {key: value}})
    with pytest.raises(UserError, match=rf"params\.yaml: .*{key if key != 'split' else 'by'}"):
        run()


def test_params_are_looked_for_in_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="run this in the project's root"):
        project_params.load()


def test_a_model_file_with_another_type_is_refused(tmp_path):
    skops.io.dump({"path": Path("x")}, tmp_path / "model.skops")
    with pytest.raises(UserError, match="refused: it holds pathlib"):
        model.load(tmp_path / "model.skops")


def test_a_damaged_model_file_is_refused(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="is damaged"):
        model.load(tmp_path / "model.skops")


@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate"])
def test_dvc_yaml_lists_every_module_that_a_stage_imports(stage):
    """A module that a stage imports and does not list would leave stale results when it changes."""
    pipeline = YAML_1_2.load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    listed = {dep for dep in pipeline["stages"][stage]["deps"] if dep.endswith(".py")}
    assert imported(ROOT / PACKAGE / "stages" / f"{stage}.py") == listed


def imported(path, seen=None):
    """The modules of the package that a file needs, itself among them; each __init__.py holds nothing to depend on."""
    seen = set() if seen is None else seen
    if path.name != "__init__.py":
        seen.add(path.relative_to(ROOT).as_posix())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            for name in [node.module, *(".".join(filter(None, (node.module, alias.name))) for alias in node.names)]:
                module = folder.joinpath(*(name or "").split(".")).with_suffix(".py")
                if module.exists() and module.relative_to(ROOT).as_posix() not in seen:
                    imported(module, seen)
    return seen
