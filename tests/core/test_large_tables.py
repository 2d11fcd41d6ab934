"""Tables above a bound: train and evaluate take samples, drawn by the seed; below it, nothing is left out."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example.core import folds, model_file, paths, schema
from example.core.errors import UserError
from example.core.predictions import predict, predict_table
from example.stages import evaluate, prepare, train


@pytest.fixture
def small_bounds(monkeypatch):
    """Twenty training rows are many, and ten rows are read at a time."""
    monkeypatch.setattr(folds, "MAX_TRAIN_SCORED", 20)
    monkeypatch.setattr(train, "MAX_TRAIN_SCORED", 20)
    monkeypatch.setattr(schema, "PART_ROWS", 10)


def run_train() -> tuple[str, dict[str, float]]:
    with redirect_stdout(io.StringIO()) as output:
        train.main()
    return output.getvalue(), json.loads(paths.TRAIN_METRICS.read_text(encoding="utf-8"))


def results() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in Path("results/evaluate").rglob("*") if path.is_file()}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_learning_curve_of_a_large_table_has_two_folds_and_the_cross_validation_all(params, small_bounds):
    prepare.main()
    output, scores = run_train()
    assert "6 fits: 3 folds (2 below 1.0) at 2 train_sizes, then all rows" in output
    assert len(json.loads(Path("results/train/plots/custom/folds.json").read_text())) == 3
    curve = pd.read_csv("results/train/plots/metrics/cv_mean.tsv", sep="\t")
    assert curve["step"].tolist() == [30, 60]
    assert curve["cv_mean"].iloc[-1] == scores["cv_mean"]


def test_only_the_scores_on_training_rows_come_from_a_sample(params, monkeypatch):
    params(train={"train_sizes": [1.0]})
    prepare.main()
    _, all_rows = run_train()
    monkeypatch.setattr(folds, "MAX_TRAIN_SCORED", 20)
    monkeypatch.setattr(train, "MAX_TRAIN_SCORED", 20)
    _, some_rows = run_train()
    differing = {name for name in all_rows if all_rows[name] != some_rows[name]}
    assert {"cv_train_mean", "train_log_loss"} <= differing
    assert all("train" in name for name in differing)
    assert run_train()[1] == some_rows


def test_folds_of_twenty_thousand_training_rows_are_not_large():
    def of_size(rows):
        return [(np.arange(rows), np.arange(5))] * 5

    assert len(folds.curve_folds(of_size(20_000))) == 5
    assert len(folds.curve_folds(of_size(20_001))) == 2


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_a_table_read_in_parts_is_predicted_as_the_whole(params, small_bounds, target):
    params(data={"target": target, "task": "auto"})
    prepare.main()
    train.main()
    described, pipeline = schema.load(), model_file.load()
    table = described.read(paths.TEST)
    whole = predict(pipeline, described.features(table))
    result = predict_table(pipeline, described, paths.TEST, max_sample=12, seed=3)
    assert result.labels.tolist() == described.labels(table).tolist()
    assert result.predictions.labels.tolist() == whole.labels.tolist()
    assert np.array_equal(result.predictions.probabilities, whole.probabilities)
    assert len(set(result.sample)) == 12
    pd.testing.assert_frame_equal(result.table, table.iloc[result.sample].reset_index(drop=True))


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_a_bound_that_is_not_reached_changes_nothing(params, target):
    params(data={"target": target, "task": "auto"}, evaluate={"max_predictions": None})
    for stage in (prepare, train, evaluate):
        stage.main()
    unbounded = results()
    params(evaluate={"max_predictions": 30})  # as many as there are
    evaluate.main()
    assert results() == unbounded


def test_a_bound_on_the_predictions_leaves_the_metrics_and_the_confusion_matrix(params):
    for stage in (prepare, train, evaluate):
        stage.main()
    before, rows = results(), lines(paths.PREDICTIONS)
    params(evaluate={"max_predictions": 12})
    evaluate.main()
    after, sampled = results(), lines(paths.PREDICTIONS)
    for name in ("results/evaluate/metrics.json", "results/evaluate/plots/custom/confusion.json"):
        assert after[name] == before[name]
    assert after["results/evaluate/plots/custom/roc.json"] != before["results/evaluate/plots/custom/roc.json"]
    assert len(sampled) == 1 + 12
    assert sampled == [line for line in rows if line in sampled]  # in the order of the table
    evaluate.main()
    assert results() == after


def test_a_bound_below_one_is_refused(params):
    params(evaluate={"max_predictions": 0})
    with pytest.raises(UserError, match=r"evaluate.max_predictions"):
        evaluate.main()
