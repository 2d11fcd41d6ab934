"""predict: what a model says of new rows, which are checked against its schema and read in chunks."""

import json
import os
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.pipeline import Pipeline

from .. import dataset, metrics, model, params, schema
from ..errors import UserError
from ..files import replacing
from ..raw.target import known, listed
from ..schema import Schema
from . import models
from .checks import Checks

ROWS = 100_000  # in memory at a time
SECONDS = 2  # between two lines of progress


class Predictor(NamedTuple):
    """A model, what it knows of the columns, and the probability below which it is unsure; the commit, if it is of one."""

    commit: str | None
    pipeline: Pipeline
    found: Schema
    threshold: float

    @property
    def unsure(self) -> str:
        """The word for unsure, which is no class."""
        word = "unsure"
        while word in map(str, self.found.classes or ()):
            word += "_"
        return word

    def predict(self, features: pd.DataFrame) -> dict[str, Any]:
        """Columns for rows of features: predicted; for classes also decision, and probability_CLASS of each."""
        said = metrics.predict(self.pipeline, features)
        if said.classes is None:
            return {"predicted": said.labels}
        decision = np.where(said.greatest >= self.threshold, said.labels.astype(str).astype(object), self.unsure)
        return dict(zip(self.names(), (said.labels, decision, *said.probabilities.T), strict=True))

    def names(self) -> list[str]:
        if self.found.task == "regression":
            return ["predicted"]
        return ["predicted", "decision", *(f"probability_{label}" for label in self.found.classes)]


def run(arguments: Namespace) -> None:
    """Predict the rows of a file. Raises UserError for what is wrong with the model, the input or the output."""
    source, output = Path(arguments.input), arguments.output and Path(arguments.output)
    check_output(source, output, arguments.json)
    predictor = load(arguments.model)
    chunks = dataset.read_chunks(source, ROWS)
    checks = Checks(source, predictor.found)
    extra = checks.extra(chunks.names)
    check_kept(arguments.keep, chunks.names, predictor.names())
    counts = Counter()
    write(predictions(predictor, checks, chunks.tables, arguments.keep, counts), output)
    unsure = counts[predictor.unsure]
    findings = checks.findings()
    if arguments.json:
        facts = {"commit": predictor.commit, "rows": checks.rows, "unsure": unsure}
        facts |= {"extra": extra, "notes": chunks.notes, "findings": findings}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    ignored = [f"extra columns, ignored: {listed(extra)}"] if extra else []
    for line in [*chunks.notes, *ignored, *(finding["said"] for finding in findings)]:
        print(f"warning: {line}", file=sys.stderr)
    if output:
        doubt = f", {unsure} {predictor.unsure} (below {predictor.threshold:g})" if predictor.found.classes else ""
        print(f"{output}: {checks.rows} rows predicted{doubt}")


def check_output(source: Path, output: Path | None, as_json: bool) -> None:
    """Raise UserError for a file that cannot be written, or is the input."""
    if output is None:
        if as_json:
            raise UserError("--json tells of the rows; say with -o where the predictions go")
    elif output.suffix not in (".csv", ".parquet"):
        raise UserError(f"-o {output}: use a name that ends in .csv or .parquet")
    elif output.is_dir():
        raise UserError(f"-o {output}: is a folder; name a file")
    elif output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"-o {output}: is the input; choose another name")


def check_kept(keep: list[str], names: list[str], predicted: list[str]) -> None:
    """Raise UserError for columns that are not there, or have a name of those that predict writes."""
    for name in keep:
        if name not in names:
            raise UserError(f"--keep {name!r}: is no column; {known(name, names)}")
        if name in predicted:
            raise UserError(f"--keep {name!r}: predict writes a column of that name; rename it in the input")


def load(which: str | None) -> Predictor:
    """The model of the workspace (None), an experiment, a Git revision or the registry, with its own schema and params.

    Raises UserError where one of them is not there, is damaged, or is of another run than the others.
    """
    rev = models.resolve(which)
    with models.files(rev, [model.PATH, schema.PATH, params.PATH]) as folder:
        try:
            threshold = params.load(folder / params.PATH).evaluate.confidence_threshold
            found = schema.load(folder / schema.PATH)
            pipeline = model.load(folder / model.PATH)
            model.check(pipeline, found)
        except UserError as error:
            if rev is None:
                raise
            raise UserError(f"{which}: {str(error).replace(f'{folder}{os.sep}', '')}") from error
    return Predictor(rev, pipeline, found, threshold)


def predictions(
    predictor: Predictor, checks: Checks, tables: Iterator[pa.Table], keep: list[str], counts: Counter[str]
) -> Iterator[pa.Table]:
    """A table of predictions, behind the columns to keep, for each table of rows; decisions are counted.

    Raises UserError for rows that checks refuses: before the first table, or after the last.
    """
    said = time.monotonic()
    for table in tables:
        if not table.num_rows:
            continue
        frame = checks.read(dataset.to_frame(table.select([column.name for column in checks.columns])))
        if checks.rows == table.num_rows:
            checks.refuse()
        columns = predictor.predict(predictor.found.features(frame))
        counts.update(columns.get("decision", ()))
        yield pa.table({name: table[name] for name in keep} | columns)
        if time.monotonic() > said + SECONDS:
            said = time.monotonic()
            print(f"{checks.rows} rows", file=sys.stderr)
    checks.refuse()


def write(tables: Iterator[pa.Table], output: Path | None) -> None:
    """Write to a .csv or .parquet file, or to the terminal as CSV; a file is there when all of it is written."""
    first = next(tables)  # an error in its rows comes before anything is written
    tables = chain([first], tables)
    if output is None:
        write_csv(tables, sys.stdout)
        return
    with replacing(output) as temporary:
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
