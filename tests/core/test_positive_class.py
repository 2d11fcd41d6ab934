"""Scores of a binary target: of the positive class if there is one, else the mean over classes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example import metrics
from example.core.clean import positive_class
from example.core.errors import UserError
from example.core.predictions import Predictions
from example.stages import evaluate, prepare, train
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

BINARY = ("precision", "recall", "f1", "average_precision", "roc_auc")


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        ([0, 1], 1),
        (["0", "1"], "1"),
        (["no", "yes"], "yes"),
        (["N", "Y"], "Y"),
        (["False", "True"], "True"),
        (["FALSE", "TRUE"], "TRUE"),
        (["female", "male"], None),
        ([1, 2], None),
        (["no", "perhaps", "yes"], None),
        (None, None),
    ],
)
def test_the_positive_class_is_inferred_if_it_is_plain(classes, positive):
    assert positive_class(classes, None) == positive


def test_the_positive_class_can_be_given():
    assert positive_class(["female", "male"], "female") == "female"
    assert positive_class([1, 2], 2) == 2
    assert positive_class(["False", "True"], False) == "False"


@pytest.mark.parametrize(
    ("classes", "given", "message"),
    [
        (
            ["female", "male"],
            "Male",
            "data.positive: 'Male': is not one of two classes: the target has the classes 'fem",
        ),
        (["a", "b", "c"], "a", "data.positive: 'a': is not one of two classes"),
        (None, "a", "data.positive: 'a': is not one of two classes: the target is a number"),
    ],
)
def test_a_wrong_positive_class_is_refused(classes, given, message):
    with pytest.raises(UserError, match=message):
        positive_class(classes, given)


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    y_true = random.choice(["bad", "good"], 200)
    bad = np.where(y_true == "bad", 0.6, 0.4) + random.normal(scale=0.2, size=200)
    bad = bad.clip(0, 1)
    labels = np.where(bad > 0.5, "bad", "good").astype(object)
    predictions = Predictions(labels, np.array(["bad", "good"], dtype=object), np.column_stack([bad, 1 - bad]))
    scores = metrics.score(y_true.astype(object), predictions, positive="bad")
    assert scores["precision"] == precision_score(y_true, labels, pos_label="bad")
    assert scores["recall"] == recall_score(y_true, labels, pos_label="bad")
    assert scores["f1"] == f1_score(y_true, labels, pos_label="bad")
    assert scores["average_precision"] == average_precision_score(y_true, bad, pos_label="bad")
    assert scores["roc_auc"] == roc_auc_score(y_true == "bad", bad)
    means = metrics.score(y_true.astype(object), predictions)
    assert means["f1_macro"] == f1_score(y_true, labels, average="macro")
    assert means["roc_auc_macro"] == pytest.approx(scores["roc_auc"])


@pytest.mark.parametrize("scoring", ["average_precision", "f1", "roc_auc"])
def test_the_pipeline_scores_and_draws_the_positive_class(params, scoring):
    params(data={"positive": "large"}, train={"scoring": scoring})
    for stage in (prepare, train, evaluate):
        stage.main()
    results = {stage: json.loads(Path(f"results/{stage}/metrics.json").read_text()) for stage in ("train", "evaluate")}
    assert {f"train_{name}" for name in BINARY} <= results["train"].keys()
    assert {f"test_{name}" for name in BINARY} <= results["evaluate"].keys()
    assert not [name for name in results["evaluate"] if name.endswith("_macro")]
    assert 0.5 < results["train"]["cv_mean"] <= 1
    tested = pd.read_csv("results/evaluate/predictions.csv")
    precision = precision_score(tested["actual"], tested["predicted"], pos_label="large")
    assert results["evaluate"]["test_precision"] == precision
    curve = json.loads(Path("results/evaluate/plots/custom/roc.json").read_text())
    assert {point["class"] for point in curve} == {"large"}


def test_a_score_of_one_class_needs_a_positive_class(params):
    params(train={"scoring": "f1"})
    prepare.main()
    with pytest.raises(UserError, match=r"train\.scoring: 'f1': is a score of one class: set data\.positive"):
        train.main()
