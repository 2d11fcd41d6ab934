"""predict: predict the rows of a file, checked against the model's schema and read in chunks."""

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..core import reader
from ..core.config import read_params
from ..core.errors import UserError, printable
from ..core.files import atomic_write
from ..core.formatting import to_json
from ..core.predictor import CHUNK_ROWS, Predictor
from ..core.sniff.task import did_you_mean, quote_list
from ..core.validation import InputValidator

PROGRESS_SECONDS = 2


def run(arguments: Namespace) -> None:
    """Predict the rows of a file. Raises UserError if the model, the input or the output cannot be used."""
    source, output = Path(arguments.input), arguments.output and Path(arguments.output)
    check_output(source, output, arguments.json)
    predictor = load(arguments.model)
    chunks = reader.read_chunks(source, CHUNK_ROWS)
    validator = InputValidator(source, predictor.schema)
    extra = validator.extra(chunks.names)
    check_id_columns(arguments.id_column, chunks.names, predictor.names)
    counts: Counter[str] = Counter()
    write(predictions(predictor, validator, chunks.tables, arguments.id_column, counts), output)
    unsure = counts[predictor.unsure]
    findings = validator.findings()
    if arguments.json:
        facts: dict[str, object] = {"commit": predictor.commit, "rows": validator.rows, "unsure": unsure}
        facts |= {"extra": extra, "notes": chunks.notes, "findings": findings}
        print(to_json(facts))
        return
    ignored = [f"extra columns, ignored: {quote_list(extra)}"] if extra else []
    for line in [*chunks.notes, *ignored, *(finding["message"] for finding in findings)]:
        print(f"warning: {printable(line)}", file=sys.stderr)
    if output:
        decides = "decision" in predictor.names
        abstained = f", {unsure} {predictor.unsure} (below {predictor.threshold:g})" if decides else ""
        print(f"{output}: {validator.rows} rows predicted{abstained}")


def check_output(source: Path, output: Path | None, as_json: bool) -> None:
    """Raise UserError for a file that cannot be written, or is the input."""
    if output is None:
        if as_json:
            raise UserError("--json: needs -o FILE for the predictions")
    elif output.suffix not in (".csv", ".parquet"):
        raise UserError(f"-o {output}: use a name that ends in .csv or .parquet")
    elif output.is_dir():
        raise UserError(f"-o {output}: is a folder; name a file")
    elif output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"-o {output}: is the input; choose another name")
    elif source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise UserError(f"-o {output}: is in the folder of the input; choose another place")


def check_id_columns(id_columns: list[str], names: list[str], predicted: list[str]) -> None:
    """Raise UserError for columns that are not there, or have a name of those that predict writes."""
    for name in id_columns:
        if name not in names:
            raise UserError(f"--id-column {name!r}: is not a column; {did_you_mean(name, names)}")
        if name in predicted:
            raise UserError(f"--id-column {name!r}: predict writes a column of that name; rename it in the input")


def load(rev: str | None) -> Predictor:
    """The model of the workspace, or of a revision. Raises UserError if it cannot be loaded."""
    read_params()  # reports where to run this
    return Predictor.load() if rev is None else Predictor.load(rev=rev)


def predictions(
    predictor: Predictor,
    validator: InputValidator,
    tables: Iterator[pa.Table],
    id_columns: list[str],
    counts: Counter[str],
) -> Iterator[pa.Table]:
    """A table of predictions, behind the columns to keep, for each table of rows; decisions are counted."""
    last_progress = time.monotonic()
    for table, columns in predictor.predict_tables(tables, validator):
        counts.update(columns.get("decision", ()))
        yield pa.table({name: table[name] for name in id_columns} | columns)
        if time.monotonic() > last_progress + PROGRESS_SECONDS:
            last_progress = time.monotonic()
            print(f"{validator.rows} rows", file=sys.stderr)


def write(tables: Iterator[pa.Table], output: Path | None) -> None:
    """Write to a .csv or .parquet file, or to the terminal as CSV; a file is there when all of it is written."""
    first = next(tables)  # an error in its rows comes before anything is written
    tables = chain([first], tables)
    if output is None:
        write_csv(tables, sys.stdout)
        return
    with atomic_write(output) as temporary:
        if output.suffix == ".csv":
            with temporary.open("w", encoding="utf-8", newline="") as file:
                write_csv(tables, file)
        else:
            with pq.ParquetWriter(temporary, first.schema) as writer:
                for table in tables:
                    writer.write_table(table)


def write_csv(tables: Iterator[pa.Table], file: TextIO) -> None:
    for number, table in enumerate(tables):
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)  # which has whole numbers beside missing ones
        frame.to_csv(file, index=False, header=number == 0, lineterminator="\n")
