"""evaluate: score the model on the test rows, once."""

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from .. import metrics, params
from ..core import curves, model_file, records
from ..core import schema as schemas
from ..core.estimators import dummy
from ..core.files import atomic_write
from ..core.live import open_live
from ..core.paths import EVALUATE_RESULTS, PREDICTIONS, TEST, TRAIN, TRAIN_METRICS
from ..core.predictions import Predictions, predict, predict_table
from ..core.schema import Schema


def main() -> None:
    settings = params.load().evaluate
    schema = schemas.load()
    pipeline = model_file.load()
    model_file.check(pipeline, schema)

    tested = predict_table(pipeline, schema, TEST, max_sample=settings.max_predictions, seed=settings.seed)
    labels, predictions, table = tested.labels, tested.predictions, tested.table
    # Metrics are of all rows; plots, importance and predictions.csv of a sample of a large table.
    some_labels, some = labels[tested.sample], predictions.of(tested.sample)
    scores = metrics.score(labels, predictions, schema.positive)
    if schema.task == "regression":
        plots = curves.number_plots(some_labels, some)
    else:
        plots = curves.class_curves(some_labels, some, schema.positive)
        plots["confusion"] = curves.confusion(labels, predictions)
        if not predictions.has_probabilities:
            print("plots of probabilities are left out: the model has no predict_proba")
        else:
            scores |= metrics.coverage_at(settings.confidence_threshold, labels, predictions)
            plots["confidence"] = coverage_curve(some_labels, some)
    dummy_scores = score_dummy(schema, labels)

    with open_live(EVALUATE_RESULTS) as live:
        for name, value in scores.items():
            live.log_metric(f"test_{name}", value, plot=False)
        live.log_metric("overfit_gap", overfit_gap(scores, schema), plot=False)
        for name, value in dummy_scores.items():
            live.log_metric(f"dummy_test_{name}", value, plot=False)
        bars = importance(pipeline, schema.features(table), some_labels, schema, settings)
        live.log_plot("importance", bars, x="importance", y="feature")
        for name, (x, y) in curves.AXES.items():
            live.log_plot(name, plots.get(name, []), x=x, y=y)
    save_predictions(some, some_labels, table.drop(columns=schema.target))
    print("test rows: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
    print("dummy model: " + ", ".join(f"{name} {value:.3f}" for name, value in dummy_scores.items()))


def overfit_gap(scores: dict[str, float], schema: Schema) -> float:
    """The main score on the training rows less the same on the test rows."""
    main_score = metrics.SCORING[schema.task][0]
    trained = records.read(TRAIN_METRICS, f"train_{main_score}")
    return trained[f"train_{main_score}"] - scores[main_score]


def score_dummy(schema: Schema, labels: np.ndarray) -> dict[str, float]:
    """The scores on the test rows of a model that sees only the training labels."""
    known = schema.labels(schema.read(TRAIN, [schema.target]))
    fitted = dummy(schema.task).fit(known, known)
    return metrics.score(labels, predict(fitted, pd.DataFrame(index=range(len(labels)))), schema.positive)


def importance(
    pipeline: Pipeline, features: pd.DataFrame, labels: np.ndarray, schema: Schema, settings: params.Evaluate
) -> list[dict[str, object]]:
    """The drop of the score if a raw column is shuffled (Breiman, 2001), the largest first.

    Of many columns, only those with the best single-feature scores are shuffled.
    """
    limits = settings.importance
    if len(features) > limits.max_samples:
        rows = np.random.default_rng(settings.seed).choice(len(features), limits.max_samples, replace=False)
        features, labels = features.iloc[rows], labels[rows]
    by_score = sorted(features, key=lambda name: -schema.column(name).single_feature_score)
    chosen = by_score[: limits.max_features]
    if len(chosen) < features.shape[1]:
        print(f"importance of the {len(chosen)} columns, of {features.shape[1]}, with the best single-feature scores")
    shuffled = features[[name for name in features if name in chosen]]
    rest = features.drop(columns=chosen)
    drops = permutation_importance(
        pipeline,
        shuffled,
        labels,
        scoring=lambda fitted, columns, labels: fitted.score(columns.join(rest)[list(features)], labels),
        n_repeats=limits.n_repeats,
        random_state=settings.seed,
    )
    order = np.argsort(-drops.importances_mean, kind="stable")
    return [{"feature": shuffled.columns[i], "importance": float(drops.importances_mean[i])} for i in order]


def coverage_curve(labels: np.ndarray, predictions: Predictions) -> list[dict[str, float]]:
    """Coverage and selective accuracy at every hundredth up to the highest confidence."""
    thresholds = [i / 100 for i in range(101) if i / 100 <= predictions.confidence.max()]
    return [{"threshold": t, **metrics.coverage_at(t, labels, predictions)} for t in thresholds]


def save_predictions(predictions: Predictions, labels: np.ndarray, table: pd.DataFrame) -> None:
    """Write each row with its prediction, and the probability of the predicted class if there is one."""
    columns = {"actual": labels, "predicted": predictions.labels}
    if predictions.has_probabilities:
        columns["probability"] = predictions.confidence
    # Not assign: a column of the table may have one of these names.
    rows = pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)
    with atomic_write(PREDICTIONS) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
