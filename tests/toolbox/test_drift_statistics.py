"""The statistics of drift: against figures made by hand, and against the same statistics of all rows."""

import numpy as np
import pandas as pd
import pytest
from example.core import profile, schema
from example.core.errors import UserError
from example.core.profile import ColumnProfile
from example.stages import prepare
from example.toolbox.drift import drift, statistics
from scipy import stats

SPREADS = {
    "normal": lambda random, rows: random.normal(size=rows),
    "skewed": lambda random, rows: random.lognormal(sigma=3, size=rows),
    "with many zeros": lambda random, rows: random.normal(size=rows).clip(min=0.5),
    "few values": lambda random, rows: random.integers(0, 7, rows).astype(float),
    "one value": lambda random, rows: np.full(rows, 3.0),
    "large and near": lambda random, rows: 1e15 + random.integers(0, 999, rows),
    "half missing": lambda random, rows: np.where(random.random(rows) < 0.5, np.nan, random.normal(size=rows)),
}


def profiled(column: pd.Series, kind: str) -> ColumnProfile:
    train = pd.DataFrame({"x": column, "y": np.zeros(len(column))})
    columns = [schema.ColumnSchema(name="x", role="feature", type=kind)]
    table = schema.Schema(
        task="regression", target="y", classes=None, split="random", split_column=None,
        train_rows=len(train), test_rows=0, columns=columns,
    )  # fmt: skip
    return profile.describe(train, table).columns[0]


def both_ways(old: np.ndarray, new: np.ndarray, kind: str = "number") -> list[dict]:
    """The comparisons of the old profile with the new rows, and with their profile."""
    old, new = pd.Series(old), pd.Series(new)
    reference = profiled(old, kind)
    counts = [statistics.count(reference, new), statistics.spread(reference, profiled(new, kind))]
    return [statistics.compare(reference, current) for current in counts]


def test_the_index_by_hand():
    # Of 10 and 90 rows, and of 20 and 80, with half a row more in each bin: shares of 10.5 and 20.5 in 101.
    expected = (20.5 - 10.5) / 101 * np.log(20.5 / 10.5) + (80.5 - 90.5) / 101 * np.log(80.5 / 90.5)
    assert statistics.psi(np.array([10, 90]), np.array([20, 80])) == pytest.approx(expected)
    assert expected == pytest.approx(0.077836, abs=1e-6)


@pytest.mark.parametrize("name", ["normal", "skewed"])
def test_the_index_equals_the_index_of_all_rows_in_deciles(name):
    random = np.random.default_rng(0)
    old, new = SPREADS[name](random, 3000), SPREADS[name](random, 2000) + 0.3
    deciles = np.quantile(old, np.arange(1, 10) / 10, method="inverted_cdf")
    p, q = (np.bincount(np.searchsorted(deciles, side), minlength=10) + 0.5 for side in (old, new))
    p, q = p / p.sum(), q / q.sum()
    exact, near = both_ways(old, new)
    assert exact["psi"] == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=1e-6)
    assert near["psi"] == pytest.approx(exact["psi"], rel=0.1)


@pytest.mark.parametrize("shift", [0, 0.4])
@pytest.mark.parametrize("name", SPREADS)
def test_the_distance_is_near_the_distance_of_all_rows(name, shift):
    random = np.random.default_rng(1)
    old, new = SPREADS[name](random, 3000), SPREADS[name](random, 2000) + shift
    expected = stats.ks_2samp(*(np.nan_to_num(side, nan=-1e300) for side in (old, new)), method="asymp")
    exact, near = both_ways(old, new)
    assert exact["statistic"] == pytest.approx(expected.statistic, abs=1 / profile.N_PARTS)
    assert near["statistic"] == pytest.approx(expected.statistic, abs=2 / profile.N_PARTS)
    if name in ("few values", "one value"):
        assert exact["p"] == pytest.approx(expected.pvalue, rel=1e-3)


@pytest.mark.parametrize("name", SPREADS)
def test_the_same_rows_do_not_drift(name):
    rows = SPREADS[name](np.random.default_rng(2), 500)
    for comparison in both_ways(rows, rows[::-1]):
        assert (comparison["psi"], comparison["statistic"], comparison["p"]) == (0, 0, 1)


def test_a_new_value_is_noticed_between_and_beyond_the_others():
    old = np.array([0.0] * 50 + [1.0] * 50)
    for value in (-1, 0.5, 2):
        for comparison in both_ways(old, np.append(old, [value] * 50)):
            assert comparison["psi"] > 0.5


def test_chunks_add_up_to_the_whole():
    random = np.random.default_rng(3)
    for kind, column in (("number", random.normal(size=900)), ("category", random.choice(list("abcde"), 900))):
        reference, column = profiled(pd.Series(column[:300]), kind), pd.Series(column)
        first, second, third = (statistics.count(reference, column[start : start + 300]) for start in (0, 300, 600))
        whole, total = statistics.count(reference, column), first.add(second).add(third)
        assert (total.counts == whole.counts).all()
        assert total[1:] == whole[1:]


def categories(random: np.random.Generator, rows: int, different: int) -> np.ndarray:
    return np.array([f"c{place}" for place in random.integers(0, different, rows)], dtype=object)


@pytest.mark.parametrize("different", [2, 10, 300, 3000])
def test_categories_drift_or_do_not(different):
    random = np.random.default_rng(4)
    old, same = categories(random, 3000, different), categories(random, 3000, different)
    for comparison in both_ways(old, same, "category"):
        assert comparison["psi"] < 0.05
    if different <= profile.MAX_CATEGORIES:
        for comparison in both_ways(old, same + "x", "category"):
            assert comparison["psi"] > 5
            assert comparison["p"] < 1e-9


def test_new_categories_are_counted_by_name():
    reference = profiled(pd.Series(["a", "b"] * 30), "category")
    assert statistics.count(reference, pd.Series(["a", "c", None, "c"])).new_categories == {"c": 2}


@pytest.mark.parametrize("rows", [20, 200, 1000])
def test_halves_of_the_same_rows_seldom_drift(rows):
    """At most one pair in twenty by the test; the index removes most of those."""
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        columns = []
        for kind, column in (("number", random.normal(size=rows)), ("category", categories(random, rows, 30))):
            old, new = pd.Series(column[::2]), pd.Series(column[1::2])
            reference = profiled(old, kind)
            columns.append({"type": kind, **statistics.compare(reference, statistics.count(reference, new))})
        alarms += any(column["level"] == "drifted" for column in drift.add_levels(columns, 0.2))
    assert alarms <= 5


def test_a_table_against_a_new_file(params):
    prepare.main()
    table = pd.read_csv("table.csv")
    table.assign(size=table["size"] + 2, site=table.site.replace("a", "z"), extra=1).drop(columns="kind").to_csv(
        "new.csv"
    )
    facts = drift.compare_profiles("new.csv", None, 0.2, [])
    columns = {column["name"]: column for column in facts["columns"]}
    assert facts["drifted"] == ["size", "site"]
    assert columns["site"]["new_categories"] == {"z": (table.site == "a").sum()}
    assert (facts["lost"], facts["without_target"]) == ([], True)
    assert "extra" in facts["added"]
    assert columns["seen"]["level"] == "not judged"
    facts = drift.compare_profiles("new.csv", None, 0.2, ["size", "site"])
    assert facts["drifted"] == []
    with pytest.raises(UserError, match="--ignore sise: is not a column"):
        drift.compare_profiles("new.csv", None, 0.2, ["sise"])
