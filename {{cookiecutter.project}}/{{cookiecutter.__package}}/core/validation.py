"""Check new rows against the schema of the training rows: errors that end predict, and warnings."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import UserError
from .infer import read_as
from .schema import ColumnSchema, Schema
from .sniff.names import quote_list

MAX_EXAMPLES = 3
UNREADABLE, UNSEEN, OUTSIDE, MISSING = "unreadable", "unseen", "outside", "missing"


class InputValidator:
    """Reads rows as the training rows were read, counts the values that differ from theirs, and keeps examples."""

    def __init__(self, source: str | Path, schema: Schema) -> None:
        self.source, self.schema = source, schema
        self.columns = schema.feature_columns
        self.rows = 0
        self.empty: Counter[str] = Counter()  # missing values by column
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)  # values by problem and column
        self.examples: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def extra(self, names: list[str]) -> list[str]:
        """Return the columns that the schema does not have. Raises UserError if a feature is not among the names."""
        if lost := [column.name for column in self.columns if column.name not in names]:
            share = f"{len(lost)} of the {len(self.columns)} columns that the model reads"
            raise UserError(f"{self.source}: lacks {share}: {', '.join(map(repr, lost))}; it has {quote_list(names)}")
        known = {column.name for column in self.schema.columns}
        return [name for name in names if name not in known]

    def read(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the features with the types that Schema.features takes; a value that cannot be read is missing."""
        self.rows += len(table)
        return pd.DataFrame({column.name: self._read(table[column.name], column) for column in self.columns})

    def _read(self, texts: pd.Series, column: ColumnSchema) -> pd.Series:
        values, unparsed = read_as(texts, column)
        empty = int(values.isna().sum()) - len(unparsed)
        self.empty[column.name] += empty
        if column.missing_fraction == 0:
            self.counts[MISSING][column.name] += empty
        self._note(UNREADABLE, column, unparsed)
        if column.type == "category":
            self._note(UNSEEN, column, values[values.notna() & ~values.isin(column.categories)])
        elif column.min is not None:
            bounds = (column.min, column.max)
            low, high = (pd.Timestamp(bound) if column.type == "date" else float(bound or 0) for bound in bounds)
            self._note(OUTSIDE, column, values[(values < low) | (values > high)])
        return values

    def _note(self, what: str, column: ColumnSchema, values: pd.Series) -> None:
        self.counts[what][column.name] += len(values)
        examples = self.examples[what, column.name]
        for value in values.head(100 * MAX_EXAMPLES).unique():
            if value not in examples and len(examples) < MAX_EXAMPLES:
                examples.append(value)

    def raise_if_unreadable(self) -> None:
        """Raise UserError if no row was read, or more than half of the values of a column cannot be read.

        Missing values do not count.
        """
        if not self.rows:
            raise UserError(f"{self.source}: has no rows to predict")
        wrong = []
        for column in self.columns:
            unparsed = self.counts[UNREADABLE][column.name]
            if unparsed > (self.rows - self.empty[column.name]) / 2:
                such_as = self._such_as(UNREADABLE, column)
                wrong.append(f"{column.name!r} as {_read_as(column)} in {unparsed} of {self.rows} rows{such_as}")
        if wrong:
            raise UserError(f"{self.source}: most values of a column cannot be read: {'; '.join(wrong)}")

    def findings(self) -> list[dict[str, Any]]:
        """Return a warning per column and problem: name, problem, number of values, examples, and a message."""
        findings = []
        for column in self.columns:
            for what, counts in self.counts.items():
                if count := counts[column.name]:
                    message = f"{column.name!r} {self._words(what, column, f'in {count} of {self.rows} rows')}"
                    examples = [str(value) for value in self.examples[what, column.name]]
                    findings.append(
                        {"column": column.name, "what": what, "count": count, "examples": examples, "message": message}
                    )
        return findings

    def _words(self, what: str, column: ColumnSchema, rows: str) -> str:
        such_as = self._such_as(what, column)
        if what == MISSING:
            return f"is missing {rows}; the training data had no missing value"
        if what == UNREADABLE:
            return f"cannot be read as {_read_as(column)} {rows}{such_as}; they count as missing"
        if what == UNSEEN:
            return f"is a category that training did not have {rows}{such_as}"
        return f"is outside of its range in training, {column.min} to {column.max}, {rows}{such_as}"

    def _such_as(self, what: str, column: ColumnSchema) -> str:
        examples = self.examples[what, column.name]
        return f", such as {', '.join(repr(value) if isinstance(value, str) else str(value) for value in examples)}"


def _read_as(column: ColumnSchema) -> str:
    nouns = {"plain": "numbers", "1234.5": "numbers", "boolean": "truth values", "duration": "durations"}
    return nouns.get(str(column.format), f"{column.type}s like {column.format}") + (
        column.unit and f" with {column.unit!r}"
    )
