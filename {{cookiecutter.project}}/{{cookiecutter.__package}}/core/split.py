"""Which rows are held out for the test."""

import numpy as np
import pandas as pd

from .errors import UserError

FNV_OFFSET, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
MISSING_HASH = np.uint64(0x9E3779B97F4A7C15)
MAX_EXACT = 2**53  # whole numbers from here on lose digits as float64, and are hashed as text


def test_mask(
    table: pd.DataFrame,
    classes: pd.Series | None,
    *,
    split: str = "random",
    split_column: str | None = None,
    test_size: float = 0.2,
    seed: int = 0,
) -> np.ndarray:
    """Choose the test rows.

    Args:
        table: the rows as read, of any types; a split by time needs dates or numbers in its column.
        classes: the class of each row, None for regression.
        split: random (stratified by class), hash, group or time.
        split_column: the column that hash (None: the whole row), group and time split by.
        test_size: the share of rows to hold out.
        seed: of random, hash and group.

    Returns:
        A boolean vector, True for test, with at least two rows on each side.

    Raises:
        UserError: the column does not fit the split, or a side has fewer than two rows.
    """
    where = f"params.yaml: prepare.split_column: {split_column!r}"
    if split in ("group", "time") and split_column is None:
        raise UserError(f"params.yaml: prepare.split_column: null: a split by {split} needs a column")
    if split == "random" and split_column is not None:
        raise UserError(f"{where}: a random split has no column; set prepare.split to group or hash, or this to null")
    if split_column is not None and split_column not in table:
        raise UserError(f"{where}: is not a column of the table")
    if split in ("group", "time") and table[split_column].nunique(dropna=False) == 1:
        raise UserError(f"{where}: has one value, and cannot split the rows")
    if split == "random":
        mask = _random(len(table), classes, test_size, seed)
    elif split == "hash":
        mask = hash_rows(table[[split_column]] if split_column else table, seed) < test_size
    elif split == "group":
        mask = _group(table[split_column], test_size, seed)
    else:
        mask = _time(table[split_column], test_size)
    if min(mask.sum(), (~mask).sum()) < 2:
        raise UserError(
            f"params.yaml: prepare.test_size: {test_size}: splits {len(table)} rows into "
            f"{(~mask).sum()} for training and {mask.sum()} for the test; each side needs two"
        )
    return mask


def _random(rows: int, classes: pd.Series | None, test_size: float, seed: int) -> np.ndarray:
    """The same share of each class; the last row of a class is never taken from training."""
    groups = np.zeros(rows) if classes is None else classes.to_numpy()
    order = np.empty(rows, np.int64)
    order[np.random.default_rng(seed).permutation(rows)] = np.arange(rows)
    by_class = pd.Series(order).groupby(groups[order])
    size = by_class.transform("size")
    mask = np.zeros(rows, bool)
    mask[order] = by_class.cumcount() < np.minimum((size * test_size).round(), size - 1)
    return mask


def _group(column: pd.Series, test_size: float, seed: int) -> np.ndarray:
    """Whole groups that fit in the test's share of rows, in the order of their hash; the smallest if none fits."""
    place = pd.Series(hash_rows(column.to_frame(), seed), column.index)
    sizes = place.value_counts().sort_index()
    room = test_size * len(column)
    taken = []
    for group, size in sizes.items():
        if size <= room:
            taken.append(group)
            room -= size
    return place.isin(taken or [sizes.idxmin()]).to_numpy()


def _time(column: pd.Series, test_size: float) -> np.ndarray:
    """The latest rows; rows of one moment stay on one side."""
    timestamps = require_sortable(column)
    last_of_train = max(round(len(timestamps) * (1 - test_size)), 1) - 1
    return (timestamps > timestamps.sort_values().iloc[last_of_train]).to_numpy()


def require_sortable(column: pd.Series) -> pd.Series:
    """Return dates or numbers as they are. Raises UserError if the column is neither, or lacks one in a row."""
    ordered = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
    if not ordered or column.isna().any():
        wrong = f"{column.isna().sum()} rows have none" if ordered else f"it holds text such as {column.iloc[0]!r}"
        raise UserError(
            f"params.yaml: prepare.split_column: {column.name!r}: "
            f"a split by time needs a date or number in every row; {wrong}"
        )
    return column


def hash_rows(table: pd.DataFrame, seed: int) -> np.ndarray:
    """A number in [0, 1) per row, the same on every platform and in every version of this table.

    A value hashes the same in every type: 1, 1.0 and "1" are one, as the float64's bits; so are True and "true",
    as text. Text, and a timestamp in ISO 8601, is hashed by FNV-1a over its UTF-8 bytes (Fowler, Noll and Vo), and each
    result is mixed by the finaliser of splitmix64 (Steele, Lea and Flood, 2014). A row is the sum over its columns,
    each mixed with its name, so their order is free.
    """
    total = np.full(len(table), np.uint64(seed))
    for name in table:
        # Objects first, as 1, 1.0 and True are equal to Python.
        column = _as_written(table[name]) if table[name].dtype == object else table[name]
        codes, distinct = pd.factorize(column)
        values = _as_written(pd.Series(distinct)).to_numpy(object)
        total += _mix(np.append(_hash(values), MISSING_HASH)[codes] ^ _fnv([str(name)])[0])
    return (_mix(total) >> np.uint64(11)) / 2.0**53


def _as_written(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
    column = column.astype(object)
    truth = {True: "True", False: "False", "true": "True", "false": "False", "TRUE": "True", "FALSE": "False"}
    return column.map(lambda value: truth.get(value, value) if isinstance(value, bool | str) else value)


def _hash(values: np.ndarray) -> np.ndarray:
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(np.float64) + 0.0  # no -0.0
    hashed = numbers.view(np.uint64).copy()
    text = np.isnan(numbers) | [_has_more_digits(value) for value in values]
    hashed[text] = _fnv([str(value) for value in values[text]])
    return _mix(hashed)


def _has_more_digits(value: object) -> bool:
    """Whether a whole number, or its text, has more digits than float64 can hold."""
    if isinstance(value, str):
        return (
            len(value) >= 16 and value.lstrip("+-").isdecimal() and len(value) <= 100 and abs(int(value)) >= MAX_EXACT
        )
    return isinstance(value, int | np.integer) and abs(int(value)) >= MAX_EXACT


def _fnv(texts: list[str]) -> np.ndarray:
    encoded = [text.encode() for text in texts]
    length = np.array([len(text) for text in encoded], dtype=np.int64)
    start = np.cumsum(length) - length
    data = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64)
    hashed = np.full(len(texts), FNV_OFFSET)
    for position in range(length.max(initial=0)):
        longer = np.flatnonzero(length > position)
        hashed[longer] = (hashed[longer] ^ data[start[longer] + position]) * FNV_PRIME
    return hashed


def _mix(value: np.ndarray) -> np.ndarray:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
