"""Run the template on every table of the corpus: python -m corpus [development|reported|all] [--output FILE].

For each table: generate a project through cookiecutter, run the three stages, and cross-validate scikit-learn's
HistGradientBoosting with its default settings on the same folds. One row a table goes to a CSV, the tables of docs/corpus.md
to the screen.
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="all", choices=["development", "reported", "all"])
    parser.add_argument("--output", default="corpus.csv", help="the CSV of results")
    parser.add_argument("--only", help="tables whose name holds this text")
    arguments = parser.parse_args()
    chosen = [t for t in tables() if arguments.part in (t.part, "all") and (arguments.only or "") in t.name]
    rows = []
    with ProcessPoolExecutor(max_workers=2) as pool:
        for done, future in enumerate(as_completed(pool.submit(run, table) for table in chosen), start=1):
            rows.append(future.result())
            print(f"{done}/{len(chosen)} {rows[-1]['table']}: {rows[-1]['outcome']} {rows[-1]['message']}", flush=True)
    results = pd.DataFrame(rows).sort_values("table")
    results.to_csv(arguments.output, index=False, lineterminator="\n")
    print(outcomes(results), quality(results[results.outcome == "trained"]), sep="\n\n")


def run(table: Table, reference: bool = True) -> dict[str, object]:
    """What became of one table: trained, refused (with the line), or crashed (with the last line of the traceback).

    reference: whether to cross-validate plain HistGradientBoosting too.
    """
    start = time.perf_counter()
    row = {"table": table.name, "part": table.part, "target": table.target, "outcome": "trained", "message": ""}
    # Two workers that both use all cores would wait for each other.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), threadpool_limits(1):
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                row |= stages(table, Path(folder))
                if reference:
                    row["plain_cv_mean"] = plain_cv_mean()
        except Refused as refusal:
            row |= {"outcome": "refused", "message": str(refusal)}
        except Exception:  # noqa: BLE001  (a crash is a result, to be counted)
            row |= {"outcome": "crashed", "message": traceback.format_exc().strip().splitlines()[-1]}
        row["seconds"] = round(time.perf_counter() - start, 1)
    return row


class Refused(Exception):
    """The template or a stage said no, in a line."""


def stages(table: Table, folder: Path) -> dict[str, object]:
    generate(table, folder)
    project = folder / "corpus-project"
    os.chdir(project)
    # The same package in every project: imported once in a worker, from the first.
    if "corpus_project" not in sys.modules:
        sys.path.insert(0, str(project))
    package = importlib.import_module("corpus_project.errors")
    modules = [importlib.import_module(f"corpus_project.stages.{name}") for name in ("prepare", "train", "evaluate")]
    replace_in("params.yaml", "learning_curve: [0.1, 0.3, 0.6, 1.0]", "learning_curve: [1.0]")
    try:
        for module in modules:
            module.main()
    except package.UserError as error:
        raise Refused(str(error)) from error
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
        raise Refused(done.stderr.partition("\n")[0])


def replace_in(file: str, old: str, new: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    assert old in text
    Path(file).write_text(text.replace(old, new), encoding="utf-8")


def measures() -> dict[str, object]:
    """The size of the table, as the model sees it, and the scores of the default model."""
    from corpus_project import metrics, schema

    found = schema.load()
    train = json.loads(Path("results/train/metrics.json").read_text(encoding="utf-8"))
    test = json.loads(Path("results/evaluate/metrics.json").read_text(encoding="utf-8"))
    return {
        "task": found.task,
        "rows": found.train_rows + found.test_rows,
        "features": len(found.names()),
        "cv_mean": train["cv_mean"],
        "baseline_cv_mean": train["baseline_cv_mean"],
        "test_score": test[metrics.SCORING[found.task][0]],
    }


def plain_cv_mean() -> float:
    """The cross-validated score of plain HistGradientBoosting on the same rows, columns and folds."""
    from corpus_project import metrics, params, schema
    from corpus_project.stages.train import cross_validation

    settings, found = params.load().train, schema.load()
    frame = pd.read_parquet(schema.TRAIN)
    labels = found.labels(frame)
    features = found.features(frame)
    for name in found.names("category") + found.names("text"):
        common = features[name].value_counts().index[:254]  # what HistGradientBoosting can hold
        features[name] = features[name].where(features[name].isin(common)).astype("category")
    for name in found.names("date"):
        features[name] = features[name].astype("int64")
    plain = HistGradientBoostingClassifier if found.task == "classification" else HistGradientBoostingRegressor
    scores = cross_val_score(
        plain(categorical_features="from_dtype", random_state=0),
        features,
        labels,
        cv=cross_validation(found, settings, frame, labels),
        scoring=metrics.scoring(settings, found.task),
    )
    return float(scores.mean())


def outcomes(results: pd.DataFrame) -> str:
    lines = ["| part | tables | trained | refused | crashed | median seconds |", "|---|---|---|---|---|---|"]
    for part, rows in results.groupby("part"):
        counts = rows.outcome.value_counts().reindex(["trained", "refused", "crashed"], fill_value=0)
        share = f"{counts['trained']} ({counts['trained'] / len(rows):.1%})"
        cells = [part, len(rows), share, counts["refused"], counts["crashed"], rows.seconds.median()]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def quality(trained: pd.DataFrame) -> str:
    """How the default model's cross-validated score differs from that of plain HistGradientBoosting."""
    lines = ["| part | task | tables | 10% | 25% | median | 75% | 90% | above the baseline |", "|" + "---|" * 9]
    for (part, task), rows in trained.groupby(["part", "task"]):
        difference = rows.cv_mean - rows.plain_cv_mean
        quantiles = [f"{difference.quantile(share):+.3f}" for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
        cells = [part, task, len(rows), *quantiles, f"{(rows.cv_mean > rows.baseline_cv_mean).mean():.0%}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
