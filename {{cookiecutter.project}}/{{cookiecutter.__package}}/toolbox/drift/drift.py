"""drift: compare the distribution of each column in new rows with the training rows, or between two revisions."""

import shlex
import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from scipy.stats import false_discovery_control

from ... import params
from ...core import infer, paths, reader, revisions
from ...core import schema as schemas
from ...core.errors import UserError, printable, reading
from ...core.formatting import to_json
from ...core.profile import ColumnProfile, Profile
from ...core.schema import Schema
from ...core.schema_diff import PLURAL
from ...core.sniff.task import did_you_mean, quote_list
from ..tables import to_text_table
from . import statistics
from .statistics import BinCounts

SIGNIFICANT = 0.05
MAX_COLUMNS = 30  # in the table
MAX_CATEGORIES = 12  # new ones that are listed, of a column
CHUNK_ROWS = 100_000  # of a file in memory at a time
PROGRESS_SECONDS = 2
DRIFTED = 2  # the exit code


class Current(NamedTuple):
    """The current data, which is compared with the reference.

    Attributes:
        source: a file, or "the workspace".
        rows: how many.
        counts: the rows of each column that is compared.
        added: columns that the reference does not have.
        types: columns whose type differs from the reference, with their type.
        unreadable: values that are not written as in training, by column.
    """

    source: str
    rows: int
    counts: dict[str, BinCounts]
    added: list[str]
    types: dict[str, str]
    unreadable: Counter[str]


def run(arguments: Namespace) -> None:
    """Print what drifted, and draw it. Exit with 2 if a column drifted; raise UserError for what cannot be compared."""
    if arguments.plot and not arguments.plot.endswith(".html"):
        raise UserError(f"--plot {arguments.plot}: should end in .html")
    params.load()  # its message names the folder to run this in
    facts = compare_profiles(arguments.file, arguments.reference, arguments.threshold, arguments.ignore)
    if arguments.plot:
        from . import plot  # Altair is slow to load

        plot.save(facts, format_title(facts), Path(arguments.plot))
    print(to_json(facts) if arguments.json else printable("\n".join(format_text(facts))))
    if facts["drifted"]:
        sys.exit(DRIFTED)


def compare_profiles(file: str | None, reference: str | None, threshold: float, ignored: list[str]) -> dict[str, Any]:
    """Compare the columns of the current data with the reference.

    Args:
        file: a CSV or Parquet file with the current data; None for the training rows of the workspace.
        reference: the revision whose training rows are the reference; None for the workspace if there is a file, and
            otherwise for the last commit.
        threshold: the PSI from which a column has drifted.
        ignored: columns to leave out.

    Raises:
        UserError: the reference or the file cannot be read, or has nothing to compare.
    """
    profile, schema = load_profile(reference or (None if file else "HEAD"))
    columns = choose_columns(profile, ignored)
    current = count_file(file, schema, columns) if file else count_workspace(columns)
    if not current.counts:
        raise UserError(f"{current.source}: has none of the columns to compare: {quote_list(list(columns))}")
    results = [describe_column(columns[name], counts) for name, counts in current.counts.items()]
    results = sorted(add_levels(results, threshold), key=lambda column: -column["psi"])
    absent = [name for name in columns if name not in current.counts and name not in current.types]
    # The target of new rows is often not known yet.
    lost = [name for name in absent if not (file and name == schema.target)]
    drifted = [column["name"] for column in results if column["level"] == "drifted"]
    source = reference or ("the workspace" if file else "the last commit")
    return {
        "reference": {"source": source, "rows": profile.rows},
        "current": {"source": current.source, "rows": current.rows},
        "threshold": threshold,
        "drifted": drifted + lost + list(current.types),
        "lost": lost,
        "added": [name for name in current.added if name not in ignored],
        "types": current.types,
        "unreadable": dict(current.unreadable),
        "without_target": lost != absent,
        "columns": results,
    }


def choose_columns(profile: Profile, ignored: list[str]) -> dict[str, ColumnProfile]:
    """The columns to compare. Raises UserError for a name that is not among them, or if none is left."""
    columns = {column.name: column for column in profile.columns}
    for name in ignored:
        if name not in columns:
            raise UserError(f"--ignore {name}: is not a column to compare; {did_you_mean(name, list(columns))}")
    kept = {name: column for name, column in columns.items() if name not in ignored}
    if not kept:
        raise UserError("--ignore: leaves no column to compare; ignore fewer")
    return kept


def describe_column(reference: ColumnProfile, current: BinCounts) -> dict[str, Any]:
    comparison = statistics.compare(reference, current)
    new_categories = dict(current.new_categories)
    about = {"name": reference.name, "role": reference.role, "type": reference.type}
    return {**about, **comparison, "new_categories": new_categories}


# --- The data -------------------------------------------------------------------------------------------------------


def load_profile(reference: str | None) -> tuple[Profile, Schema]:
    """The profile and the schema of a revision or an experiment, or of the workspace (None).

    Raises UserError if they are missing, damaged or of another version of this code.
    """
    rev = revisions.resolve(reference)
    place = f"{reference}: " if reference else ""
    try:
        with revisions.files(rev, (paths.PROFILE, paths.SCHEMA)) as folder:
            file = folder / paths.PROFILE
            with reading(file, schemas.REPEAT, called=f"{place}{paths.PROFILE.as_posix()}"):
                profile = Profile.model_validate_json(file.read_bytes())
            return profile, schemas.load(folder / paths.SCHEMA, called=f"{place}{paths.SCHEMA.as_posix()}")
    except UserError as error:
        if rev is None:
            raise
        table = Path(params.load().data.path)
        get = f"dvc get . {shlex.quote(str(table))} --rev {reference} -o old{table.suffix}"
        raise UserError(
            f"{error}; or compare its table with the rows here: {get}, then drift old{table.suffix}"
        ) from error


def count_workspace(columns: dict[str, ColumnProfile]) -> Current:
    """The rows of the workspace, from its profile."""
    profile, _ = load_profile(None)
    now = {column.name: column for column in profile.columns}
    types, counts = {}, {}
    for name, column in columns.items():
        if name in now and now[name].type != column.type:
            types[name] = str(now[name].type)
        elif name in now:
            counts[name] = statistics.spread(column, now[name])
    added = [name for name in now if name not in columns]
    return Current("the workspace", profile.rows, counts, added, types, Counter())


def count_file(path: str, schema: Schema, columns: dict[str, ColumnProfile]) -> Current:
    """Count the rows of a file, chunk by chunk, with its values read as in training."""
    chunks = reader.read_chunks(path, CHUNK_ROWS, f"; to compare with a revision: drift --reference {path}")
    present = {name: column for name, column in columns.items() if name in chunks.names}
    rows = 0
    counts: dict[str, BinCounts] = {}
    unreadable: Counter[str] = Counter()
    last_progress = time.monotonic()
    for chunk in chunks.tables:
        frame = reader.to_frame(chunk.select(list(present)))
        for name, column in present.items():
            values, strays = infer.read_as(frame[name], schema.column(name))
            unreadable[name] += len(strays)
            # A row without a target is not a row to learn from.
            counted = statistics.count(column, values.dropna() if column.role == "target" else values)
            counts[name] = counts[name].add(counted) if name in counts else counted
        rows += chunk.num_rows
        if time.monotonic() > last_progress + PROGRESS_SECONDS:
            last_progress = time.monotonic()
            print(f"{rows} rows", file=sys.stderr)
    if not rows:
        raise UserError(f"{path}: has no rows to compare; choose another file")
    counts = {name: counted for name, counted in counts.items() if counted.rows}  # not a target without any value
    known = {column.name for column in schema.columns}
    return Current(path, rows, counts, [name for name in chunks.names if name not in known], {}, +unreadable)


# --- The verdict ----------------------------------------------------------------------------------------------------


def add_levels(columns: list[dict[str, Any]], threshold: float) -> list[dict[str, Any]]:
    """The columns with p_adjusted and level.

    p is adjusted for the number of columns without dates (Benjamini and Hochberg, 1995). A column has drifted if its
    index reaches the threshold and p_adjusted is below SIGNIFICANT: in few rows the index is large by chance, and in
    many rows any p is small.
    """
    tested = [column["p"] for column in columns if column["type"] != "date"]
    adjusted = iter(false_discovery_control(tested) if tested else ())
    results = []
    for column in columns:
        p = None if column["type"] == "date" else float(next(adjusted))
        results.append({**column, "p_adjusted": p, "level": level(column["psi"], p, threshold)})
    return results


def level(psi: float, p: float | None, threshold: float) -> str:
    """The word for a drift; p: None for dates."""
    if p is None:
        return "not judged"
    if psi < threshold / 2:
        return "stable"
    if p >= SIGNIFICANT:
        return "unclear"
    return "drifted" if psi >= threshold else "moderate"


# --- The output -----------------------------------------------------------------------------------------------------


def format_title(facts: dict[str, Any]) -> str:
    current, reference = facts["current"], facts["reference"]
    return (
        f"{current['rows']} rows of {current['source']}, compared with "
        f"{reference['rows']} training rows of {reference['source']}"
    )


def format_text(facts: dict[str, Any]) -> list[str]:
    """The facts as a table, and lines on what it does not show."""
    columns = facts["columns"][:MAX_COLUMNS]
    table = {
        "column": [column["name"] + (" (target)" if column["role"] == "target" else "") for column in columns],
        "type": [column["type"] for column in columns],
        "PSI": [f"{column['psi']:.3f}" for column in columns],
        "test": [f"{column['test']} {column['statistic']:.3g}" for column in columns],
        "p": ["" if column["p_adjusted"] is None else f"{column['p_adjusted']:.2g}" for column in columns],
        "level": [column["level"] for column in columns],
    }
    lines = [format_title(facts), "", to_text_table(table), ""]
    if len(facts["columns"]) > MAX_COLUMNS:
        lines.append(f"{len(facts['columns']) - MAX_COLUMNS} more columns, with a lower PSI: --json prints all")
    for column in facts["columns"]:
        if column["new_categories"]:
            lines.append(format_new_categories(column))
    return lines + format_remarks(facts)


def format_new_categories(column: dict[str, Any]) -> str:
    counts = [f"{name!r} ({rows:.0f})" for name, rows in column["new_categories"].items()]
    more = " ..." if len(counts) > MAX_CATEGORIES else ""
    return f"new categories of {column['name']!r} (rows): {', '.join(counts[:MAX_CATEGORIES])}{more}"


def format_remarks(facts: dict[str, Any]) -> list[str]:
    """Lines on columns that cannot be compared, and the verdict."""
    lines = [f"{name!r} holds {PLURAL[column_type]} now" for name, column_type in facts["types"].items()]
    for name, count in facts["unreadable"].items():
        lines.append(f"{name!r} is not written as in training in {count} rows: these values count as missing")
    levels = [column["level"] for column in facts["columns"]]
    if facts["lost"]:
        lines.append(f"lost columns: {quote_list(facts['lost'])}")
    if facts["added"]:
        lines.append(f"new columns, not compared: {quote_list(facts['added'])}")
    if facts["without_target"]:
        lines.append(f"the target is not in {facts['current']['source']}, and not compared")
    if "unclear" in levels:
        lines.append("unclear: with so few rows, the difference may be chance")
    if "not judged" in levels:
        lines.append("dates are not judged: new rows are later rows")
    rule = f"PSI of {facts['threshold']:g} or more, and p below {SIGNIFICANT:g}"
    if not facts["drifted"]:
        return [*lines, f"nothing drifted ({rule})"]
    return [*lines, f"drifted ({rule}; or lost, or of another type): {quote_list(facts['drifted'])}"]
