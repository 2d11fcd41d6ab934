"""Where the stages write, from the project's root; dvc.yaml lists the same paths."""

from pathlib import Path

PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")

RAW = Path("data/raw")
TRAIN = Path("data/prepared/train.parquet")
TEST = Path("data/prepared/test.parquet")
SCHEMA = Path("data/prepared/schema.json")
PROFILE = Path("data/prepared/profile.json")

MODEL = Path("models/model.skops")
ESTIMATOR = Path("models/model.json")  # the estimator's class and hyperparameters
FEATURES = Path("models/features.json")
ENVIRONMENT = Path("models/environment.json")

PREPARE_METRICS = Path("results/prepare/metrics.json")
TRAIN_RESULTS = Path("results/train")
TRAIN_METRICS = TRAIN_RESULTS / "metrics.json"
FOLDS = TRAIN_RESULTS / "plots/custom/folds.json"
EVALUATE_RESULTS = Path("results/evaluate")
TEST_METRICS = EVALUATE_RESULTS / "metrics.json"
PREDICTIONS = EVALUATE_RESULTS / "predictions.csv"
SWEEPS = Path("results/sweep")
