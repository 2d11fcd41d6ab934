"""Clean the raw table, give every column its type, and describe the columns in the schema."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .errors import UserError
from .infer import TypedColumn, infer_type, read_durations, read_numbers
from .schema import ColumnSchema, Schema
from .sniff.dialect import TableError
from .sniff.task import check_target, did_you_mean, infer_task, target_column

# Two classes of which one is plainly the positive one, in lower case.
POSITIVE_OF = {frozenset(pair): pair[1] for pair in (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"))}


class Cleaned(NamedTuple):
    """The rows to learn from, and the counts of those left out."""

    table: pd.DataFrame
    target: str
    task: str
    typed_target: TypedColumn
    rows: int  # as read
    duplicates: int

    @property
    def without_target(self) -> int:
        return self.rows - self.duplicates - len(self.table)


def clean(
    table: pd.DataFrame,
    *,
    target: str | None,
    task: str = "auto",
    types: Mapping[str, str] | None = None,
    drop: Collection[str] = (),
    duplicates: str = "drop",
) -> Cleaned:
    """Settle the target and the task; drop rows without a target, and exact duplicates unless they are to be kept.

    Args:
        table: the rows as `reader.read` returns them.
        target: the column to predict; None for the last one.
        task: classification, regression or auto.
        types: column types that the user gave, see `infer.infer_type`.
        drop: columns that are no features.
        duplicates: drop or keep.

    Raises:
        UserError: the target is missing or cannot be learned, or `drop` or `types` name no other column.
    """
    types = types or {}
    asked = target
    try:
        target = target_column(list(table), target)
        typed = _typed_target(table[target])
        table[target] = typed.values
        counts = Counter(table[target].dropna().astype(str).value_counts().to_dict())
        task = _infer_task(target, table[target], counts) if task == "auto" else task
        check_target(target, counts)
    except TableError as error:
        raise UserError(f"params.yaml: data.target: {asked!r}: the table {error}") from error
    if task == "classification" and max(counts.values()) == 1:
        raise UserError("params.yaml: data.task: 'classification': every row is a class of its own; use regression")
    _check_names(list(table), target, drop=drop, types=types)
    rows = len(table)
    if duplicates == "drop":
        table = table.drop_duplicates(ignore_index=True)
    dropped = rows - len(table)
    table = table[table[target].notna()].reset_index(drop=True)
    table[target] = _as_numbers(table[target]) if task == "regression" else _as_classes(table[target])
    return Cleaned(table, target, task, typed, rows, dropped)


def _typed_target(target: pd.Series) -> TypedColumn:
    """Numbers, durations in seconds, no infinities; anything else as it is."""
    typed = None
    if pd.api.types.is_timedelta64_dtype(target):
        typed = infer_type(target)
    elif pd.api.types.is_string_dtype(target):
        typed = read_numbers(target) or read_durations(target)
    if typed is None:
        booleans = all(isinstance(value, bool) for value in target.dropna())
        typed = TypedColumn(target, "number", format="boolean" if booleans else "plain")
    return typed._replace(values=typed.values.replace([np.inf, -np.inf], np.nan))


def _infer_task(name: str, target: pd.Series, counts: Counter[str]) -> str:
    if pd.api.types.is_datetime64_any_dtype(target):
        raise TableError(f"has dates in the target column {name!r}, neither classes nor numbers; choose another")
    return infer_task(name, counts)


def _check_names(names: list[str], target: str, **given: Collection[str]) -> None:
    for key, columns in given.items():
        for name in columns:
            if name == target:
                raise UserError(f"params.yaml: data.{key}: {name!r}: is the target; see data.target and data.task")
            if name not in names:
                raise UserError(f"params.yaml: data.{key}: {name!r}: is not a column; {did_you_mean(name, names)}")
    if both := sorted(set(given["drop"]) & set(given["types"])):
        raise UserError(f"params.yaml: data.drop: {both[0]!r}: has a type in data.types as well; remove one")


def _as_numbers(target: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(target, errors="coerce").astype(np.float64)
    if numbers.isna().any():
        example = target[numbers.isna()].iloc[0]
        raise UserError(
            f"params.yaml: data.task: 'regression': the target {target.name!r} is not a number in "
            f"{int(numbers.isna().sum())} rows, such as {example!r}; set data.task to classification"
        )
    return numbers


def _as_classes(target: pd.Series) -> pd.Series:
    """Whole numbers stay numbers; anything else is text."""
    is_number = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    whole = is_number and (target % 1 == 0).all() and target.abs().max() < 2**53
    return target.astype(np.int64 if whole else str)


def positive_class(classes: list[Any] | None, given: str | int | bool | None) -> Any:
    """The positive one of two classes: the given one, or inferred for 0/1, true/false, yes/no and y/n; else None.

    Raises UserError if the given class is not one of two.
    """
    by_text = {str(label): label for label in classes or ()}
    if given is not None:
        if len(by_text) != 2 or str(given) not in by_text:
            has = f"has the classes {', '.join(map(repr, by_text))}" if by_text else "is a number"
            raise UserError(f"params.yaml: data.positive: {given!r}: is not one of two classes: the target {has}")
        return by_text[str(given)]
    folded = {text.strip().lower(): label for text, label in by_text.items()}
    return folded.get(POSITIVE_OF.get(frozenset(folded), ""))


def type_columns(cleaned: Cleaned, types: Mapping[str, str]) -> dict[str, TypedColumn]:
    """Every column with its type; `types` overrides what is inferred. The target keeps its values.

    Raises UserError if a column cannot have the type it was given.
    """
    table, target = cleaned.table, cleaned.target
    typed = {name: infer_type(table[name], types.get(name)) for name in table if name != target}
    is_number = pd.api.types.is_numeric_dtype(table[target])
    typed[target] = cleaned.typed_target._replace(values=table[target], type="number" if is_number else "category")
    if not is_number and typed[target].format == "plain":
        typed[target] = typed[target]._replace(format=None)
    return {name: typed[name] for name in table}


def describe_columns(
    train: pd.DataFrame,
    test: pd.DataFrame,
    typed: Mapping[str, TypedColumn],
    *,
    target: str,
    raw_rows: int,
    types: Collection[str] = (),
    drop: Collection[str] = (),
    split: str = "random",
    split_column: str | None = None,
) -> list[ColumnSchema]:
    """The schema of each column, learned from the training rows, and the reasons why some are no features.

    Args:
        train, test: the typed rows of each side, (rows, columns).
        typed: the columns as `type_columns` returns them.
        target: the column to predict.
        raw_rows: rows of the raw table; a column of row numbers counts up to about that.
        types, drop: columns that the user typed or dropped.
        split, split_column: how the rows were divided; a column to split by is a key unless it is a date.
    """
    columns = []
    for name, column in typed.items():
        described = _describe(train[name], test[name], column.type)
        described.note, described.format = column.note, column.format
        described.unit, described.na_values = column.unit, list(column.na_values)
        reason = None if name in types else _why_useless(train[name], column.type, column.note, raw_rows)
        if name in drop:
            reason = "data.drop lists it"
        if name == target:
            described.role = "target"
        elif name == split_column and (reason or split != "time"):
            described.role = "key"  # kept for the folds; a date is a feature too
        elif reason or described.missing_fraction == 1:
            described = ColumnSchema(
                name=str(name),
                role="dropped",
                type=column.type,
                reason=reason or "no value",
                missing_fraction=described.missing_fraction,
                min=described.min,
                max=described.max,
            )
        columns.append(described)
    return columns


def require_features(schema: Schema) -> None:
    """Raise UserError if the schema has no feature, with the reason for each column that was left out."""
    if not schema.names():
        dropped = [column for column in schema.columns if column.role == "dropped"]
        reasons = ", ".join(f"{column.name!r}: {column.reason}" for column in dropped)
        raise UserError(f"no column is left to predict {schema.target!r} from ({reasons}); give the table more columns")


def _describe(column: pd.Series, test: pd.Series, type_: str) -> ColumnSchema:
    present = column.dropna()
    facts: dict[str, Any] = {}
    if type_ == "date" and len(present):
        facts = {"min": present.min().isoformat(), "max": present.max().isoformat()}
    elif type_ == "number":
        finite = present[np.isfinite(present)]
        if len(finite):
            facts = {"min": float(finite.min()), "max": float(finite.max())}
    elif type_ == "category":
        known = set(present)
        facts = {"categories": sorted(known), "test_only_categories": sorted(set(test.dropna()) - known) or None}
    missing = round(float(column.isna().mean()), 6)
    return ColumnSchema(name=str(column.name), role="feature", type=type_, missing_fraction=missing, **facts)


def _why_useless(column: pd.Series, type_: str, note: str | None, raw_rows: int) -> str | None:
    """Why a column cannot help to predict a row that was not seen; None if it can."""
    present = column.dropna()
    if present.empty:
        return "no value"
    if present.nunique() == 1 and len(present) == len(column):
        return "one value"
    if len(present) <= 20 or present.nunique() < len(present):
        return None
    if type_ == "category":
        return "a different value in every row"
    if type_ == "number" and note is None and (present % 1 == 0).all():
        years = present.min() >= 1500 and present.max() <= 2200
        if present.max() - present.min() <= raw_rows and not years:
            return "the number of the row"
        if re.search(r"(^|[^A-Za-z])(id|ID|Id)$|[a-z]I[dD]$", str(column.name)):
            return "an id, different in every row"
    return None
