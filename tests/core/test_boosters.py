"""XGBoost and LightGBM: entries of MODELS whose packages are imported only if they are named."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from example import Predictor
from example.core import boosters, estimators, indices, model_file, paths
from example.core.errors import UserError, install_excepthook
from example.stages import evaluate, prepare, train
from sklearn.pipeline import make_pipeline

ROWS = np.random.default_rng(0).normal(size=(200, 3))
NAMES = ("xgboost", "lightgbm")
TARGETS = {
    "two words": lambda table: table["kind"],
    "three numbers that are not 0, 1, 2": lambda table: pd.cut(table["weight"], 3, labels=[10, 20, 40]),
    "numbers": lambda table: table["weight"],
}


def run() -> None:
    for stage in (prepare, train, evaluate):
        stage.main()


def model_bytes() -> bytes:
    return paths.MODEL.read_bytes()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_a_table_with_every_type_of_column_and_missing_values(params, capfd, name, target):
    table = pd.read_csv("table.csv")
    table["words"] = [f"a few words, number {i % 7}" if i % 5 else None for i in range(len(table))]
    table.assign(y=TARGETS[target](table)).drop(columns=["kind", "weight"]).to_csv("table.csv", index=False)
    task = "regression" if target == "numbers" else "classification"
    params(data={"target": "y", "task": task}, train={"model": name})
    run()
    scores = json.loads(paths.TRAIN_METRICS.read_text())
    assert scores["cv_mean"] > scores["dummy_cv_mean"]
    tested = pd.read_csv(paths.PREDICTIONS)["predicted"]
    predicted = Predictor.load().predict(pd.read_parquet(paths.TEST))["predicted"]
    assert np.allclose(predicted, tested) if task == "regression" else (predicted == tested).all()
    assert name in json.loads(paths.ENVIRONMENT.read_text())["libraries"]
    assert "warning" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_fit_gives_the_same_bytes_on_any_number_of_threads(params, monkeypatch, name):
    from threadpoolctl import threadpool_limits

    params(train={"model": name, "train_sizes": [1.0]})
    prepare.main()
    written = []
    for threads in (1, 1, 3):
        with threadpool_limits(threads):
            train.main()
        written.append(model_bytes())
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize(
    ("name", "key", "value", "reason"),
    [
        ("xgboost", "max_dept", 3, "max_dept: XGBClassifier has no such parameter"),
        ("xgboost", "max_depth", "deep", "deep"),
        ("lightgbm", "num_leaves", 0, "num_leaves"),
    ],
)
def test_a_wrong_hyperparameter_is_one_line(params, name, key, value, reason):
    params(train={"model": name, name: {key: value}})
    prepare.main()
    with pytest.raises(UserError, match=reason) as raised:
        train.main()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_package_that_is_not_installed_is_named_with_its_extra(params, monkeypatch, capsys, name):
    params(train={"model": name})
    prepare.main()
    train.main()
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    install_excepthook()
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "example.core.xgboost_classifier", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    advice = f'the package {name} is not installed in this environment; run: python -m pip install -c requirements.txt ".[{name}]"'
    with pytest.raises(ModuleNotFoundError) as raised:
        train.main()
    sys.excepthook(raised.type, raised.value, None)
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {advice}"
    with pytest.raises(UserError) as refused:
        model_file.load()
    assert str(refused.value) == f"models/model.skops: {advice}"


def test_the_stages_import_neither_package():
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); import conftest\n"
    code += "import example.stages.train, example.stages.evaluate, example.core.predictor\n"
    code += "print({'xgboost', 'lightgbm'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- Model files of others --------------------------------------------------------------------------------------


def fitted(name: str, task: int, **arguments: object):
    model = estimators.new((boosters.XGBOOST if name == "xgboost" else boosters.LIGHTGBM)[task])
    labels = ROWS[:, 0] if task else np.where(ROWS.sum(axis=1) > 0, "high", "low")
    return model.set_params(n_estimators=5, random_state=0, **arguments).fit(ROWS, labels)


@pytest.mark.parametrize("task", [0, 1])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("xgboost", {}),
        ("xgboost", {"gamma": 5, "max_depth": 3}),
        ("xgboost", {"tree_method": "exact"}),
        ("xgboost", {"grow_policy": "lossguide", "max_leaves": 7}),
        ("xgboost", {"booster": "dart"}),
        ("xgboost", {"booster": "gblinear"}),
        ("lightgbm", {}),
        ("lightgbm", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}),
        ("lightgbm", {"min_child_samples": 150}),
    ],
)
def test_the_trees_of_a_fit_pass(name, task, arguments):
    indices.check(make_pipeline(fitted(name, task, **arguments)))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("lightgbm", b"left_child=1 ", b"left_child=0 "),
        ("lightgbm", b"split_feature=0 ", b"split_feature=9 "),
    ],
)
def test_a_lightgbm_model_with_an_index_out_of_range_is_refused(name, old, new):
    import lightgbm

    text = fitted(name, 1).booster_.model_to_string().encode()
    assert old in text
    damaged = lightgbm.Booster(model_str=text.replace(old, new, 1).decode())
    with pytest.raises(ValueError, match="an index in Booster is out of range"):
        indices.check(damaged)


@pytest.mark.parametrize(("field", "value"), [("left_children", 0), ("right_children", 9999), ("split_indices", 77)])
def test_an_xgboost_model_with_an_index_out_of_range_is_refused(field, value):
    import xgboost

    content = json.loads(fitted("xgboost", 1).get_booster().save_raw("json"))
    content["learner"]["gradient_booster"]["model"]["trees"][0][field][0] = value
    with pytest.raises((ValueError, xgboost.core.XGBoostError)):
        indices.check(xgboost.Booster(model_file=bytearray(json.dumps(content).encode())))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_file_whose_trees_are_no_trees_is_refused(tmp_path, name):
    model = fitted(name, 1)
    booster = model._Booster
    with pytest.MonkeyPatch.context() as patch:
        state = booster.__getstate__()
        key = "handle" if "handle" in state else "_handle"
        state[key] = bytearray(b"no trees") if name == "xgboost" else "no trees"
        patch.setattr(type(booster), "__getstate__", lambda self: state)
        (tmp_path / "model.skops").write_bytes(skops.io.dumps(make_pipeline(model)))
    with pytest.raises(UserError, match="cannot be loaded"):
        model_file.load(tmp_path / "model.skops")
