"""prepare: check and clean the raw table, split it into train and test, describe it in a schema."""

from pathlib import Path

import pandas as pd

from .. import dataset, params, schema
from ..errors import UserError
from ..files import replacing, write_json
from ..schema import Schema
from ..split import choose_test, parse_time

METRICS = Path("results/prepare/metrics.json")


def main() -> None:
    settings = params.load()
    raw = dataset.read(settings.data.path)
    print(f"read {len(raw)} rows and {raw.shape[1]} columns from {settings.data.path}")
    cleaned = dataset.clean(raw, settings.data, settings.prepare.duplicates)
    print(f"dropped {cleaned.duplicates} duplicate rows and {cleaned.without_target} with no {cleaned.target!r}")
    if cleaned.duplicates > len(raw) / 10:
        print("that is many duplicates: where each is a case of its own, set prepare.duplicates to keep")

    train, test, found = divide(cleaned, settings.prepare)
    for name, rows in ((schema.TRAIN, train), (schema.TEST, test)):
        with replacing(name) as temporary:
            rows.to_parquet(temporary, index=False)
    found.save()
    write_json(METRICS, metrics(raw, cleaned, train, test, found))
    for column in found.columns:
        if column.role == "dropped":
            print(f"left out {column.name!r}: {column.reason}")
    print(f"{found.task} of {found.target!r} from {len(found.names())} columns")
    print(f"split into {len(train)} train and {len(test)} test rows ({found.split})")


def divide(cleaned: dataset.Cleaned, settings: params.Prepare) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """Split the rows, learn the schema from the training rows, and keep the columns that it uses."""
    table, target, task = cleaned.table, cleaned.target, cleaned.task
    if settings.by == target:
        raise UserError(f"params.yaml: prepare.by: {target!r}: is the target; choose another column to split by")
    classes = table[target] if task == "classification" else None
    held_out = choose_test(table, classes, settings)
    if settings.split == "time":  # in order, for cross-validation that never looks ahead
        order = parse_time(table[settings.by]).argsort(kind="stable")
        table, held_out = table.iloc[order], held_out[order]
    typed = dataset.typed(table, target)
    train, test = typed[~held_out], typed[held_out]
    if task == "classification" and train[target].nunique() < 2:
        raise UserError(f"only one class of {target!r} is left in training; choose another prepare.split or target")

    found = Schema(
        task=task,
        target=target,
        classes=sorted(train[target].unique().tolist()) if classes is not None else None,
        split=settings.split,
        by=settings.by,
        train_rows=len(train),
        test_rows=len(test),
        columns=dataset.describe(train, target, settings, cleaned.rows),
    )
    if not found.names():
        reasons = ", ".join(f"{c.name!r}: {c.reason}" for c in found.columns if c.role == "dropped")
        raise UserError(f"no column is left to predict {target!r} from ({reasons}); give the table more columns")
    kept = [column.name for column in found.columns if column.role != "dropped"]
    return train[kept], test[kept], found


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
