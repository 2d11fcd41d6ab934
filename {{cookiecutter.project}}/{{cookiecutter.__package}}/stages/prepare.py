"""prepare: check and clean the raw table, split it into train and test, describe it in a schema and a profile."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from .. import changes, dataset, leaks, params, profile, schema
from ..errors import UserError
from ..files import replacing, write_json
from ..params import Params
from ..raw.target import listed
from ..schema import Schema
from ..split import choose_test, parse_time

METRICS = Path("results/prepare/metrics.json")
RARE = 5  # training rows of a class, below which it is hardly learned
MOST = 0.9  # share of one class, above which accuracy says little


def main() -> None:
    settings = params.load()
    raw, notes = dataset.read(settings.data.path, settings.data.types)
    print(f"read {len(raw)} rows and {raw.shape[1]} columns from {settings.data.path}", *notes, sep="\n")
    cleaned = dataset.clean(raw, settings.data, settings.prepare.duplicates)
    print(f"dropped {cleaned.duplicates} duplicate rows and {cleaned.without_target} with no {cleaned.target!r}")
    if cleaned.duplicates > len(raw) / 10:
        print("that is many duplicates: where each is a case of its own, set prepare.duplicates to keep")

    train, test, found = divide(cleaned, settings)
    found.notes = notes
    for name, score in leaks.scores(train, found).items():
        found.column(name).alone = score

    for name, rows in ((schema.TRAIN, train), (schema.TEST, test)):
        with replacing(name) as temporary:
            rows.to_parquet(temporary, index=False)
    found.save()
    profile.describe(train, found).save()
    write_json(METRICS, metrics(raw, cleaned, train, test, found))
    for line in (*remarks(train, found), *changes.lines(found)):
        print(line)
    print(f"{found.task} of {found.target!r} from {len(found.names())} columns")
    print(f"split into {len(train)} train and {len(test)} test rows ({found.split})")


def divide(cleaned: dataset.Cleaned, settings: Params) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """Split the rows, learn the schema from the training rows, and keep the columns that it uses."""
    table, target, task = cleaned.table, cleaned.target, cleaned.task
    by, method = settings.prepare.by, settings.prepare.split
    if by == target:
        raise UserError(f"params.yaml: prepare.by: {target!r}: is the target; choose another column to split by")
    if by in settings.data.drop:
        raise UserError(f"params.yaml: data.drop: {by!r}: is what prepare.by splits by; it is no feature then")
    settled = dataset.typed(cleaned, settings.data.types)
    typed = pd.DataFrame({name: column.values for name, column in settled.items()})
    if method == "time" and by in typed:
        table = table.assign(**{by: typed[by]})
    classes = table[target] if task == "classification" else None
    held_out = choose_test(table, classes, settings.prepare)
    if method == "time":  # in order, for cross-validation that never looks ahead
        order = parse_time(typed[by]).argsort(kind="stable")
        typed, held_out = typed.iloc[order], held_out[order]
    train, test = typed[~held_out], typed[held_out]
    if task == "classification" and train[target].nunique() < 2:
        raise UserError(f"only one class of {target!r} is left in training; choose another prepare.split or target")

    found = Schema(
        task=task,
        target=target,
        classes=sorted(train[target].unique().tolist()) if classes is not None else None,
        split=method,
        by=by,
        train_rows=len(train),
        test_rows=len(test),
        columns=dataset.describe(train, test, settled, cleaned, settings),
    )
    if not found.names():
        reasons = ", ".join(f"{c.name!r}: {c.reason}" for c in found.columns if c.role == "dropped")
        raise UserError(f"no column is left to predict {target!r} from ({reasons}); give the table more columns")
    kept = [column.name for column in found.columns if column.role != "dropped"]
    return train[kept], test[kept], found


def remarks(train: pd.DataFrame, found: Schema) -> list[str]:
    """A line for each thing that was decided of the columns, or that a person should look at."""
    decided = defaultdict(list)
    for column in found.columns:
        if column.role == "dropped":
            decided[f"left out, {column.reason}"].append(column.name)
        elif column.note:
            decided[column.note].append(column.name)
    lines = [f"{what}: {listed(names)}" for what, names in decided.items()]
    for column in leaks.suspects(found):
        lines.append(
            f"may be a leak: {column.name!r} alone predicts {found.target!r} ({column.alone:.3f} of 1); "
            "if it is not known before the target is, add it to data.drop"
        )
    return lines + (class_remarks(train[found.target]) if found.task == "classification" else [])


def class_remarks(classes: pd.Series) -> list[str]:
    """Lines on classes that are too rare, or too frequent, to take accuracy at its word."""
    lines, counts = [], classes.value_counts()
    if rare := [f"{label} ({count})" for label, count in counts.items() if count < RARE]:
        lines.append(f"classes with fewer than {RARE} training rows, hardly learned: {listed(rare)}")
    if counts.iloc[0] > MOST * len(classes):
        share = counts.iloc[0] / len(classes)
        lines.append(
            f"{share:.1%} of the rows are {counts.index[0]!r}: accuracy says little; "
            "set train.scoring to balanced_accuracy or roc_auc_ovr"
        )
    return lines


def metrics(
    raw: pd.DataFrame, cleaned: dataset.Cleaned, train: pd.DataFrame, test: pd.DataFrame, found: Schema
) -> dict[str, object]:
    """Counts of rows and columns, share of missing cells, share of each class (of all rows with a target)."""
    result = {
        "rows": len(raw),
        "columns": raw.shape[1],
        "duplicate_rows": cleaned.duplicates,
        "rows_without_target": cleaned.without_target,
        "train_rows": len(train),
        "test_rows": len(test),
        "features": len(found.names()),
        "missing_share": round(float(raw.isna().to_numpy().mean()), 6),
    }
    if found.task == "classification":
        shares = cleaned.table[found.target].value_counts(normalize=True).sort_index()
        result["class_share"] = {str(label): round(share, 6) for label, share in shares.items()}
    return result


if __name__ == "__main__":
    main()
