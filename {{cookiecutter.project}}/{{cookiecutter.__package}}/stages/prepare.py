"""prepare: clean the raw table, split it into train and test, describe it in a schema and a profile."""

import pandas as pd

from ..core import clean, leakage, profile, reader, remarks, schema_diff
from ..core.errors import UserError
from ..core.files import atomic_write, write_json
from ..core.paths import PREPARE_METRICS, TEST, TRAIN
from ..core.schema import Schema
from ..core.split import require_sortable, test_mask
from ..params import Data, Prepare, load


def main() -> None:
    settings = load()
    data = settings.data
    before = reader.identity(data.path)
    raw, notes = reader.read(data.path)
    print(f"read {len(raw)} rows and {raw.shape[1]} columns from {data.path}", *notes, sep="\n")
    cleaned = clean.clean(
        raw,
        target=data.target,
        task=data.task,
        types=data.types,
        drop=data.drop,
        missing=data.missing,
        duplicates=settings.prepare.duplicates,
    )
    print(f"dropped {cleaned.duplicates} duplicate rows and {cleaned.without_target} without {cleaned.target!r}")

    train, test, schema = split_and_describe(cleaned, data, settings.prepare)
    schema.notes = notes
    for name, score in leakage.scores(train, schema).items():
        schema.column(name).single_feature_score = score

    for path, rows in ((TRAIN, train), (TEST, test)):
        with atomic_write(path) as temporary:
            rows.to_parquet(temporary, index=False)
    schema.save()
    profile.describe(train, schema).save()
    write_json(PREPARE_METRICS, describe_rows(raw, cleaned, schema))
    reader.require_unchanged(data.path, before)  # DVC records the file's hash after this
    for line in (*remarks.lines(cleaned, train, schema), *schema_diff.lines(schema)):
        print(line)
    print(f"{schema.task} of {schema.target!r} from {len(schema.names())} columns")
    print(f"split into {len(train)} train and {len(test)} test rows ({schema.split})")


def split_and_describe(
    cleaned: clean.Cleaned, data: Data, prepare: Prepare
) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """Split the rows, learn the schema from the training rows, keep the columns that it uses: train, test, schema."""
    table, target = cleaned.table, cleaned.target
    split, column = prepare.split, prepare.split_column
    where = f"params.yaml: prepare.split_column: {column!r}"
    if column == target:
        raise UserError(f"{where}: is the target; choose another column to split by")
    if column in data.drop:
        raise UserError(f"{where}: is in data.drop; remove it there, it is not used as a feature")
    typed = clean.type_columns(cleaned, data.types)
    frame = pd.DataFrame({name: typed_column.values for name, typed_column in typed.items()})
    if split == "time" and column in frame:
        table = table.assign(**{str(column): frame[column]})
    is_classification = cleaned.task == "classification"
    held_out = test_mask(
        table,
        table[target] if is_classification else None,
        split=split,
        split_column=column,
        test_size=prepare.test_size,
        seed=prepare.seed,
    )
    if split == "time":  # in order, for cross-validation that never looks ahead
        order = require_sortable(frame[column]).argsort(kind="stable")
        frame, held_out = frame.iloc[order], held_out[order]
    train, test = frame[~held_out], frame[held_out]
    if is_classification and train[target].nunique() < 2:
        raise UserError(
            f"params.yaml: prepare.split: {split!r}: leaves one class of {target!r} in training; choose another"
        )
    classes = sorted(train[target].unique().tolist()) if is_classification else None
    schema = Schema(
        task=cleaned.task,
        target=target,
        classes=classes,
        positive=clean.positive_class(classes, data.positive),
        split=split,
        split_column=column,
        train_rows=len(train),
        test_rows=len(test),
        columns=clean.describe_columns(
            train,
            test,
            typed,
            target=target,
            raw_rows=cleaned.rows,
            types=data.types,
            drop=data.drop,
            split=split,
            split_column=column,
        ),
    )
    clean.require_features(schema)
    kept = [described.name for described in schema.columns if described.role != "dropped"]
    return train[kept], test[kept], schema


def describe_rows(raw: pd.DataFrame, cleaned: clean.Cleaned, schema: Schema) -> dict[str, object]:
    """Counts of rows and columns, share of missing values, share of each class among the rows with a target."""
    result: dict[str, object] = {
        "rows": len(raw),
        "columns": raw.shape[1],
        "duplicate_rows": cleaned.duplicates,
        "rows_without_target": cleaned.without_target,
        "train_rows": schema.train_rows,
        "test_rows": schema.test_rows,
        "features": len(schema.names()),
        "missing_fraction": round(float(raw.isna().to_numpy().mean()), 6),
    }
    if schema.task == "classification":
        shares = cleaned.table[schema.target].value_counts(normalize=True).sort_index()
        result["class_fraction"] = {str(label): round(share, 6) for label, share in shares.items()}
    return result


if __name__ == "__main__":
    main()
