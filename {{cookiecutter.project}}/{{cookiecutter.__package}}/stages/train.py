"""train: cross-validate the model that params.yaml names, fit it on all training rows, save it."""

from contextlib import suppress

import numpy as np
from dvclive import Live
from tqdm import tqdm

from .. import metrics, model, params
from ..core import cluster, model_file, records
from ..core import schema as schemas
from ..core.columns import estimator_inputs
from ..core.errors import UserError
from ..core.estimators import dummy
from ..core.files import write_json
from ..core.folds import Fold, curve_folds, make_folds, score_folds
from ..core.live import open_live
from ..core.paths import ENVIRONMENT, ESTIMATOR, FEATURES, TRAIN, TRAIN_RESULTS
from ..core.predictions import predict
from ..core.samples import MAX_TRAIN_SCORED, sample


def main() -> None:
    settings = params.load().train
    schema = schemas.load()
    table = schema.read(TRAIN)
    features, labels = schema.features(table), schema.labels(table)
    pipeline = model.build(settings, schema)
    scoring = metrics.scoring_name(settings.scoring, schema.task, schema.positive)
    scorer = metrics.scorer(scoring, schema.positive)
    folds = make_folds(table, labels, schema, n_splits=settings.n_splits, seed=settings.seed)
    shares = sorted({share for share in settings.train_sizes if share < 1} | {1.0})
    few = curve_folds(folds)
    fits = len(few) * (len(shares) - 1) + len(folds) + 1
    counts = f"{len(folds)} folds" + (f" ({len(few)} below 1.0)" if len(few) < len(folds) else "")
    print(f"{settings.model}: {fits} fits: {counts} at {len(shares)} train_sizes, then all rows", flush=True)

    # The bar is left out if stderr is not a terminal.
    with open_live(TRAIN_RESULTS) as live, tqdm(total=fits, unit="fit", leave=False, disable=None) as bar:

        def cross_validate(folds: list[Fold], share: float) -> dict[str, np.ndarray]:
            parts = [(train[: round(share * len(train))], validation) for train, validation in folds]
            return score_folds(pipeline, features, labels, parts, scorer, scoring=scoring, on_fit=bar.update)

        with cluster.fits():  # on all cores, and the folds on a Dask cluster if DASK_SCHEDULER_ADDRESS is set
            for share in shares[:-1]:
                with suppress(UserError):  # too few rows; any other error will come again with all rows
                    log_step(live, cross_validate(few, share), few, share)
            scores = log_cross_validation(live, cross_validate(folds, 1.0), folds)
            pipeline.fit(features, labels)
        bar.update()
        dummy_scores = score_folds(dummy(schema.task), features, labels, folds, scorer, scoring=scoring)
        dummy_score = float(np.mean(dummy_scores["test_score"]))
        live.log_metric("dummy_cv_mean", dummy_score, plot=False)
        rows = sample(len(features), MAX_TRAIN_SCORED, settings.seed)
        predictions = predict(pipeline, features.iloc[rows])
        for name, value in metrics.score(labels[rows], predictions, schema.positive).items():
            live.log_metric(f"train_{name}", value, plot=False)

    model_file.save(pipeline, features.head(1))
    write_json(ESTIMATOR, records.describe_estimator(pipeline["model"]))
    write_json(FEATURES, estimator_inputs(pipeline))
    write_json(ENVIRONMENT, records.describe_environment(pipeline["model"]))
    print(f"{settings.model}: {scoring} {np.mean(scores):.3f} ± {np.std(scores):.3f} over {len(folds)} folds")
    print(f"dummy model, which always predicts the most frequent class or the mean: {dummy_score:.3f}")


def log_cross_validation(live: Live, scores: dict[str, np.ndarray], folds: list[Fold]) -> np.ndarray:
    """Log the last step of the learning curve, and the score of each fold; return the latter, (folds,)."""
    log_step(live, scores, folds, 1.0)
    live.step = None  # type: ignore[assignment]  # the step counts rows: dvclive would list it among the metrics
    live.log_metric("cv_std", float(np.std(scores["test_score"])), plot=False)
    bars = [{"fold": f"fold {i}", "score": float(value)} for i, value in enumerate(scores["test_score"], start=1)]
    live.log_plot("folds", bars, x="score", y="fold", template="bar_horizontal")
    return scores["test_score"]


def log_step(live: Live, scores: dict[str, np.ndarray], folds: list[Fold], share: float) -> None:
    live.step = round(share * float(np.mean([len(train) for train, _ in folds])))
    live.log_metric("cv_train_mean", float(np.mean(scores["train_score"])))
    live.log_metric("cv_mean", float(np.mean(scores["test_score"])))


if __name__ == "__main__":
    main()
