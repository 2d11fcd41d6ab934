"""drift: whether the data moved, from one revision to another, or from the training rows to a new file."""

import json
import shlex
import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from scipy.stats import false_discovery_control

from .. import dataset, kinds, params, profile, schema
from ..changes import PLURAL
from ..errors import UserError
from ..profile import Column, Profile
from ..raw.target import known, listed
from ..schema import Schema
from . import models, stability
from .compare import table
from .stability import Rows

SIGNIFICANT = 0.05
SHOWN = 30  # columns in the table
ROWS = 100_000  # of a file in memory at a time
SECONDS = 2  # between two lines of progress


class New(NamedTuple):
    """The new data: the rows of each column of the reference, columns that it has not, those that are of another kind now,
    and cells that are not written as in training."""

    of: str
    rows: int
    seen: dict[str, Rows]
    added: list[str]
    kinds: dict[str, str]
    unreadable: Counter[str]


def run(arguments: Namespace) -> None:
    """Print what moved, and draw it. Exits with 2 where something drifted; raises UserError for what cannot be compared."""
    if arguments.plot and not arguments.plot.endswith(".html"):
        raise UserError(f"--plot {arguments.plot}: is no .html file")
    params.load()  # or else this is no project
    facts = collect(arguments.file, arguments.against, arguments.threshold, arguments.ignore)
    if arguments.plot:
        from . import drift_plot  # Altair is slow to load

        drift_plot.save(facts, title(facts), Path(arguments.plot))
    print(json.dumps(facts, indent=2, ensure_ascii=False) if arguments.json else "\n".join(told(facts)))
    if facts["drifted"]:
        sys.exit(2)


def collect(file: str | None, against: str | None, threshold: float, ignored: list[str]) -> dict[str, Any]:
    """What moved, as plain values.

    The reference are the training rows of `against`: by default those of the workspace for a file, or else those of the
    last commit. The new data are the file, or else the training rows of the workspace.
    """
    reference, found = load(against or (None if file else "HEAD"))
    columns = {column.name: column for column in reference.columns}
    if wrong := [name for name in ignored if name not in columns]:
        raise UserError(f"--ignore {wrong[0]}: is no column that is compared; {known(wrong[0], list(columns))}")
    columns = {name: column for name, column in columns.items() if name not in ignored}
    if not columns:
        raise UserError("--ignore: leaves no column to compare")
    new = of_file(file, found, columns) if file else of_workspace(columns)
    if not new.seen:
        raise UserError(f"{new.of}: has none of the columns to compare, which are {listed(list(columns))}")
    compared = [
        {
            "name": name,
            "role": columns[name].role,
            "kind": columns[name].kind,
            **stability.compare(columns[name], seen),
            "unseen": dict(seen.unseen),
        }
        for name, seen in new.seen.items()
    ]
    compared = sorted(judged(compared, threshold), key=lambda one: -one["psi"])
    # A new file may well lack the target: it is not known yet.
    absent = [name for name in columns if name not in new.seen and name not in new.kinds]
    lost = [name for name in absent if not (file and name == found.target)]
    return {
        "reference": {"of": against or ("the workspace" if file else "the last commit"), "rows": reference.rows},
        "new": {"of": new.of, "rows": new.rows},
        "threshold": threshold,
        "drifted": [one["name"] for one in compared if one["level"] == "drifted"] + lost + list(new.kinds),
        "lost": lost,
        "added": [name for name in new.added if name not in ignored],
        "kinds": new.kinds,
        "unreadable": dict(new.unreadable),
        "without_target": lost != absent,
        "columns": compared,
    }


def load(which: str | None) -> tuple[Profile, Schema]:
    """The profile and the schema of the workspace (None), or of a revision or an experiment.

    Raises UserError where there are none, or those of another version of this code.
    """
    rev, paths = models.resolve(which), (profile.PATH, schema.PATH)
    try:
        with models.files(rev, paths) as folder:
            described, found = ((folder / path).read_bytes() for path in paths)
    except FileNotFoundError as error:
        raise UserError(
            f"{Path(error.filename).as_posix()} is not there; run: dvc pull, or dvc repro prepare"
        ) from error
    except UserError as error:
        table = Path(params.load().data.path)
        how = f"dvc get . {shlex.quote(str(table))} --rev {which} -o old{table.suffix}, then drift old{table.suffix}"
        raise UserError(f"{error}; or compare the table of then with the rows of now: {how}") from error
    try:
        return Profile.model_validate_json(described), Schema.model_validate_json(found)
    except ValidationError as error:
        where = which or "the workspace"
        raise UserError(f"the profile of {where} is damaged, or of other code; run there: dvc repro prepare") from error


def of_workspace(columns: dict[str, Column]) -> New:
    now, _ = load(None)
    found = {column.name: column for column in now.columns}
    both = [name for name in columns if name in found]
    changed = {name: found[name].kind for name in both if found[name].kind != columns[name].kind}
    seen = {name: stability.spread(columns[name], found[name]) for name in both if name not in changed}
    return New("the workspace", now.rows, seen, [name for name in found if name not in columns], changed, Counter())


def of_file(path: str, found: Schema, columns: dict[str, Column]) -> New:
    """Count the rows of a file, chunk by chunk, with its cells read as those of training were."""
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file; to compare with a revision: drift --against {path}")
    chunks = dataset.read_chunks(path, ROWS)
    here = {name: column for name, column in columns.items() if name in chunks.names}
    rows, seen, unreadable, said = 0, {}, Counter(), time.monotonic()
    for part in chunks.tables:
        table = dataset.to_frame(part.select(list(here)))
        for name, column in here.items():
            values, strays = kinds.read_as(table[name], found.column(name))
            unreadable[name] += len(strays)
            # A row without the target is none to learn from.
            counted = stability.count(column, values.dropna() if column.role == "target" else values)
            seen[name] = seen[name] + counted if name in seen else counted
        rows += part.num_rows
        if time.monotonic() > said + SECONDS:
            said = time.monotonic()
            print(f"{rows} rows", file=sys.stderr)
    if not rows:
        raise UserError(f"{path}: has no rows to compare")
    seen = {name: counted for name, counted in seen.items() if counted.rows}  # not a target without any value
    known_names = {column.name for column in found.columns}
    return New(path, rows, seen, [name for name in chunks.names if name not in known_names], {}, +unreadable)


def judged(compared: list[dict[str, Any]], threshold: float) -> list[dict[str, Any]]:
    """The columns with p_adjusted and level.

    p is adjusted for the number of columns, dates left out (Benjamini and Hochberg, 1995). A column has drifted where its
    index reaches the threshold and p_adjusted is below SIGNIFICANT: in few rows the index is large by chance, in many any p
    is small.
    """
    tested = [one["p"] for one in compared if one["kind"] != "date"]
    adjusted = iter(false_discovery_control(tested) if tested else ())
    found = [{**one, "p_adjusted": None if one["kind"] == "date" else float(next(adjusted))} for one in compared]
    return [{**one, "level": level(one["psi"], one["p_adjusted"], threshold)} for one in found]


def level(psi: float, p: float | None, threshold: float) -> str:
    if p is None:
        return "not judged"
    if psi < threshold / 2:
        return "stable"
    if p >= SIGNIFICANT:
        return "unclear"
    return "drifted" if psi >= threshold else "moderate"


def title(facts: dict[str, Any]) -> str:
    new, reference = facts["new"], facts["reference"]
    return f"{new['rows']} rows of {new['of']}, against {reference['rows']} training rows of {reference['of']}"


def told(facts: dict[str, Any]) -> list[str]:
    """The facts as a table, and lines on what it has not."""
    lines = [title(facts), ""]
    shown = facts["columns"][:SHOWN]
    cells = {
        "column": [one["name"] + (" (target)" if one["role"] == "target" else "") for one in shown],
        "kind": [one["kind"] for one in shown],
        "PSI": [f"{one['psi']:.3f}" for one in shown],
        "test": [f"{one['test']} {one['statistic']:.3g}" for one in shown],
        "p": ["" if one["p_adjusted"] is None else f"{one['p_adjusted']:.2g}" for one in shown],
        "level": [one["level"] for one in shown],
    }
    lines += [table(cells), ""]
    if more := len(facts["columns"]) - len(shown):
        lines.append(f"{more} more columns, with less: --json has all")
    for one in facts["columns"]:
        if one["unseen"]:
            counts = [f"{name!r} ({rows:.0f})" for name, rows in one["unseen"].items()]
            lines.append(
                f"new categories of {one['name']!r} (rows): {', '.join(counts[:12])}{' ...' * (len(counts) > 12)}"
            )
    return lines + remarks(facts)


def remarks(facts: dict[str, Any]) -> list[str]:
    lines = [f"{name!r} holds {PLURAL[kind]} now" for name, kind in facts["kinds"].items()]
    for name, cells in facts["unreadable"].items():
        lines.append(f"{name!r} is not written as in training in {cells} rows: they count as missing")
    levels = [one["level"] for one in facts["columns"]]
    if facts["lost"]:
        lines.append(f"lost columns: {listed(facts['lost'])}")
    if facts["added"]:
        lines.append(f"new columns, not compared: {listed(facts['added'])}")
    if facts["without_target"]:
        lines.append(f"the target is not in {facts['new']['of']}, and not compared")
    if "unclear" in levels:
        lines.append("unclear: as much may be chance in so few rows")
    if "not judged" in levels:
        lines.append("dates are not judged: new rows are later rows")
    rule = f"PSI of {facts['threshold']:g} or more, and p below {SIGNIFICANT:g}"
    if not facts["drifted"]:
        return [*lines, f"nothing drifted ({rule})"]
    return [*lines, f"drifted ({rule}; or lost, or of another kind): {listed(facts['drifted'])}"]
