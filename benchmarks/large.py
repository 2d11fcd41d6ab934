"""prepare, train and the whole pipeline on large tables, beside plain scripts: python -m benchmarks.large [ROWS ...].

Default: 100,000 rows. Each script runs in a process of its own, in turn with the others: medians of wall and CPU seconds
and of peak memory, over three rounds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from .__main__ import COMMIT, TEMPLATE, run

ROUNDS = 3
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
# What people write first: CSV to CSV.
PREPARE = """
import pandas as pd
from sklearn.model_selection import train_test_split
table = pd.read_csv("data/raw/table.csv").drop_duplicates()
train, test = train_test_split(table, test_size=0.2, random_state=0, stratify=table["y"])
train.to_csv("plain_train.csv", index=False)
test.to_csv("plain_test.csv", index=False)
"""
# The cross-validation and the fit that train does, of the same pipeline on the same folds.
TRAIN = """
import pandas as pd
from sklearn.model_selection import cross_validate
from penguins import metrics, model, params
from penguins.core import schema as schemas
from penguins.core.folds import make_folds
from penguins.core.paths import TRAIN
settings, schema = params.load().train, schemas.load()
table = pd.read_parquet(TRAIN)
features, labels = schema.features(table), schema.labels(table)
folds = make_folds(table, labels, schema, n_splits=settings.n_splits, seed=settings.seed)
pipeline = model.build(settings, schema)
cross_validate(pipeline, features, labels, cv=folds, scoring="accuracy")
pipeline.fit(features, labels)
"""
# A whole project in one file.
PLAIN = """
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate, train_test_split
table = pd.read_csv("data/raw/table.csv").drop_duplicates()
table["seen"] = pd.to_datetime(table["seen"]).astype("int64")
for name in ("city", "plan"):
    table[name] = table[name].astype("category")
train, test = train_test_split(table, test_size=0.2, random_state=0, stratify=table["y"])
model = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
print(cross_validate(model, train.drop(columns="y"), train["y"], cv=folds)["test_score"].mean())
model.fit(train.drop(columns="y"), train["y"])
print(model.score(test.drop(columns="y"), test["y"]))
"""


class Cost(NamedTuple):
    """Wall and CPU seconds of a process and its children, and the peak of its memory in bytes."""

    wall: float
    cpu: float
    peak: int


def main() -> None:
    print(
        "| rows | work | wall, s | CPU, s | peak, MB | / reference: wall | CPU | peak |\n|---|---|---|---|---|---|---|---|"
    )
    for rows in [int(word) for word in sys.argv[1:]] or [100_000]:
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "table.csv"
            make_table(rows).to_csv(source, index=False)
            run(Path(name), "cookiecutter", str(TEMPLATE), "--no-input", f"data_path={source}", "target=y")
            report(Path(name) / "penguins", rows)


def make_table(rows: int) -> pd.DataFrame:
    """Numbers, categories and dates, and two classes of which the best model finds four in five."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({f"x{i}": random.normal(size=rows).round(4) for i in range(6)})
    table["k"] = random.integers(0, 50, rows)
    table["amount"] = random.exponential(100, rows).round(2)
    table["city"] = random.choice([f"city {i}" for i in range(40)], rows)
    table["plan"] = random.choice(["free", "pro", "team"], rows)
    days = pd.to_timedelta(random.integers(0, 1500, rows), unit="D")
    table["seen"] = (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d")
    score = table["x0"] + table["x1"] * table["x2"] + (table["plan"] == "pro") + 0.8 * (table["amount"] > 150)
    table["y"] = np.where(score + random.normal(size=rows) > 0.6, "yes", "no")
    return table


def report(project: Path, rows: int) -> None:
    """Print a row for each work and its reference, which take turns."""
    run(project, "dvc", "repro", "--quiet")
    run(project, "git", "add", "-A")
    run(project, *COMMIT)
    python = sys.executable
    pairs = {
        "prepare": ([python, "-m", "penguins.stages.prepare"], [python, "-c", PREPARE]),
        "train": ([python, "-m", "penguins.stages.train"], [python, "-c", TRAIN]),
        "dvc repro, cold": (["dvc", "repro", "--quiet", "--force", "--no-run-cache"], [python, "-c", PLAIN]),
    }
    for work, (ours, reference) in pairs.items():
        rounds = [(cost(project, ours), cost(project, reference)) for _ in range(ROUNDS)]
        mine, other = (Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in zip(*rounds, strict=True))
        ratios = " | ".join(f"{a / b:.2f}" for a, b in zip(mine, other, strict=True))
        for name, value in ((work, mine), (f"{work}: plain script", other)):
            values = f"{value.wall:.1f} | {value.cpu:.1f} | {value.peak / 1e6:.0f}"
            print(f"| {rows} | {name} | {values} | {ratios if value is mine else '| |'} |", flush=True)


def cost(project: Path, command: list[str]) -> Cost:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}", "PWD": str(project)}
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * UNIT)


if __name__ == "__main__":
    main()
