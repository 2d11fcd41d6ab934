"""Predictor from Python: a model with its schema predicts raw rows, wherever it lies."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from example import Predictor
from example.core.errors import UserError
from example.stages import evaluate, prepare, train


@pytest.fixture
def trained(params):
    """A model of the made-up table, whose dates are written day first."""
    table = pd.read_csv("table.csv", parse_dates=["seen"])
    table.assign(seen=table["seen"].dt.strftime("%d/%m/%Y")).to_csv("table.csv", index=False)
    params(prepare={"duplicates": "keep"}, train={"train_sizes": [1.0]})
    for stage in (prepare, train, evaluate):
        stage.main()


@pytest.mark.usefixtures("trained")
def test_a_file_and_a_frame_give_the_same_predictions():
    predictor = Predictor.load()
    by_file = predictor.predict("table.csv")
    assert list(by_file) == ["predicted", "decision", "probability_large", "probability_small"]
    pd.testing.assert_frame_equal(predictor.predict(Path("table.csv")), by_file)
    frame = pd.read_csv("table.csv")
    pd.testing.assert_frame_equal(predictor.predict(frame), by_file)
    assert list(frame) == ["size", "colour", "seen", "site", "kind", "weight"]  # as it was


@pytest.mark.usefixtures("trained")
def test_a_frame_keeps_its_index_and_its_order():
    predictor = Predictor.load()
    frame = pd.read_csv("table.csv").sample(frac=1, random_state=0)
    result = predictor.predict(frame)
    assert result.index.tolist() == frame.index.tolist()
    assert result.sort_index()["predicted"].tolist() == predictor.predict("table.csv")["predicted"].tolist()


@pytest.mark.usefixtures("trained")
def test_dates_as_text_are_read_by_the_format_of_training():
    predictor = Predictor.load()
    seen = pd.Timestamp("2024-02-03")
    row = {"size": 0.1, "colour": "red", "site": "a", "weight": 1.0}
    as_text = predictor.predict(pd.DataFrame([{**row, "seen": "03/02/2024"}]))
    as_date = predictor.predict(pd.DataFrame([{**row, "seen": seen}]))
    pd.testing.assert_frame_equal(as_text, as_date)
    with pytest.raises(UserError, match=r"the frame: most .*'seen' as dates like %d/%m/%Y in 1 of 1 rows"):
        predictor.predict(pd.DataFrame([{**row, "seen": "2024-02-03 and later"}]))


@pytest.mark.usefixtures("trained")
def test_the_model_is_found_by_its_path(tmp_path, monkeypatch):
    expected = Predictor.load().predict("table.csv")
    project = Path.cwd()
    monkeypatch.chdir(tmp_path_of(tmp_path, "elsewhere"))
    table = project / "table.csv"
    pd.testing.assert_frame_equal(Predictor.load(project / "models/model.skops").predict(table), expected)
    for path in ("models/model.skops", "data/prepared/schema.json", "params.yaml"):
        shutil.copy(project / path, ".")
    pd.testing.assert_frame_equal(Predictor.load(Path.cwd()).predict(table), expected)
    pd.testing.assert_frame_equal(Predictor.load("model.skops").predict(table), expected)


def tmp_path_of(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("model.skops", "model.skops: there is no such model"),
        ("schema.json", "schema.json: is missing; run: dvc pull, or dvc repro prepare"),
        ("params.yaml", "params.yaml: is missing; copy params.yaml beside the model"),
    ],
)
def test_a_missing_file_is_named(tmp_path, removed, message):
    folder = tmp_path_of(tmp_path, "model")
    for path in ("models/model.skops", "data/prepared/schema.json", "params.yaml"):
        shutil.copy(path, folder)
    (folder / removed).unlink()
    with pytest.raises(UserError, match=message):
        Predictor.load(folder)


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"size": [1.0]}), "the frame: lacks 4 of the 5 columns"),
        (pd.DataFrame({"size": []}), "the frame: lacks 4 of the 5 columns"),
        (pd.DataFrame(columns=["size", "colour", "seen", "site", "weight"]), "the frame: has no rows to predict"),
        ("nope.csv", "nope.csv: there is no such file"),
    ],
)
def test_rows_that_cannot_be_predicted_are_refused(frame, message):
    with pytest.raises(UserError, match=message):
        Predictor.load().predict(frame)


def test_a_model_and_a_revision_exclude_each_other():
    with pytest.raises(UserError, match="give model or rev, not both"):
        Predictor.load(model="model.skops", rev="HEAD")
