"""What is wrong with new rows, by the schema of the training rows: what ends predict, and what it warns of."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import UserError
from .infer import read_as
from .schema import ColumnSchema, Schema
from .sniff.task import quote_list

EXAMPLES = 3
UNREADABLE, UNSEEN, OUTSIDE, MISSING = "unreadable", "unseen", "outside", "missing"


class InputValidator:
    """Reads rows as the training rows were read, and counts the cells that are unlike theirs; it remembers few of them."""

    def __init__(self, source: str | Path, schema: Schema) -> None:
        self.source, self.schema = source, schema
        self.columns = schema.feature_columns
        self.rows = 0
        self.empty: Counter[str] = Counter()  # cells by column
        self.cells: dict[str, Counter[str]] = defaultdict(Counter)  # by what is wrong with them, and column
        self.examples: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def extra(self, names: list[str]) -> list[str]:
        """The columns that the schema does not know. Raises UserError where a feature is not among the names."""
        if lost := [column.name for column in self.columns if column.name not in names]:
            of = f"{len(lost)} of the {len(self.columns)} columns that the model reads"
            raise UserError(f"{self.source}: lacks {of}: {', '.join(map(repr, lost))}; it has {quote_list(names)}")
        known = {column.name for column in self.schema.columns}
        return [name for name in names if name not in known]

    def read(self, table: pd.DataFrame) -> pd.DataFrame:
        """The features with the types that Schema.features takes; a cell that cannot be read is missing."""
        self.rows += len(table)
        return pd.DataFrame({column.name: self._read(table[column.name], column) for column in self.columns})

    def _read(self, cells: pd.Series, column: ColumnSchema) -> pd.Series:
        values, strays = read_as(cells, column)
        empty = int(values.isna().sum()) - len(strays)
        self.empty[column.name] += empty
        if column.missing_fraction == 0:
            self.cells[MISSING][column.name] += empty
        self._note(UNREADABLE, column, strays)
        if column.type == "category":
            self._note(UNSEEN, column, values[values.notna() & ~values.isin(column.categories)])
        elif column.min is not None:
            low, high = (pd.Timestamp(end) if column.type == "date" else end for end in (column.min, column.max))
            self._note(OUTSIDE, column, values[(values < low) | (values > high)])
        return values

    def _note(self, what: str, column: ColumnSchema, values: pd.Series) -> None:
        self.cells[what][column.name] += len(values)
        examples = self.examples[what, column.name]
        for value in values.head(100 * EXAMPLES).unique():
            if value not in examples and len(examples) < EXAMPLES:
                examples.append(value)

    def raise_if_unreadable(self) -> None:
        """Raise UserError where no row was read, or more than half of the cells of a column, less the missing ones, cannot
        be."""
        if not self.rows:
            raise UserError(f"{self.source}: has no rows to predict")
        wrong = []
        for column in self.columns:
            strays = self.cells[UNREADABLE][column.name]
            if strays > (self.rows - self.empty[column.name]) / 2:
                such_as = self._such_as(UNREADABLE, column)
                wrong.append(f"{column.name!r} as {_read_as(column)} in {strays} of {self.rows} rows{such_as}")
        if wrong:
            raise UserError(f"{self.source}: most cells of a column cannot be read: {'; '.join(wrong)}")

    def findings(self) -> list[dict[str, Any]]:
        """What to warn of: column, what is wrong, the number of cells, examples, and all of it in words."""
        found = []
        for column in self.columns:
            for what, counts in self.cells.items():
                if cells := counts[column.name]:
                    message = f"{column.name!r} {self._words(what, column, f'in {cells} of {self.rows} rows')}"
                    examples = [str(value) for value in self.examples[what, column.name]]
                    found.append(
                        {"column": column.name, "what": what, "cells": cells, "examples": examples, "message": message}
                    )
        return found

    def _words(self, what: str, column: ColumnSchema, rows: str) -> str:
        such_as = self._such_as(what, column)
        if what == MISSING:
            return f"is missing {rows}, and was in none of training"
        if what == UNREADABLE:
            return f"cannot be read as {_read_as(column)} {rows}{such_as}; they count as missing"
        if what == UNSEEN:
            return f"is a category that training did not have {rows}{such_as}"
        return f"is outside of its range in training, {column.min} to {column.max}, {rows}{such_as}"

    def _such_as(self, what: str, column: ColumnSchema) -> str:
        examples = self.examples[what, column.name]
        return f", such as {', '.join(repr(value) if isinstance(value, str) else str(value) for value in examples)}"


def _read_as(column: ColumnSchema) -> str:
    kinds = {"plain": "numbers", "1234.5": "numbers", "boolean": "truth values", "duration": "durations"}
    return kinds.get(column.format, f"{column.type}s like {column.format}") + (column.unit and f" with {column.unit!r}")
