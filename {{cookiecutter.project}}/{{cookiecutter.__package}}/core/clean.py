"""Clean the raw table, give every column its type, and describe the columns in the schema."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .errors import UserError
from .infer import MAX_EXACT, Texts, TypedColumn, infer_type, matches, read_durations, read_numbers
from .schema import ColumnSchema, ColumnType, Schema, Task
from .sniff.dialect import TableError
from .sniff.literals import AMBIGUOUS, MISSING, decimal_mark, holds_words, missing_words
from .sniff.names import did_you_mean, quote_list
from .sniff.task import check_target, infer_task, plain_labels, target_column

# Two classes of which one is plainly the positive one, in lower case.
POSITIVE_OF = {frozenset(pair): pair[1] for pair in (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"))}
MAX_LISTED_COLUMNS = 5
SAMPLE_VALUES = 1000  # of a column, to find the decimal mark of the file
MIN_ID_ROWS = 20  # rows above which a different value in each row is an id
MIN_TOTAL_ROWS = 5  # rows above a row of totals
MAX_TOTAL_FRACTION = 0.1  # share of rows that may be totals; a word in more rows is a category
TOTAL = (  # in English, German, French, Italian and Spanish
    r"(?i)^(((grand|sub)[- ]?)?totals?( .{0,30})?:?|sums?:?|summe:?|gesamt(summe)?:?|insgesamt:?|zusammen:?"
    r"|totale?s?|totaux)$"
)


class Cleaned(NamedTuple):
    """The rows to learn from, the counts of those left out, and notes for the user."""

    table: pd.DataFrame
    target: str
    task: Task
    typed_target: TypedColumn
    rows: int  # as read
    duplicates: int
    decimal: str | None  # the decimal mark of the file
    missing: tuple[str, ...]  # texts that the user gave as missing
    declared_text: frozenset[str]  # columns that a Parquet file declares as text
    notes: tuple[str, ...]

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
    missing: Collection[str] | None = None,
) -> Cleaned:
    """Settle the target and the task; drop rows without a target, and exact duplicates unless they are to be kept.

    Args:
        table: the rows as `reader.read` returns them; missing values are set in place.
        target: the column to predict; None for the last one.
        task: classification, regression or auto.
        types: column types that the user gave, see `infer.infer_type`.
        drop: columns that are not features.
        duplicates: drop or keep.
        missing: texts that stand for a missing value; None: inferred for each column.

    Raises:
        UserError: the target is missing or cannot be learned, or `drop` or `types` name a column that does not exist.
    """
    types = types or {}
    given_target = target
    try:
        target = target_column(list(table), target)
        _check_names(list(table), target, drop=drop, types=types)
        notes = mask_missing(table, missing)
        decimal = find_decimal_mark(table)
        declared_text = _declared_text(table)
        typed = _typed_target(table[target], types.get(target), decimal)
        labels = _labels(table[target], typed, types.get(target))
        task = _choose_task(target, task, types.get(target), labels, typed, decimal)
        check_target(target, _count(labels if task == "classification" else typed.values))
    except TableError as error:
        raise UserError(f"params.yaml: data.target: {given_target!r}: the table {error}") from error
    if task == "classification" and max(_count(labels).values()) == 1:
        raise UserError("params.yaml: data.task: 'classification': every row is a class of its own; use regression")
    notes += total_rows(table)
    rows = len(table)
    if task == "classification":
        are_numbers = types.get(target) not in ("category", "text") and target not in declared_text
        typed = typed._replace(values=_as_classes(labels, are_numbers=are_numbers))
    else:
        typed = typed._replace(values=_as_numbers(typed.values))
    # Exact copies of a row are found before its target becomes a number.
    kept = ~table.duplicated() if duplicates == "drop" else pd.Series(True, table.index)
    table = table.assign(**{target: typed.values})[kept]
    duplicate_rows = rows - len(table)
    table = table[table[target].notna()].reset_index(drop=True)
    if task == "classification" and pd.api.types.is_float_dtype(table[target]):
        table[target] = table[target].astype(np.int64)
    return Cleaned(
        table=table,
        target=target,
        task=task,
        typed_target=typed,
        rows=rows,
        duplicates=duplicate_rows,
        decimal=decimal,
        missing=tuple(missing or ()),
        declared_text=declared_text,
        notes=tuple(notes),
    )


# --- Missing values -------------------------------------------------------------------------------------------------


def mask_missing(table: pd.DataFrame, given: Collection[str] | None) -> list[str]:
    """Set the texts that stand for "no value" to missing, in place; return notes on which, and on words that are kept.

    Args:
        table: the rows as read.
        given: the texts that the user gave in data.missing; None: decided by column, see literals.missing_words.
    """
    texts = [name for name in table if _is_text(table[name])]
    asked = MISSING | set(given or ())
    hits = {name: Texts.of(table[name][table[name].isin(asked)]).by_frequency() for name in texts}
    taken: dict[str, dict[str, int]] = {}
    kept: list[str] = []
    for name in (name for name in texts if hits[name]):
        elsewhere = {text for other in texts if other != name for text in hits[other] if text in AMBIGUOUS}
        counts = Texts.of(table[name]).by_frequency()
        missing = missing_words(counts, elsewhere) if given is None else _given_missing(counts, set(given))
        table[name] = table[name].mask(table[name].isin(missing))
        for text, count in hits[name].items():
            if text in missing:
                taken.setdefault(text, {})[name] = count
            elif given is None:
                kept.append(
                    f"{text!r} is a category of {name!r} ({count} rows); if it stands for a missing value, add it to "
                    "data.missing"
                )
    return [_taken(text, columns) for text, columns in taken.items()] + kept


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column) and all(isinstance(value, str) for value in column.dropna().head(100))


def _given_missing(counts: Counter[str], given: set[str]) -> set[str]:
    """The texts that the user gave; among numbers and dates also every word for "no value"."""
    return given if holds_words([text for text in counts if text not in MISSING | given]) else {*MISSING, *given}


def _taken(text: str, columns: dict[str, int]) -> str:
    names = quote_list(list(columns), limit=MAX_LISTED_COLUMNS)
    return f"{text!r} is read as missing, {sum(columns.values())} times in {names}; to change that, set data.missing"


def find_decimal_mark(table: pd.DataFrame) -> str | None:
    """The decimal mark of a table, "." or ",", from some values of each column of text; None if they do not show it."""
    texts = (table[name] for name in table if _is_text(table[name]))
    return decimal_mark(column.dropna().head(SAMPLE_VALUES).unique().tolist() for column in texts)


# --- The target -----------------------------------------------------------------------------------------------------


def _typed_target(target: pd.Series, wanted: str | None, decimal: str | None) -> TypedColumn:
    """Numbers, durations in seconds, no infinities; anything else as it is."""
    typed = None
    if wanted is not None or pd.api.types.is_timedelta64_dtype(target):
        typed = infer_type(target, wanted, decimal)
    elif _is_text(target) and target.notna().any():
        numbers, durations = read_numbers(target, decimal=decimal), read_durations(target)
        typed = durations if durations and not (numbers and not numbers.na_values) else numbers
    if typed is None:
        booleans = all(isinstance(value, bool) for value in target.dropna())
        typed = TypedColumn(target, "number", format="boolean" if booleans else "plain")
    if typed.format == "1234.5" and not typed.unit and not typed.note:
        typed = typed._replace(format="plain")
    if pd.api.types.is_float_dtype(typed.values):
        typed = typed._replace(values=typed.values.replace([np.inf, -np.inf], np.nan))
    return typed


def _labels(target: pd.Series, typed: TypedColumn, wanted: str | None) -> pd.Series:
    """The target as classes, as they are written; marks for "no value" among numbers are missing."""
    labels = target if _is_text(target) else target.astype(object).map(str, na_action="ignore")
    is_number = pd.api.types.is_numeric_dtype(typed.values)
    return labels.where(typed.values.notna()) if is_number and wanted not in ("category", "text") else labels


def _declared_text(table: pd.DataFrame) -> frozenset[str]:
    """The columns that the file declares as text, as Parquet does; in a CSV every column is text."""
    texts = frozenset(name for name in table if _is_text(table[name]))
    return texts if len(texts) < table.shape[1] else frozenset()


def _count(column: pd.Series) -> Counter[str]:
    if _is_text(column):
        return Texts.of(column).by_frequency()
    counts = column.value_counts()
    return Counter(dict(zip(counts.index.astype(str), counts.tolist(), strict=True)))


def _choose_task(
    name: str, task: str, wanted: str | None, labels: pd.Series, typed: TypedColumn, decimal: str | None
) -> Task:
    if typed.type == "date" or pd.api.types.is_datetime64_any_dtype(typed.values):
        raise TableError(f"has dates in the target column {name!r}, neither classes nor numbers; choose another")
    if task == "auto" and wanted not in ("category", "text"):
        task = infer_task(name, _count(labels), decimal)
    return "regression" if task == "regression" else "classification"


def _check_names(names: list[str], target: str, *, drop: Collection[str], types: Collection[str]) -> None:
    for key, columns in {"drop": drop, "types": types}.items():
        for name in columns:
            if name not in names:
                raise UserError(f"params.yaml: data.{key}: {name!r}: is not a column; {did_you_mean(name, names)}")
    if target in drop:
        raise UserError(f"params.yaml: data.drop: {target!r}: is the target; see data.target")
    if both := sorted(set(drop) & set(types)):
        raise UserError(f"params.yaml: data.drop: {both[0]!r}: has a type in data.types as well; remove one")


def _as_numbers(target: pd.Series) -> pd.Series:
    numbers = _to_numbers(target)
    strange = target[numbers.isna() & target.notna()]
    if len(strange):
        raise UserError(
            f"params.yaml: data.task: 'regression': the target {target.name!r} is not a number in "
            f"{len(strange)} rows, such as {strange.iloc[0]!r}; set data.task to classification"
        )
    return numbers


def _to_numbers(column: pd.Series) -> pd.Series:
    """As float64, NaN for anything else."""
    if not _is_text(column):
        return pd.to_numeric(column, errors="coerce").astype(np.float64)
    texts = Texts.of(column)
    return texts.per_row(pd.to_numeric(texts.distinct, errors="coerce").astype(np.float64))


def _as_classes(labels: pd.Series, *, are_numbers: bool) -> pd.Series:
    """Whole numbers, each written in one way, stay numbers; anything else is text, as it is written."""
    texts = Texts.of(labels)
    if are_numbers and plain_labels(texts.distinct):
        numbers = texts.distinct.str.removesuffix(".0").map(int)
        if numbers.abs().max() < MAX_EXACT:
            return texts.per_row(numbers)
    return texts.per_row(texts.distinct).astype("str")


# --- Rows of totals -------------------------------------------------------------------------------------------------


def total_rows(table: pd.DataFrame) -> list[str]:
    """A note for rows that look like totals: by a word, or as the last row holds the sums of all others."""
    if len(table) <= MIN_TOTAL_ROWS:
        return []
    sums = []
    for name in table:
        texts = Texts.of(table[name]) if _is_text(table[name]) else None
        if texts and (note := _total_word(texts)):
            return [note]
        if _is_sum(table[name], texts):
            sums.append(name)
    if len(sums) >= 2:
        return [_total_note(len(table) - 1, 1, f"the sums of {quote_list(sums, limit=MAX_LISTED_COLUMNS)}")]
    return []


def _total_word(texts: Texts) -> str | None:
    """A note if a few rows have a word for a total."""
    totals = texts.some(matches(texts.distinct, TOTAL))
    if not 0 < totals.rows <= max(1, MAX_TOTAL_FRACTION * len(texts.codes)):
        return None
    row = (texts.codes == totals.distinct.index[0]).to_numpy().argmax()
    return _total_note(int(row), totals.rows, f"{totals.distinct.iloc[0]!r} in {texts.codes.name!r}")


def _is_sum(column: pd.Series, texts: Texts | None) -> bool:
    """Whether the last value is the sum of the others; texts: its texts, if it holds text."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    if texts:
        values, counts, place = texts.distinct, texts.counts, texts.codes.iloc[-1]
    else:
        values, counts, place = column.reset_index(drop=True), pd.Series(1, range(len(column))), len(column) - 1
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    if place < 0 or pd.isna(last := numbers[place]):
        return False
    counts = counts.where(counts.index != place, counts - 1)  # without the last row
    others = numbers[(counts > 0) & numbers.notna()]
    if others.nunique() <= MIN_TOTAL_ROWS or not np.isfinite(others).all():
        return False
    return bool(last != 0 and np.isclose(others.dot(counts[others.index]), last, rtol=1e-9))


def _total_note(row: int, count: int, why: str) -> str:
    rows = f"row {row + 1} looks" if count == 1 else f"{count} rows, the first of them row {row + 1}, look"
    return f"{rows} like a total ({why}) and would be learned from; remove it from the data"


# --- The classes and the columns ------------------------------------------------------------------------------------


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
    """Every column with its type; `types` overrides the inferred ones. The target keeps its values.

    Raises UserError if a column cannot have the type it was given.
    """
    table, target = cleaned.table, cleaned.target
    typed = {name: infer_type(table[name], types.get(name), cleaned.decimal) for name in table if name != target}
    for name in set(typed) - set(types):
        is_number = typed[name].type == "number"
        if is_number and name in cleaned.declared_text and table[name].str.fullmatch(r"0\d+").any():
            words = infer_type(table[name], "category")
            typed[name] = words._replace(note="text with leading zeros, read as categories")
    is_number = pd.api.types.is_numeric_dtype(table[target])
    typed[target] = cleaned.typed_target._replace(values=table[target], type="number" if is_number else "category")
    if not is_number and typed[target].format != "boolean":
        typed[target] = typed[target]._replace(format=None, unit="", note=_class_note(typed[target].note))
    given = cleaned.missing
    return {name: typed[name]._replace(na_values=(*given, *typed[name].na_values)) for name in table}


def _class_note(note: str | None) -> str | None:
    """The part of a note on numbers that also holds for classes as they are written."""
    parts = [part for part in (note or "").split("; ") if "missing" in part]
    return "; ".join(parts) or None


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
    """The schema of each column, learned from the training rows, and the reasons why some are not features.

    Args:
        train, test: the typed rows of each side, (rows, columns).
        typed: the columns as `type_columns` returns them.
        target: the column to predict.
        raw_rows: rows of the raw table; a column of row numbers counts up to about that number.
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


def _describe(column: pd.Series, test: pd.Series, type_: ColumnType) -> ColumnSchema:
    present = column.dropna()
    facts: dict[str, Any] = {}
    if type_ == "date" and len(present):
        facts = {"min": present.min().isoformat(), "max": present.max().isoformat()}
    elif type_ == "number":
        finite = present[np.isfinite(present)]
        if len(finite):
            facts = {"min": float(finite.min()), "max": float(finite.max())}
    elif type_ == "category":
        known = sorted(present.unique())
        unseen = sorted(set(test.dropna().unique()).difference(known))
        facts = {"categories": known, "test_only_categories": unseen or None}
    missing = round(float(column.isna().mean()), 6)
    return ColumnSchema(name=str(column.name), role="feature", type=type_, missing_fraction=missing, **facts)


def _why_useless(column: pd.Series, type_: str, note: str | None, raw_rows: int) -> str | None:
    """Why a column cannot help to predict a row that was not seen; None if it can."""
    present = column.dropna()
    if present.empty:
        return "no value"
    if 1 < present.head(1000).nunique() < min(1000, len(present)):  # which saves to count them all
        return None
    distinct = present.nunique()
    if distinct == 1 and len(present) == len(column):
        return "one value"
    if len(present) <= MIN_ID_ROWS or distinct < len(present):
        return None
    if type_ == "category":
        return "a different value in every row"
    if type_ == "number" and note is None and (present % 1 == 0).all():
        years = present.min() >= 1500 and present.max() <= 2200
        if present.max() - present.min() <= raw_rows and not years:
            return "the number of the row"
        is_named_id = re.search(r"(^|[^A-Za-z])(id|ID|Id)$|[a-z]I[dD]$", str(column.name))
        if is_named_id or present.abs().max() >= MAX_EXACT:
            return "an id, different in every row"
    return None
