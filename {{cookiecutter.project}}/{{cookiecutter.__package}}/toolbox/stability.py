"""By how much the values of a column moved: population stability index and a two-sample test, from profiles."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ..profile import CATEGORIES, Column, cell, measured

BINS = 10  # of numbers, alike in rows; a value that as many rows have is a bin of its own
FREQUENT, RARE = 0.05, 5  # share of rows that a category needs for that; rows below which it may be there by chance


class Rows(NamedTuple):
    """How many rows lie in each cell of the reference's profile, and are missing; the rows of categories it has not.

    The cells of numbers: below its first value, at it, between it and the second, ..., above the last. Those of
    categories: each, and all others; whole: whether each was counted.
    """

    cells: np.ndarray
    missing: float
    unseen: Counter[str]
    whole: bool = True

    @property
    def rows(self) -> float:
        return self.cells.sum() + self.missing

    def __add__(self, other: "Rows") -> "Rows":
        unseen = Counter(dict((self.unseen + other.unseen).most_common(CATEGORIES)))
        return Rows(self.cells + other.cells, self.missing + other.missing, unseen, self.whole)


def count(reference: Column, column: pd.Series) -> Rows:
    """The rows of a prepared column, exactly."""
    values = measured(column, reference.kind)
    present = values.dropna()
    missing = len(values) - len(present)
    if reference.kind == "category":
        return _of_categories(reference, Counter(present.value_counts().to_dict()), 0, missing)
    cells = cell(np.array(reference.values), present.to_numpy())
    return Rows(np.bincount(cells, minlength=2 * len(reference.values) + 1).astype(float), missing, Counter())


def spread(reference: Column, new: Column) -> Rows:
    """The rows of another profile: exact at its own values, and spread evenly between two of them."""
    if reference.kind == "category":
        return _of_categories(reference, Counter(new.categories), new.other, new.missing)
    at, values = np.array(reference.values), np.array(new.values)
    # Rows below the first value, up to it, below the second, up to it ...
    ranks = np.cumsum([0, *new.counts])
    if not len(values):
        return Rows(np.zeros(2 * len(at) + 1), new.missing, Counter())
    between = np.interp(at, np.repeat(values, 2), ranks, left=0, right=ranks[-1])
    place = np.minimum(np.searchsorted(values, at), len(values) - 1)
    same = values[place] == at
    below, upto = np.where(same, ranks[2 * place], between), np.where(same, ranks[2 * place + 1], between)
    cells = np.diff([0, *np.column_stack([below, upto]).ravel(), ranks[-1]])
    return Rows(cells, new.missing, Counter())


def _of_categories(reference: Column, counts: Counter[str], other: int, missing: int) -> Rows:
    known = [counts.pop(name, 0) for name in reference.categories]
    whole = not (reference.other or other)  # or else a category may have been left out, and is not known to be new
    unseen = Counter(dict(counts.most_common(CATEGORIES))) if whole else Counter()
    return Rows(np.array([*known, counts.total() + other], dtype=float), missing, unseen, whole)


def own(column: Column) -> np.ndarray:
    """The rows of the profile in its own cells."""
    if column.kind == "category":
        return np.array([*column.categories.values(), column.other], dtype=float)
    cells = np.zeros(2 * len(column.values) + 1)
    cells[1:-1] = column.counts
    return cells


def compare(reference: Column, new: Rows) -> dict[str, Any]:
    """psi, the test, its statistic and p-value, and the bins with the share of rows of each side."""
    old = own(reference)
    if reference.kind == "category":
        names, place = _bins_of_categories(reference, old, new.whole)
        unseen = [*new.unseen.values()]
        found = chi_square([reference.missing, *old, *[0] * len(unseen)], [new.missing, *_apart(new), *unseen])
    else:
        names, place = _bins_of_numbers(reference, old)
        found = kolmogorov_smirnov([reference.missing, *old], [new.missing, *new.cells])
    names, sides = np.array([*names, "(missing)"]), []
    for cells, missing in ((old, reference.missing), (new.cells, new.missing)):
        sides.append(np.append(np.bincount(place, cells, minlength=len(names) - 1), missing))
    used = np.sum(sides, axis=0) > 0
    sides = [side[used] for side in sides]
    shares = [np.round(side / side.sum(), 6).tolist() for side in sides]
    bins = [{"bin": str(name), "reference": p, "new": q} for name, p, q in zip(names[used], *shares, strict=True)]
    return {"psi": round(psi(*sides), 6), **found, "bins": bins}


def _apart(new: Rows) -> np.ndarray:
    """The cells, the last one without the categories that are counted by name."""
    return np.append(new.cells[:-1], new.cells[-1] - new.unseen.total())


def psi(reference: np.ndarray, new: np.ndarray) -> float:
    """The population stability index of counts by bin: the sum of (q - p) ln(q / p) over the shares p and q of a bin.

    (N. Siddiqi: Credit Risk Scorecards, 2006; it is Jeffreys' divergence.) Half a row is added to each bin of both sides,
    so that an empty one counts for what it tells, and not for infinity. Without any drift it is about
    (bins - 1) (1/n + 1/m) for n and m rows (B. Yurdakul: Statistical Properties of Population Stability Index, 2018).
    """
    p, q = ((side + 0.5) / (side + 0.5).sum() for side in (reference, new))
    return float(np.sum((q - p) * np.log(q / p)))


def kolmogorov_smirnov(reference: list[float], new: list[float]) -> dict[str, Any]:
    """The largest distance of the shares of rows up to each cell, of counts by cell; p as of scipy.stats.ks_2samp.

    Missing values come first, as if below all others, so that more of them are seen too. The distance is that of all rows
    to within 1/parts of the profile where the new rows were counted one by one, and 2/parts where they are a profile.
    """
    ranks, new_ranks = np.cumsum(reference), np.cumsum(new)
    n, m = ranks[-1], new_ranks[-1]
    distance = float(np.abs(ranks / n - new_ranks / m).max())
    p = float(stats.kstwo.sf(distance, max(round(n * m / (n + m)), 1)))
    return {"test": "KS", "statistic": round(distance, 6), "p": p}


def chi_square(reference: list[float], new: list[float]) -> dict[str, Any]:
    """Pearson's test of homogeneity of counts by category: of every one, since to pick the frequent ones of one side would
    make them rarer on the other by chance alone."""
    table = np.array([reference, new])
    table = table[:, table.sum(axis=0) > 0]
    statistic, p = stats.chi2_contingency(table)[:2] if table.shape[1] > 1 else (0, 1)
    return {"test": "chi2", "statistic": round(float(statistic), 6), "p": float(p)}


def _bins_of_numbers(column: Column, cells: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Deciles of the reference, and each value that a tenth of the rows have: names, and the bin of each cell."""
    ranks, last = np.cumsum(cells), len(cells) - 1
    deciles = np.searchsorted(ranks, ranks[-1] * np.arange(1, BINS) / BINS)
    frequent = np.flatnonzero(cells >= max(ranks[-1] / BINS, 1))
    ends = np.unique([*deciles, *frequent, *(frequent - 1), last])
    place = np.searchsorted(ends, np.arange(len(cells)))
    starts = [0, *(ends[:-1] + 1)]
    return [_range(column, start, end) for start, end in zip(starts, ends, strict=True)], place


def _range(column: Column, start: int, end: int) -> str:
    """The numbers from one cell to another, as people read them."""
    values = [_shown(value, column.kind) for value in column.values]
    if start == end and start % 2:
        return values[start // 2]
    low = values[(start - 1) // 2] if start else None
    high = values[end // 2] if end < 2 * len(values) else None
    if low is None or high is None:
        return f"to {high}" if high else f"over {low}" if low else "all"
    return f"{low} to {high}"


def _shown(value: float, kind: str) -> str:
    return str(np.datetime64(int(value), "s").astype("datetime64[D]")) if kind == "date" else f"{value:.6g}"


def _bins_of_categories(column: Column, cells: np.ndarray, whole: bool) -> tuple[list[str], np.ndarray]:
    """Each category that a twentieth of the rows have; the others; and those so rare that others as rare come anew.

    Where not each was counted, all others are one bin.
    """
    rows = np.array([*column.categories.values()])  # the most frequent first
    frequent = np.sum(rows >= max(FREQUENT * cells.sum(), RARE))
    others = np.sum(rows >= RARE) - frequent if whole else 0
    names = [*list(column.categories)[:frequent], "(others)", "(rare or new)" if whole else "(all others)"]
    return names, np.repeat(np.arange(len(names)), [*[1] * frequent, others, len(cells) - frequent - others])
