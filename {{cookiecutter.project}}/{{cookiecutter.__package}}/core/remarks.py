"""The lines that prepare prints about the columns and classes: its decisions, and things that a person should check."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from . import leakage
from .clean import Cleaned
from .schema import Schema
from .sniff.names import quote_list

MIN_CLASS_ROWS = 5  # training rows of a class, below which it is hardly learned
MAX_CLASS_FRACTION = 0.9  # share of one class, above which accuracy means little
MAX_LOOK_ALIKE_CATEGORIES = 1000  # of a column; with more they are not compared
TRUTH_WORDS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), "true"),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), "false"),
}


def lines(cleaned: Cleaned, train: pd.DataFrame, schema: Schema) -> list[str]:
    """A line for each decision about the rows and columns, and for each thing that a person should check."""
    result = list(cleaned.notes)
    if cleaned.duplicates > cleaned.rows / 10:
        result.append("many duplicates: if each is a case of its own, set prepare.duplicates to keep")
    result += column_warnings(schema)
    return result + (class_warnings(cleaned, train[schema.target]) if schema.task == "classification" else [])


def column_warnings(schema: Schema) -> list[str]:
    """Columns that were left out, read in a special way, or that may leak the target."""
    names = defaultdict(list)
    for column in schema.columns:
        if column.role == "dropped":
            names[f"left out, {column.reason}"].append(column.name)
        elif column.note:
            names[column.note].append(column.name)
    result = [f"{remark}: {quote_list(columns)}" for remark, columns in names.items()]
    for column in schema.columns:
        if column.role == "feature" and 0 < len(column.categories or ()) <= MAX_LOOK_ALIKE_CATEGORIES:
            result += _look_alike_lines(f"categories of {column.name!r}", column.categories or ())
    for column in leakage.suspects(schema):
        result.append(
            f"may leak the target: {column.name!r} alone predicts {schema.target!r} "
            f"({column.single_feature_score:.3f} of 1); if it is not known before the target is, add it to data.drop"
        )
    return result


def class_warnings(cleaned: Cleaned, classes: pd.Series) -> list[str]:
    """Classes that look alike, are too rare to learn, or so frequent that accuracy means little."""
    labels = [str(label) for label in cleaned.table[cleaned.target].unique()]
    result, counts = _look_alike_lines("classes", labels, TRUTH_WORDS), classes.value_counts()
    if rare := [f"{label} ({count})" for label, count in counts.items() if count < MIN_CLASS_ROWS]:
        result.append(f"classes with fewer than {MIN_CLASS_ROWS} training rows, hardly learned: {quote_list(rare)}")
    if counts.iloc[0] > MAX_CLASS_FRACTION * len(classes):
        share = counts.iloc[0] / len(classes)
        result.append(
            f"{share:.1%} of the rows are {counts.index[0]!r}: accuracy means little; "
            "set train.scoring to balanced_accuracy or roc_auc_ovr"
        )
    return result


def _look_alike_lines(where: str, texts: Iterable[str], synonyms: dict[str, str] | None = None) -> list[str]:
    """A line for texts that differ only in case, spaces or characters that cannot be seen, or mean the same."""
    groups = defaultdict(list)
    for text in sorted(set(texts)):
        folded = fold(text)
        groups[(synonyms or {}).get(folded, folded)].append(ascii(text) if has_unseen(text) else repr(text))
    alike = [" and ".join(group) for group in groups.values() if len(group) > 1]
    return (
        [f"{where} that look alike: {'; '.join(alike)}; if they are the same, make them so in the data"]
        if alike
        else []
    )


def fold(text: str) -> str:
    """A text without case, spaces at the ends or doubled, points at the end, and characters that cannot be seen."""
    seen = "".join(" " if character.isspace() else character for character in text if not _is_unseen(character))
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split()).rstrip(".")


def has_unseen(text: str) -> bool:
    """Whether a text has characters that cannot be seen, such as a zero-width space."""
    return any(_is_unseen(character) or (character.isspace() and character != " ") for character in text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc") and not character.isspace()
