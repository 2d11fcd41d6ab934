"""add_features: your columns are the first step of the model, typed by what they hold."""

import numpy as np
import pandas as pd
import pytest
from example import Predictor, features
from example import model as models
from example.core.columns import AddFeatures, estimator_inputs
from example.core.errors import UserError
from example.stages import evaluate, prepare, train

FRAME = pd.DataFrame(
    {
        "height": [1.0, 2.0, np.nan, 4.0] * 10,
        "width": [2.0, 4.0, 6.0, 8.0] * 10,
        "colour": pd.Series(["red", "green", None, "blue"] * 10, dtype="str"),
        "seen": pd.date_range("2024-01-01", periods=40),
    }
)
TYPES = {"height": "number", "width": "number", "colour": "category", "seen": "date"}


def fitted(function):
    return AddFeatures(function, TYPES).fit(FRAME)


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        (lambda frame: frame["height"] / frame["width"], "number"),
        (lambda frame: frame["height"] > 1, "number"),
        (lambda frame: frame["seen"] + pd.Timedelta(days=1), "date"),
        (lambda frame: frame["seen"] - pd.Timestamp("2024-01-01"), "number"),
        (lambda frame: frame["colour"].str[0], "category"),
        (lambda frame: frame["colour"] + " " + frame["colour"], "category"),
        (lambda frame: frame["seen"].dt.strftime("%d.%m.%Y"), "date"),
        (lambda frame: pd.Series([f"{i} %" for i in range(len(frame))]), "number"),
        (lambda frame: pd.Series([f"a note of some words, {i}" for i in range(len(frame))]), "text"),
    ],
)
def test_a_new_column_is_typed_by_what_it_holds(column, type_):
    step = fitted(lambda frame: frame.assign(new=column(frame)))
    assert step.columns_["new"]["type"] == type_
    assert {name: known["type"] for name, known in step.columns_.items() if name != "new"} == TYPES
    assert len(step.transform(FRAME)["new"]) == 40


def test_a_raw_column_that_is_changed_is_typed_again():
    step = fitted(lambda frame: frame.assign(colour=frame["colour"].map({"red": 1.0, "green": 2.0})))
    assert step.columns_["colour"]["type"] == "number"


def test_fewer_columns_may_be_returned():
    step = fitted(lambda frame: frame[["width"]])
    assert list(step.transform(FRAME)) == ["width"]


def test_new_rows_are_read_as_the_fitted_rows_were():
    step = fitted(lambda frame: frame.assign(day=frame["seen"].dt.strftime("%d.%m.%Y")))
    row = step.transform(FRAME.iloc[[4]])  # 5 January, which alone could be 1 May
    assert row["day"].tolist() == [pd.Timestamp("2024-01-05")]


def test_the_function_cannot_change_the_raw_rows():
    before = FRAME.copy()

    def overwrite(frame):
        frame["height"] = 0.0
        return frame

    fitted(overwrite).transform(FRAME)
    pd.testing.assert_frame_equal(FRAME, before)


def raises(frame):
    width = frame["width"]
    return frame.assign(new=width / frame["depth"])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raises, rf"core/test_columns\.py:{raises.__code__.co_firstlineno + 2}: raises: KeyError: 'depth'"),
        (lambda frame: frame["width"], "returned a Series; return a DataFrame"),
        (lambda frame: frame.dropna(), "returned 30 rows for 40; return a row for each"),
        (lambda frame: frame[[]], "returned no columns"),
        (lambda frame: frame[["width", "width"]], "several of one name"),
    ],
)
def test_a_mistake_is_one_line_with_the_line_of_the_users_code(function, message):
    with pytest.raises(UserError, match=message) as error:
        fitted(function)
    assert "\n" not in str(error.value)


def test_other_columns_than_in_training_are_refused():
    step = fitted(lambda frame: frame.assign(new=1.0) if len(frame) > 1 else frame)
    with pytest.raises(UserError, match="returns other columns than in training: 'new'"):
        step.transform(FRAME.head(1))


def large(frame):
    return frame.assign(large=frame["size"].abs() > 1, place=frame["site"] + " " + frame["colour"])


large.__module__ = features.__name__


def test_new_columns_travel_in_the_model_file(params, monkeypatch):
    monkeypatch.setattr(models, "add_features", large)
    monkeypatch.setattr(features, "large", large, raising=False)
    params(train={"model": "random_forest", "train_sizes": [1.0]})
    for stage in (prepare, train, evaluate):
        stage.main()
    predictor = Predictor.load()
    inputs = estimator_inputs(predictor.pipeline)
    assert {"column": "large", "name": "large"} in inputs
    assert {entry["column"] for entry in inputs} == {"size", "colour", "seen", "site", "weight", "large", "place"}
    assert len(predictor.predict("table.csv")) == 120
