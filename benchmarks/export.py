"""export on 100 and 1,000 experiments, trackers within the stages, and served models: python -m benchmarks.export.

The experiments are made up with Git's own commands, which is much quicker than to run them. --many adds 1,000.
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .__main__ import COMMIT, TEMPLATE, generate, run, seconds

EXPERIMENTS, MANY = 100, 1000
ROUNDS = 3
# Run in the project: reads, imports and exports, each timed.
EXPORT = """
import json, sys, time
from argparse import Namespace
from penguins.toolbox import experiments
from penguins.toolbox.export import export
reading = []
load = experiments.load
def timed_load(*arguments, **options):
    start = time.perf_counter()
    table = load(*arguments, **options)
    reading.append(time.perf_counter() - start)
    return table
experiments.load = timed_load
options = {"all": False, "where": None, "models": "none", "prune": False, "dry_run": False, "json": False}
arguments = Namespace(tool=sys.argv[1], uri=None, project=None, entity=None, follow=False, **options)
start = time.perf_counter()
writer = export.open_writer(arguments)
opened = time.perf_counter()
summary = export.export_once(writer, arguments)
writer.close()
end = time.perf_counter()
print(json.dumps({
    "start": opened - start, "read": sum(reading), "export": end - opened - sum(reading), "added": summary["added"]
}))
"""
PLAIN = "from penguins.stages import train; train.main()"
AUTOLOG = f"import mlflow; mlflow.set_tracking_uri('sqlite:///stage.db'); mlflow.sklearn.autolog(); {PLAIN}"
IN_STAGE_WANDB = f"import wandb; run = wandb.init(mode='offline', dir='stage'); {PLAIN}; run.finish()"
# Run in the project: a row and 10,000 rows through our MLflow model and through mlflow.sklearn's of the same pipeline.
LATENCY = """
import json, statistics, sys, time, warnings
import mlflow, pandas as pd
from mlflow import MlflowClient
from penguins import Predictor
warnings.simplefilter("ignore")
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = MlflowClient()
(experiment,) = [e for e in client.search_experiments() if e.name == "penguins"]
ours = mlflow.pyfunc.load_model(client.search_logged_models([experiment.experiment_id])[0].model_uri)
predictor = Predictor.load()
mlflow.sklearn.save_model(predictor.pipeline, "sklearn_model", serialization_format="cloudpickle")
theirs = mlflow.pyfunc.load_model("sklearn_model")
raw = pd.read_csv("data/raw/penguins.csv").drop(columns="sex")
many = pd.concat([raw] * 30, ignore_index=True).head(10_000)
features = predictor.schema.features(many)
def median(work, rounds):
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter(); work(); times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])
print(json.dumps({
    "ours, one row": median(lambda: ours.predict(many.head(1)), 50),
    "Predictor, one row": median(lambda: predictor.predict(many.head(1)), 50),
    "mlflow.sklearn, one row": median(lambda: theirs.predict(features.head(1)), 50),
    "ours, 10,000 rows": median(lambda: ours.predict(many), 5),
    "Predictor, 10,000 rows": median(lambda: predictor.predict(many), 5),
    "mlflow.sklearn, 10,000 rows": median(lambda: theirs.predict(features), 5),
}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        generate(TEMPLATE, Path(name))
        project = Path(name) / "penguins"
        run(project, "dvc", "repro", "--quiet")
        run(project, "git", "add", "-A")
        run(project, *COMMIT)
        print("| pipeline | seconds of train | over a plain run |\n|---|---|---|")
        report_trackers(project)
        print("\n| rows | our MLflow model | Predictor | mlflow.sklearn |\n|---|---|---|---|")
        report_latency(project)
        print("\n| experiments | tool | start of the tool | read | export | again |\n|---|---|---|---|---|---|")
        made = 0
        for count in (EXPERIMENTS, *((MANY,) if "--many" in sys.argv else ())):
            make_experiments(project, range(made, count))
            made = count
            for tool in ("mlflow", "wandb"):
                report_export(project, tool, count)


def report_trackers(project: Path) -> None:
    """The train stage in a process of its own: plain, with each tracker inside, in turn."""
    variants = {"plain, and with `export` afterwards": PLAIN, "mlflow.sklearn.autolog": AUTOLOG, "W&B": IN_STAGE_WANDB}
    (project / "stage").mkdir()
    rounds = [{name: seconds(python(project, code)) for name, code in variants.items()} for _ in range(ROUNDS + 1)][1:]
    plain, *_ = variants
    for name in variants:
        over = statistics.median(times[name] - times[plain] for times in rounds)
        print(f"| {name} | {statistics.median(times[name] for times in rounds):.1f} | {over:+.1f} |", flush=True)
    for left in ("stage", "stage.db", "mlruns"):
        shutil.rmtree(project / left) if (project / left).is_dir() else (project / left).unlink(missing_ok=True)


def python(project: Path, code: str, *arguments: str) -> Callable[[], None]:
    return lambda: run(project, "python", "-c", code, *arguments)


def output(project: Path, code: str, *arguments: str) -> dict[str, float]:
    """The JSON in the last line that a script prints."""
    environment = os.environ | {"PWD": str(project)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def report_latency(project: Path) -> None:
    run(project, "python", "-m", "penguins", "export", "mlflow")
    times = output(project, LATENCY)
    for rows in ("one row", "10,000 rows"):
        values = " | ".join(f"{times[f'{name}, {rows}']:.1f} ms" for name in ("ours", "Predictor", "mlflow.sklearn"))
        print(f"| {rows} | {values} |", flush=True)


def report_export(project: Path, tool: str, count: int) -> None:
    for left in (*project.glob("mlflow.db*"), project / "mlruns", project / "wandb"):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    first, again = output(project, EXPORT, tool), output(project, EXPORT, tool)
    assert (first["added"], again["added"]) == (count + 1, 0)
    times = " | ".join(f"{first[part]:.1f}" for part in ("start", "read", "export"))
    print(f"| {count} | {tool} | {times} | {again['export']:.1f} |", flush=True)


def make_experiments(project: Path, numbers: range) -> None:
    """Make experiments of params and scores that are made up: commits that refs of DVC point to."""
    texts = {path: git(project, "show", f"HEAD:{path}") for path in ("params.yaml", "dvc.lock", METRICS)}
    head = git(project, "rev-parse", "HEAD").strip()
    index = {"GIT_INDEX_FILE": str(project / ".git/benchmark-index")}
    git(project, "read-tree", head, **index)
    for number in numbers:
        for path, text in changed(texts, number).items():
            blob = git(project, "hash-object", "-w", "--stdin", text=text).strip()
            git(project, "update-index", "--cacheinfo", f"100644,{blob},{path}", **index)
        tree = git(project, "write-tree", **index).strip()
        commit = git(project, *COMMIT[1:5], "commit-tree", tree, "-p", head, "-m", f"dvc: commit {number}").strip()
        git(project, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/made-up-{number}", commit)


METRICS = "results/train/metrics.json"


def changed(texts: dict[str, str], number: int) -> dict[str, str]:
    """The files of an experiment whose results belong to its params, as dvc.lock has both."""
    metrics = json.dumps(json.loads(texts[METRICS]) | {"cv_mean": 0.9 - number % 97 / 1000})
    params, lock = (
        texts[path].replace("n_estimators: 100", f"n_estimators: {1000 + number}", 1)
        for path in ("params.yaml", "dvc.lock")
    )
    old, new = (hashlib.md5(text.encode()).hexdigest() for text in (texts[METRICS], metrics))
    return {"params.yaml": params, "dvc.lock": lock.replace(old, new), METRICS: metrics}


def git(project: Path, *arguments: str, text: str | None = None, **variables: str) -> str:
    environment = os.environ | variables
    done = subprocess.run(
        ["git", *arguments], cwd=project, env=environment, input=text, check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"\nmeasured in {time.perf_counter() - start:.0f} s")
