"""The profile of any prepared table."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from example.core import paths, profile, schema
from example.stages import prepare

# name: cells and kind of a column
COLUMNS = {
    "infinities": ([1.5, np.inf, -np.inf, np.nan], "number"),
    "beyond what trees hold": ([1e308, -1e308, 1.0, 2.0], "number"),
    "near the largest integers": ([2.0**62, 2.0**62 + 4096, 0.0, -(2.0**62)], "number"),
    "truth values": ([1.0, 0.0, 1.0, np.nan], "number"),
    "nothing": ([np.nan] * 4, "number"),
    "no date": ([pd.NaT] * 4, "date"),
    "old and late dates": (pd.to_datetime(["0001-01-01", "9999-12-31", None, "2024-02-29"], format="ISO8601"), "date"),
    "dates in nanoseconds": (pd.date_range("2024-01-01", periods=4, unit="ns"), "date"),
    "no category": ([None] * 4, "category"),
    "odd categories": (["", '{"name":', "</script>", "\n\u2028"], "category"),
    "text": (["a word", None, "", "two words"], "text"),
}


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("name", COLUMNS)
def test_any_column_is_written_and_read_back(params, name, rows):
    cells, kind = COLUMNS[name]
    train = pd.DataFrame({"x": cells, "y": [3, 1, 2, 1]}).head(rows)
    columns = [
        schema.ColumnSchema(name="x", role="feature", type=kind),
        schema.ColumnSchema(name="y", role="target", type="number"),
    ]
    found = schema.Schema(
        task="classification", target="y", classes=[1, 2, 3], split="random", split_column=None,
        train_rows=rows, test_rows=0, columns=columns,
    )  # fmt: skip
    described = profile.describe(train, found)
    described.save()
    text = paths.PROFILE.read_text(encoding="utf-8")
    assert profile.Profile.model_validate_json(text) == described
    assert len(text.split("\n")) == 4  # a line per column
    column, target = described.columns
    assert column.n_missing + sum(column.counts) + sum(column.categories.values()) == rows
    assert target.categories == pd.Series(["3", "1", "2", "1"]).head(rows).value_counts().to_dict()


def test_the_profile_of_the_training_rows(params):
    prepare.main()
    train = pd.read_parquet(paths.TRAIN)
    found = json.loads(paths.PROFILE.read_text(encoding="utf-8"))
    columns = {column["name"]: column for column in found["columns"]}
    assert found["rows"] == len(train)
    assert set(columns) == {"size", "colour", "seen", "site", "weight", "kind"}
    size, kind = columns["size"], columns["kind"]
    assert size["n_missing"] == train["size"].isna().sum()
    assert [size["values"][0], size["values"][-1]] == [train["size"].min(), train["size"].max()]
    assert sum(size["counts"]) == train["size"].count()
    assert kind["categories"] == train["kind"].value_counts().to_dict()


def test_no_more_than_a_part_of_the_rows_lies_between_two_values():
    random = np.random.default_rng(0)
    for numbers in (random.normal(size=12_345), random.poisson(3, 999), random.exponential(size=101)):
        found = profile._quantiles(np.asarray(numbers, dtype=float), profile.N_PARTS)
        values, counts = np.array(found["values"]), found["counts"]
        assert counts[::2] == [(numbers == value).sum() for value in values]
        assert counts[1::2] == [((numbers > low) & (numbers < high)).sum() for low, high in pairwise(values)]
        assert max(counts[1::2]) < len(numbers) / profile.N_PARTS
