"""What prepare prints about the columns and classes: decisions that it took, and things to look at."""

from collections import defaultdict

import pandas as pd

from . import leakage
from .clean import Cleaned
from .schema import Schema
from .sniff.task import quote_list

MIN_CLASS_ROWS = 5  # training rows of a class, below which it is hardly learned
MAX_CLASS_FRACTION = 0.9  # share of one class, above which accuracy says little


def lines(cleaned: Cleaned, train: pd.DataFrame, schema: Schema) -> list[str]:
    """A line for each decision about the rows and columns, and for each thing that a person should look at."""
    result = []
    if cleaned.duplicates > cleaned.rows / 10:
        result.append("many duplicates: if each is a case of its own, set prepare.duplicates to keep")
    result += column_warnings(schema)
    return result + (class_warnings(train[schema.target]) if schema.task == "classification" else [])


def column_warnings(schema: Schema) -> list[str]:
    """Columns that were left out, read in a special way, or that may leak the target."""
    names = defaultdict(list)
    for column in schema.columns:
        if column.role == "dropped":
            names[f"left out, {column.reason}"].append(column.name)
        elif column.note:
            names[column.note].append(column.name)
    result = [f"{remark}: {quote_list(columns)}" for remark, columns in names.items()]
    for column in leakage.suspects(schema):
        result.append(
            f"may leak the target: {column.name!r} alone predicts {schema.target!r} "
            f"({column.single_feature_score:.3f} of 1); if it is not known before the target is, add it to data.drop"
        )
    return result


def class_warnings(classes: pd.Series) -> list[str]:
    """Classes that are too rare to learn, or so frequent that accuracy says little."""
    result, counts = [], classes.value_counts()
    if rare := [f"{label} ({count})" for label, count in counts.items() if count < MIN_CLASS_ROWS]:
        result.append(f"classes with fewer than {MIN_CLASS_ROWS} training rows, hardly learned: {quote_list(rare)}")
    if counts.iloc[0] > MAX_CLASS_FRACTION * len(classes):
        share = counts.iloc[0] / len(classes)
        result.append(
            f"{share:.1%} of the rows are {counts.index[0]!r}: accuracy says little; "
            "set train.scoring to balanced_accuracy or roc_auc_ovr"
        )
    return result
