"""Measure how far the values of a column moved: population stability index and a two-sample test, from profiles."""

from collections import Counter
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import stats

from ...core.profile import MAX_CATEGORIES, ColumnProfile, cell, measured

BINS = 10  # of numbers, with about the same number of rows; a value that as many rows have is a bin of its own
MIN_BIN_FRACTION = 0.05  # share of the rows that a category needs for a bin of its own
MIN_BIN_ROWS = 5  # rows of a category, below which it may be there by chance


class BinCounts(NamedTuple):
    """How many rows lie in each interval of the reference's profile.

    Attributes:
        counts: for numbers the rows below the first value of the profile, at it, between it and the second, ..., above
            the last; for categories the rows of each, and of all others.
        missing: rows without a value.
        new_categories: rows of the categories that the profile does not have.
        is_complete: whether every category was counted, on both sides.
    """

    counts: np.ndarray
    missing: float
    new_categories: Counter[str]
    is_complete: bool = True

    @property
    def rows(self) -> float:
        return self.counts.sum() + self.missing

    def add(self, other: Self) -> "BinCounts":
        """The counts of both, of the same reference."""
        new = Counter(dict((self.new_categories + other.new_categories).most_common(MAX_CATEGORIES)))
        return BinCounts(self.counts + other.counts, self.missing + other.missing, new, self.is_complete)


# --- Counts -----------------------------------------------------------------------------------------------------------


def count(reference: ColumnProfile, column: pd.Series) -> BinCounts:
    """Count the rows of a prepared column, exactly."""
    values = measured(column, reference.type)
    present = values.dropna()
    missing = len(values) - len(present)
    if reference.type == "category":
        return _count_categories(reference, Counter(present.value_counts().to_dict()), 0, missing)
    positions = cell(np.array(reference.values), present.to_numpy())
    counts = np.bincount(positions, minlength=2 * len(reference.values) + 1)
    return BinCounts(counts.astype(float), missing, Counter())


def spread(reference: ColumnProfile, current: ColumnProfile) -> BinCounts:
    """Count the rows of another profile: exactly at its own values, and spread evenly between two of them."""
    if reference.type == "category":
        return _count_categories(reference, Counter(current.categories), current.other, current.n_missing)
    edges, values = np.array(reference.values), np.array(current.values)
    if not len(values):
        return BinCounts(np.zeros(2 * len(edges) + 1), current.n_missing, Counter())
    # Rows below the first value, up to it, below the second, up to it, ...
    ranks = np.cumsum([0, *current.counts])
    interpolated = np.interp(edges, np.repeat(values, 2), ranks, left=0, right=ranks[-1])
    position = np.minimum(np.searchsorted(values, edges), len(values) - 1)
    is_value = values[position] == edges
    below = np.where(is_value, ranks[2 * position], interpolated)
    up_to = np.where(is_value, ranks[2 * position + 1], interpolated)
    counts = np.diff([0, *np.column_stack([below, up_to]).ravel(), ranks[-1]])
    return BinCounts(counts, current.n_missing, Counter())


def _count_categories(reference: ColumnProfile, rows: Counter[str], other: int, missing: int) -> BinCounts:
    known = [rows.pop(name, 0) for name in reference.categories]
    # A profile of many categories leaves out rare ones: then a category may be known, and seem new.
    is_complete = not (reference.other or other)
    new = Counter(dict(rows.most_common(MAX_CATEGORIES))) if is_complete else Counter()
    return BinCounts(np.array([*known, rows.total() + other], dtype=float), missing, new, is_complete)


def count_reference(column: ColumnProfile) -> np.ndarray:
    """The rows of a profile in its own intervals."""
    if column.type == "category":
        return np.array([*column.categories.values(), column.other], dtype=float)
    counts = np.zeros(2 * len(column.values) + 1)
    counts[1:-1] = column.counts
    return counts


# --- Comparison -------------------------------------------------------------------------------------------------------


def compare(reference: ColumnProfile, current: BinCounts) -> dict[str, Any]:
    """Compare the current rows of a column with its reference.

    Returns:
        `psi`; `test`, `statistic` and `p`; and `bins`, each with the share of the rows in `reference` and `current`.
    """
    counts = count_reference(reference)
    if reference.type == "category":
        names, bins = _category_bins(reference, counts, current.is_complete)
        new = list(current.new_categories.values())
        # The categories that are counted by name are not among the others.
        others = current.counts[-1] - current.new_categories.total()
        test = chi_square(
            [reference.n_missing, *counts, *[0] * len(new)], [current.missing, *current.counts[:-1], others, *new]
        )
    else:
        names, bins = _number_bins(reference, counts)
        test = kolmogorov_smirnov([reference.n_missing, *counts], [current.missing, *current.counts])
    sides = {
        "reference": _sum_bins(bins, counts, reference.n_missing, len(names)),
        "current": _sum_bins(bins, current.counts, current.missing, len(names)),
    }
    index = psi(*_without_empty(*sides.values()))
    return {"psi": round(index, 6), **test, "bins": _describe_bins([*names, "(missing)"], **sides)}


def _sum_bins(bins: np.ndarray, counts: np.ndarray, missing: float, n_bins: int) -> np.ndarray:
    return np.append(np.bincount(bins, counts, minlength=n_bins), missing)


def _without_empty(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = reference + current > 0
    return reference[used], current[used]


def _describe_bins(names: list[str], reference: np.ndarray, current: np.ndarray) -> list[dict[str, Any]]:
    shares = [np.round(side / side.sum(), 6).tolist() for side in (reference, current)]
    return [
        {"bin": str(name), "reference": before, "current": after}
        for name, before, after, rows in zip(names, *shares, reference + current, strict=True)
        if rows > 0
    ]


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    """The population stability index of counts by bin: the sum of (q - p) ln(q / p) over the shares p and q of a bin.

    (N. Siddiqi: Credit Risk Scorecards, 2006; it is Jeffreys' divergence.) Half a row is added to each bin of both
    sides, so that an empty bin does not make it infinite. Without drift it is about (bins - 1) (1/n + 1/m) for n and m
    rows (B. Yurdakul: Statistical Properties of Population Stability Index, 2018).
    """
    p, q = ((side + 0.5) / (side + 0.5).sum() for side in (reference, current))
    return float(np.sum((q - p) * np.log(q / p)))


def kolmogorov_smirnov(reference: list[float], current: list[float]) -> dict[str, Any]:
    """The largest distance between the cumulated shares of rows, by interval; p as in scipy.stats.ks_2samp.

    Missing values come first, as if below all others, so that more of them are noticed too. The distance between all
    rows differs by at most 1/parts of the profile if the current rows were counted, and 2/parts if they are a profile.
    """
    ranks, current_ranks = np.cumsum(reference), np.cumsum(current)
    n, m = ranks[-1], current_ranks[-1]
    distance = float(np.abs(ranks / n - current_ranks / m).max())
    p = float(stats.kstwo.sf(distance, max(round(n * m / (n + m)), 1)))
    return {"test": "KS", "statistic": round(distance, 6), "p": p}


def chi_square(reference: list[float], current: list[float]) -> dict[str, Any]:
    """Pearson's test of homogeneity of the counts of all categories.

    To choose the frequent categories of one side would make them rarer on the other by chance.
    """
    table = np.array([reference, current])
    table = table[:, table.sum(axis=0) > 0]
    statistic, p = stats.chi2_contingency(table)[:2] if table.shape[1] > 1 else (0, 1)
    return {"test": "chi2", "statistic": round(float(statistic), 6), "p": float(p)}


# --- Bins -------------------------------------------------------------------------------------------------------------


def _number_bins(column: ColumnProfile, counts: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The names of the bins, and the bin of each interval: deciles, and each value that a tenth of the rows have."""
    ranks, last = np.cumsum(counts), len(counts) - 1
    deciles = np.searchsorted(ranks, ranks[-1] * np.arange(1, BINS) / BINS)
    frequent = np.flatnonzero(counts >= max(ranks[-1] / BINS, 1))
    ends = np.unique([*deciles, *frequent, *(frequent - 1), last])
    starts = [0, *(ends[:-1] + 1)]
    names = [_name_range(column, start, end) for start, end in zip(starts, ends, strict=True)]
    return names, np.searchsorted(ends, np.arange(len(counts)))


def _name_range(column: ColumnProfile, start: int, end: int) -> str:
    """The values from one interval to another, as people read them; an odd interval is one value of the profile."""
    values = [_format_number(value, column.type) for value in column.values]
    if not values:
        return "all"
    if start == end and start % 2:
        return values[start // 2]
    reaches_low, reaches_high = start == 0, end == 2 * len(values)
    if reaches_low and reaches_high:
        return "all"
    if reaches_low:
        return f"to {values[end // 2]}"
    low = values[(start - 1) // 2]
    return f"over {low}" if reaches_high else f"{low} to {values[end // 2]}"


def _format_number(value: float, column_type: str) -> str:
    return str(np.datetime64(int(value), "s").astype("datetime64[D]")) if column_type == "date" else f"{value:.6g}"


def _category_bins(column: ColumnProfile, counts: np.ndarray, is_complete: bool) -> tuple[list[str], np.ndarray]:
    """Each category that a twentieth of the rows have; the others; the rare ones with those that are new.

    If not every category was counted, all others are one bin.
    """
    rows = np.array(list(column.categories.values()))  # the most frequent first
    n_frequent = int(np.sum(rows >= max(MIN_BIN_FRACTION * counts.sum(), MIN_BIN_ROWS)))
    n_others = int(np.sum(rows >= MIN_BIN_ROWS)) - n_frequent if is_complete else 0
    n_rest = len(counts) - n_frequent - n_others
    names = [*list(column.categories)[:n_frequent], "(others)", "(rare or new)" if is_complete else "(all others)"]
    return names, np.repeat(np.arange(len(names)), [*[1] * n_frequent, n_others, n_rest])
