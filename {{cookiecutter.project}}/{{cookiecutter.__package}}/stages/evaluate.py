"""evaluate: score the model on the test rows, once."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from dvclive import Live
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.pipeline import Pipeline

from .. import metrics, model, params, schema
from ..files import replacing
from ..metrics import Predictions
from ..schema import Schema

RESULTS = Path("results/evaluate")
TRAIN_METRICS = Path("results/train/metrics.json")
# The plots of each task, with the x and y that dvc.yaml has; those of the other task are written empty.
PLOTS = {
    "classification": {
        "confusion": ("predicted", "actual"),
        "roc": ("false_positive_rate", "true_positive_rate"),
        "precision_recall": ("recall", "precision"),
        "calibration": ("predicted_probability", "observed_share"),
        "confidence": ("threshold", "coverage"),
    },
    "regression": {"predicted": ("actual", "predicted"), "residuals": ("predicted", "residual")},
}
CURVES = 8  # classes, the most frequent ones
POINTS = 200  # of a curve
DOTS = 1000  # of a scatter plot


def main() -> None:
    settings = params.load().evaluate
    found = schema.load()
    table = pd.read_parquet(schema.TEST)
    features, labels = found.features(table), found.labels(table)
    pipeline = model.load()

    said = metrics.predict(pipeline, features)
    scores = metrics.score(said, labels)
    main_metric = metrics.SCORING[found.task][0]
    trained = json.loads(TRAIN_METRICS.read_text(encoding="utf-8"))
    if found.task == "classification":
        scores |= metrics.at_threshold(said, labels, settings.confidence_threshold)
    scores["overfit_gap"] = trained[f"train_{main_metric}"] - scores[main_metric]
    seen = found.labels(pd.read_parquet(schema.TRAIN, columns=[found.target]))
    baseline = metrics.score(metrics.predict(model.baseline(found.task).fit(seen, seen), labels), labels)

    with Live(str(RESULTS), dvcyaml=None, save_dvc_exp=False) as live:
        for name, value in scores.items():
            live.log_metric(name, value, plot=False)
        for name, value in baseline.items():
            live.log_metric(f"baseline/{name}", value, plot=False)
        bars = importance(pipeline, features, labels, found, settings)
        live.log_plot("importance", bars, x="importance", y="feature")
        draw = class_plots if found.task == "classification" else number_plots
        points = draw(said, labels)
        for name, (x, y) in {**PLOTS["classification"], **PLOTS["regression"]}.items():
            live.log_plot(name, points.get(name, []), x=x, y=y)
    save_predictions(said, labels, table.drop(columns=found.target))
    print(", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
    print("to compare, without the features: " + ", ".join(f"{name} {value:.3f}" for name, value in baseline.items()))


def importance(
    pipeline: Pipeline, features: pd.DataFrame, labels: np.ndarray, found: Schema, settings: params.Evaluate
) -> list[dict[str, object]]:
    """How much the score drops when a column is shuffled (Breiman, 2001), in order, the largest first.

    Of many columns, those are shuffled that alone predict best.
    """
    if len(features) > settings.importance_rows:
        rows = np.random.default_rng(settings.seed).choice(len(features), settings.importance_rows, replace=False)
        features, labels = features.iloc[rows], labels[rows]
    best = sorted(features, key=lambda name: -found.column(name).alone)[: settings.importance_columns]
    if len(best) < features.shape[1]:
        print(f"importance of the {len(best)} columns, of {features.shape[1]}, that alone predict best")
    shuffled = features[[name for name in features if name in best]]
    rest = features.drop(columns=best)
    drops = permutation_importance(
        pipeline,
        shuffled,
        labels,
        scoring=lambda fitted, columns, labels: fitted.score(columns.join(rest), labels),
        n_repeats=settings.importance_repeats,
        random_state=settings.seed,
    )
    order = np.argsort(-drops.importances_mean, kind="stable")
    return [{"feature": shuffled.columns[i], "importance": float(drops.importances_mean[i])} for i in order]


def class_plots(said: Predictions, labels: np.ndarray) -> dict[str, list[dict]]:
    """The confusion matrix, accuracy and coverage by confidence threshold, and a ROC, a precision-recall and a calibration
    curve of each class against the rest.

    Of two classes, the curves are those of the second.
    """
    probabilities = pd.DataFrame(said.probabilities, columns=said.classes)
    counts = pd.crosstab(pd.Series(labels, name="actual"), pd.Series(said.labels, name="predicted"))
    thresholds = [hundredth / 100 for hundredth in range(101) if hundredth / 100 <= said.greatest.max()]
    by_threshold = [metrics.at_threshold(said, labels, threshold) for threshold in thresholds]
    plots = {"confidence": pd.DataFrame(by_threshold).assign(threshold=thresholds)}
    plots["confusion"] = counts.stack().rename("count").reset_index().astype({"actual": str, "predicted": str})
    drawn = said.classes[1:] if len(said.classes) == 2 else pd.Series(labels).value_counts().index[:CURVES]
    for label in drawn:
        is_label = labels == label
        if is_label.all() or not is_label.any() or label not in probabilities:
            continue  # no curve without both kinds of row
        probability = probabilities[label].to_numpy()
        false_positive, true_positive, _ = roc_curve(is_label, probability)
        precision, recall, _ = precision_recall_curve(is_label, probability)
        observed, expected = calibration_curve(is_label, probability, n_bins=10, strategy="quantile")
        for name, x, y in (
            ("roc", false_positive, true_positive),
            ("precision_recall", recall[::-1], precision[::-1]),
            ("calibration", expected, observed),
        ):
            plots[name] = pd.concat([plots.get(name), curve(PLOTS["classification"][name], x, y, label)])
    return {name: frame.to_dict("records") for name, frame in plots.items()}


def curve(axes: tuple[str, str], x: np.ndarray, y: np.ndarray, label: object) -> pd.DataFrame:
    """At most POINTS points of a curve, its ends among them, with their order and their class."""
    kept = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return pd.DataFrame({axes[0]: x[kept], axes[1]: y[kept], "order": range(len(kept)), "class": str(label)})


def number_plots(said: Predictions, labels: np.ndarray) -> dict[str, list[dict]]:
    """Predicted against actual values, and residuals (actual less predicted) against predicted, of the first rows."""
    actual, predicted = labels[:DOTS], said.labels[:DOTS]
    points = pd.DataFrame({"actual": actual, "predicted": predicted, "residual": actual - predicted})
    return {name: points[list(axes)].to_dict("records") for name, axes in PLOTS["regression"].items()}


def save_predictions(said: Predictions, labels: np.ndarray, table: pd.DataFrame) -> None:
    """Write every test row, its prediction, and the probability of the predicted class, to look into errors."""
    columns = {"actual": labels, "predicted": said.labels}
    if said.classes is not None:
        columns["probability"] = said.greatest
    # Not assign: a column of the table may have one of these names.
    rows = pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)
    with replacing(RESULTS / "predictions.csv") as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
