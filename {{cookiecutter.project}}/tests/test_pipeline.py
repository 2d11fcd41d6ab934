"""Tests of your pipeline, on a sample of your table: python -m pytest. Add your own."""

import ast
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from {{cookiecutter.__package}} import Predictor, features, model
from {{cookiecutter.__package}}.core import files, model_file, paths, reader, schema
from {{cookiecutter.__package}}.stages import evaluate, prepare, train

ROOT = Path(__file__).parents[1]
MAX_ROWS = 1000
PIPELINE = files.read_yaml(ROOT / "dvc.yaml")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A folder in which the three stages ran on a sample of your table, or on a made-up one if yours is not here."""
    values = files.read_yaml(ROOT / "params.yaml")
    values["train"] |= {"n_splits": 2, "train_sizes": [1.0]}
    values["evaluate"]["max_predictions"] = None
    values["evaluate"]["importance"] |= {"n_repeats": 1, "max_features": 5}
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        raw = ROOT / values["data"]["path"]
        if raw.exists():
            table, _ = reader.read(str(raw))
        else:
            table = use_made_up_table(values, patch)
        table = table.sample(min(len(table), MAX_ROWS), random_state=0)
        values["data"]["path"] = "table.csv"
        patch.chdir(folder)
        table.to_csv("table.csv", index=False)
        Path("params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        for stage in (prepare, train, evaluate):
            stage.main()
        yield folder


def use_made_up_table(values, patch):
    """A table with a column of each type, and params that fit it; your add_features, which may not, is left out."""

    def add_features(frame):
        return frame

    add_features.__module__ = features.__name__
    patch.setattr(features, "add_features", add_features)
    patch.setattr(model, "add_features", add_features)
    entry = model.MODELS[values["train"]["model"]]
    task = "regression" if entry.classification is None else "classification"
    values["data"] |= {"target": "y", "task": task, "positive": None, "types": {}, "drop": []}
    values["prepare"] |= {"split": "random", "split_column": None}
    values["train"]["scoring"] = None
    random = np.random.default_rng(0)
    number = random.normal(size=200)
    y = number + random.normal(scale=0.3, size=200)
    return pd.DataFrame(
        {
            "number": np.where(random.random(200) < 0.1, np.nan, number),
            "category": random.choice(["red", "green", None], 200),
            "date": pd.date_range("2024-01-01", periods=200),
            "text": [f"a few words, number {i}" for i in range(200)],
            "y": np.where(y > 0, "high", "low") if task == "classification" else y,
        }
    )


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_stages_write_finite_metrics(run):
    for path in (paths.PREPARE_METRICS, paths.TRAIN_METRICS, paths.TEST_METRICS):
        values = [value for value in read(run / path).values() if not isinstance(value, dict)]
        assert values, path
        assert np.isfinite(values).all(), path


def test_the_prepared_rows_hold_what_the_schema_lists(run):
    columns = schema.load(run / paths.SCHEMA)
    train_rows, test_rows = pd.read_parquet(run / paths.TRAIN), pd.read_parquet(run / paths.TEST)
    assert (len(train_rows), len(test_rows)) == (columns.train_rows, columns.test_rows)
    kept = [column.name for column in columns.columns if column.role != "dropped"]
    assert list(train_rows) == list(test_rows) == kept
    assert train_rows[columns.target].notna().all()
    assert columns.target not in columns.names()


def test_the_model_reads_finite_features(run):
    columns = schema.load(run / paths.SCHEMA)
    rows = columns.features(pd.read_parquet(run / paths.TRAIN))
    inputs = model_file.load(run / paths.MODEL)[:-1].transform(rows)
    assert len(inputs) == len(rows)
    assert np.isfinite(inputs).all()


def test_the_model_beats_the_dummy_or_warns(run):
    scores = read(run / paths.TRAIN_METRICS)
    if scores["cv_mean"] <= scores["dummy_cv_mean"]:
        warnings.warn(f"on this sample the model does not beat a dummy model: {scores}", stacklevel=1)
    assert scores["cv_std"] >= 0


def test_a_loaded_model_predicts_as_evaluate_did(run):
    predicted = pd.read_csv(run / paths.PREDICTIONS)["predicted"]
    loaded = Predictor.load(model=run / paths.MODEL).predict(pd.read_parquet(run / paths.TEST))["predicted"]
    if loaded.dtype.kind == "f":
        assert np.allclose(loaded, predicted)
    else:
        assert loaded.astype(str).tolist() == predicted.astype(str).tolist()


@pytest.mark.parametrize("stage", [name for name, spec in PIPELINE["stages"].items() if ".stages." in spec["cmd"]])
def test_a_stage_depends_on_the_modules_that_it_imports(stage):
    """A module that a stage imports and dvc.yaml does not list would leave stale results when it changes."""
    spec = PIPELINE["stages"][stage]
    module = next(word for word in spec["cmd"].split() if ".stages." in word)
    imported = imported_modules(ROOT / f"{module.replace('.', '/')}.py")
    missing = {path for path in imported if not any(path.is_relative_to(ROOT / dep) for dep in spec["deps"])}
    assert not missing, f"dvc.yaml: stages: {stage}: deps: lacks {missing}"


def imported_modules(path, seen=None):
    """The modules of this project that a module needs, itself among them."""
    seen = {path} if seen is None else seen | {path}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for module in (folder.with_suffix(".py"), *(folder / f"{alias.name}.py" for alias in node.names)):
                if module.is_file() and module not in seen:
                    seen = imported_modules(module, seen)
    return seen
