"""Run the template on the tables of the corpus: python -m corpus [development|reported|all] [--only NAME ...].

For each table: generate a project through cookiecutter, run the three stages, and cross-validate scikit-learn's
HistGradientBoosting with its default settings on the same folds. A CSV gets one row per table; the tables of
docs/corpus.md are printed.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from .tables import TEMPLATE, Table, tables

WORKERS = 2
MAX_CATEGORIES = 254  # that HistGradientBoosting can hold
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="all", choices=["development", "reported", "all"])
    parser.add_argument("--output", default="corpus.csv", help="CSV of results (default: corpus.csv)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="texts, one of which a name contains")
    arguments = parser.parse_args()
    chosen = [
        table
        for table in tables()
        if arguments.part in (table.part, "all") and any(text in table.name for text in arguments.only)
    ]
    if not chosen:
        parser.error(f"--only: {' '.join(arguments.only)}: no table of this part has such a name")
    rows = []
    with ProcessPoolExecutor(max_workers=WORKERS) as pool:
        for done, future in enumerate(as_completed(pool.submit(run, table) for table in chosen), start=1):
            rows.append(future.result())
            print(f"{done}/{len(chosen)} {rows[-1]['table']}: {rows[-1]['outcome']} {rows[-1]['message']}", flush=True)
    results = pd.DataFrame(rows).sort_values("table")
    results.to_csv(arguments.output, index=False, lineterminator="\n")
    print(outcomes(results))
    trained = results[results.outcome == "trained"]
    if len(trained):
        print(f"\n{quality(trained)}")


def run(table: Table, reference: bool = True) -> dict[str, object]:
    """The outcome of one table: trained, refused (with the message), or crashed (with the last line of the traceback).

    reference: whether to cross-validate plain HistGradientBoosting too.
    """
    start = time.perf_counter()
    row = {"table": table.name, "part": table.part, "target": table.target, "outcome": "trained", "message": ""}
    # Two workers that both use all cores would wait for each other.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), threadpool_limits(1):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                row |= run_stages(table, Path(folder))
                if reference:
                    row["plain_cv_mean"] = plain_cv_mean()
        except RefusedError as refusal:
            row |= {"outcome": "refused", "message": str(refusal)}
        except Exception:  # noqa: BLE001 - a crash is a result, to be counted
            row |= {"outcome": "crashed", "message": traceback.format_exc().strip().splitlines()[-1]}
        row["seconds"] = round(time.perf_counter() - start, 1)
    return row


class RefusedError(Exception):
    """The template or a stage refused the table, in one line."""


def run_stages(table: Table, folder: Path) -> dict[str, object]:
    generate(table, folder)
    project = folder / "corpus-project"
    os.chdir(project)
    # Every project has the same package: a worker imports it once, from its first project.
    if "corpus_project" not in sys.modules:
        sys.path.insert(0, str(project))
    errors = importlib.import_module("corpus_project.core.errors")
    stages = [importlib.import_module(f"corpus_project.stages.{name}") for name in ("prepare", "train", "evaluate")]
    replace_in("params.yaml", "train_sizes: [0.1, 0.3, 1.0]", "train_sizes: [1.0]")
    try:
        for stage in stages:
            stage.main()
    except errors.UserError as error:
        raise RefusedError(str(error)) from error
    return measures()


def generate(table: Table, folder: Path) -> None:
    path = table.path
    if path.suffix == ".dta":
        path = folder / f"{path.stem}.parquet"
        pd.read_stata(table.path).to_parquet(path)
    answers = {"project": "corpus-project", "data_path": str(path), "target": f"{{{{ {table.target!a} }}}}"}
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input"]
    command += [f"{name}={value}" for name, value in answers.items()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr.partition("\n")[0])


def replace_in(file: str, old: str, new: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    assert old in text, old
    Path(file).write_text(text.replace(old, new), encoding="utf-8")


def measures() -> dict[str, object]:
    """The size of the table, as the model sees it, and the scores of the default model."""
    from corpus_project.core import paths
    from corpus_project.core import schema as schemas

    schema = schemas.load()
    train = json.loads(paths.TRAIN_METRICS.read_text(encoding="utf-8"))
    test = json.loads(paths.TEST_METRICS.read_text(encoding="utf-8"))
    return {
        "task": schema.task,
        "rows": schema.train_rows + schema.test_rows,
        "features": len(schema.names()),
        "cv_mean": train["cv_mean"],
        "dummy_cv_mean": train["dummy_cv_mean"],
        "test_score": test["test_accuracy" if schema.task == "classification" else "test_r2"],
    }


def plain_cv_mean() -> float:
    """The cross-validated score of plain HistGradientBoosting on the same rows, columns and folds."""
    from corpus_project import metrics, params
    from corpus_project.core import paths
    from corpus_project.core import schema as schemas
    from corpus_project.core.folds import make_folds

    settings, schema = params.load().train, schemas.load()
    frame = pd.read_parquet(paths.TRAIN)
    labels, features = schema.labels(frame), schema.features(frame)
    for name in schema.names("category") + schema.names("text"):
        common = features[name].value_counts().index[:MAX_CATEGORIES]
        features[name] = features[name].where(features[name].isin(common)).astype("category")
    for name in schema.names("date"):
        features[name] = features[name].astype("int64")
    is_classification = schema.task == "classification"
    plain = HistGradientBoostingClassifier if is_classification else HistGradientBoostingRegressor
    scores = cross_val_score(
        plain(categorical_features="from_dtype", random_state=0),
        features,
        labels,
        cv=make_folds(frame, labels, schema, n_splits=settings.n_splits, seed=settings.seed),
        scoring=metrics.scorer(metrics.scoring_name(settings.scoring, schema.task)),
    )
    return float(scores.mean())


def outcomes(results: pd.DataFrame) -> str:
    """The table of outcomes, in Markdown."""
    lines = ["| part | tables | trained | refused | crashed | median seconds |", "|---|---|---|---|---|---|"]
    for part, rows in results.groupby("part"):
        counts = rows.outcome.value_counts().reindex(["trained", "refused", "crashed"], fill_value=0)
        share = f"{counts['trained']} ({counts['trained'] / len(rows):.1%})"
        values = [part, len(rows), share, counts["refused"], counts["crashed"], rows.seconds.median()]
        lines.append("| " + " | ".join(map(str, values)) + " |")
    return "\n".join(lines)


def quality(trained: pd.DataFrame) -> str:
    """How the default model's cross-validated score differs from plain HistGradientBoosting's, in Markdown."""
    lines = ["| part | task | tables | 10% | 25% | median | 75% | 90% | above the dummy model |", "|" + "---|" * 9]
    for (part, task), rows in trained.groupby(["part", "task"]):
        difference = rows.cv_mean - rows.plain_cv_mean
        quantiles = [f"{difference.quantile(share):+.3f}" for share in QUANTILES]
        values = [part, task, len(rows), *quantiles, f"{(rows.cv_mean > rows.dummy_cv_mean).mean():.0%}"]
        lines.append("| " + " | ".join(map(str, values)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
