"""Samples of rows, drawn by a seed: what they give is known well enough without the other rows."""

import numpy as np

MAX_TRAIN_SCORED = 20_000  # training rows that a model is scored on


def sample(rows: int, at_most: int | None, seed: int) -> np.ndarray:
    """Positions of `at_most` of the rows in order, (positions,); of all of them if there are no more, or if it is None."""
    if at_most is None or rows <= at_most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, at_most, replace=False))
