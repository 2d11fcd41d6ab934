"""A made-up table to run the pipeline on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
yaml = YAML(typ="safe", pure=True)


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The project's params.yaml with a made-up table, in an empty folder; `params(section={...})` changes it."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    size = random.normal(size=120)
    table = pd.DataFrame(
        {
            "size": size,
            "colour": random.choice(["red", "green", None], 120),
            "seen": pd.date_range("2024-01-01", periods=120).strftime("%Y-%m-%d"),
            "site": random.choice(list("abcdefgh"), 120),
            "kind": np.where(size + random.normal(scale=0.5, size=120) > 0, "large", "small"),
            "weight": size * 3 + random.normal(size=120),
        }
    )
    table.loc[::10, "size"] = np.nan
    table.to_csv("table.csv", index=False)
    values = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["data"] |= {"path": "table.csv", "target": "kind", "task": "classification"}
    values["prepare"] |= {"split": "random", "by": None, "test_size": 0.25}
    values["train"] |= {"model": "random_forest", "scoring": None, "folds": 3, "learning_curve": [0.5, 1.0]}
    values["train"]["random_forest"] |= {"n_estimators": 10}

    def change(**sections):
        for name, section in sections.items():
            values[name] |= section
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(values, file)

    change()
    return change
