"""card: what a model is, was made from, scores and is not good for, in Markdown, from what the stages wrote.

It is in no file of the project: it would name the commit that it is in. `register` puts it into the tag of the version,
which travels with it, and what it is made from is there for any commit.
"""

import json
from argparse import Namespace
from typing import Any

from ruamel.yaml import YAML
from scipy.stats import binomtest

from .. import leaks, schema
from ..files import replacing
from ..params import flat
from ..raw.target import listed
from ..schema import Column, Schema
from ..stages.prepare import MOST
from . import metadata
from .compare import markdown as table
from .compare import text
from .facts import at
from .models import files, resolve
from .registry import artifact, versions

FEW = 20  # rows of a class, below which its scores are chance
COLUMNS = 50  # in the table of columns
CATEGORIES = 8  # of a column


def run(arguments: Namespace) -> None:
    """Print the card of a commit, or of the workspace, or write it to a file."""
    rev = resolve(arguments.rev)
    facts = collect(rev)
    name = artifact(rev)
    version = next((of["version"] for of in versions(name) if of["commit_hexsha"] == rev), "")
    said = json.dumps(facts, indent=2, ensure_ascii=False) if arguments.json else markdown(facts, f"{name} {version}")
    if arguments.output:
        with replacing(arguments.output) as temporary:
            temporary.write_text(said + "\n", encoding="utf-8", newline="\n")
    else:
        print(said)


def collect(rev: str | None) -> dict[str, Any]:
    """All that the card says. Raises UserError where the results are not there."""
    facts: dict[str, Any] = metadata.collect(rev)
    with files(rev, [schema.PATH]) as folder:
        found = schema.load(folder / schema.PATH)
    facts["params"] = YAML(typ="safe", pure=True).load(at(rev, "params.yaml"))
    facts["schema"] = found.model_dump(exclude_defaults=True)
    facts["limits"] = limits(facts, found)
    return facts


def limits(facts: dict[str, Any], found: Schema) -> list[str]:
    """What the numbers say of where not to trust the model, a sentence each."""
    data, scores = facts["data"], facts["evaluation"]
    said = [f"Learned from {found.train_rows} rows and tested on {found.test_rows}, once."]
    if (accuracy := scores.get("accuracy")) is not None:
        test = binomtest(round(accuracy * found.test_rows), found.test_rows)
        low, high = test.proportion_ci(method="wilson")
        said.append(f"By the number of test rows, accuracy is {low:.3f} to {high:.3f} (95%, Wilson's interval).")
    if scores["cv_mean"] - scores["baseline_cv_mean"] <= scores["cv_std"]:
        said.append("In cross-validation it is ahead of a model without features by less than the folds differ.")
    shares = data.get("class_share", {})
    rows = data["rows"] - data["rows_without_target"] - data["duplicate_rows"]
    if few := [f"{label} ({round(share * rows)})" for label, share in shares.items() if share * rows < FEW]:
        said.append(f"Classes of fewer than {FEW} rows, of which little is known: {', '.join(few)}.")
    if shares and max(shares.values()) > MOST:
        most = max(shares, key=shares.__getitem__)
        said.append(f"{shares[most]:.1%} of the rows are {most}: accuracy alone says little.")
    if "unknown_class_share" in scores:
        said.append(f"{scores['unknown_class_share']:.1%} of the test rows are of classes that it never saw.")
    if suspects := leaks.suspects(found):
        said.append(
            f"May be leaks, each nearly enough alone: {listed([c.name for c in suspects])}; where they are not known "
            "before the target, the scores are too good."
        )
    if found.split == "time":
        said.append(f"Learned from earlier rows by {found.by!r}, tested on later ones; what came since is in neither.")
    said.append("Numbers and dates beyond the ranges above are extrapolated, and an unseen category counts as none.")
    return said


def markdown(facts: dict[str, Any], title: str) -> str:
    """The card. title: the name and the version."""
    found, made, data = Schema.model_validate(facts["schema"]), facts["experiment"], facts["data"]
    about = {
        "predicts": f"{found.target} ({found.task})",
        "from": f"{len(found.names())} columns of {data['file']}, MD5 {data['md5']}",
        "model": facts["model"]["class"],
        "commit": f"{made['commit']}{', and changes in no commit' if made['dirty'] else ''}",
        "author": made["author"],
        "time": made["time"],
        "purpose": facts["params"]["experiment"]["purpose"],
    }
    read = [column for column in found.columns if column.role == "feature"]
    left_out = [column for column in found.columns if column.role == "dropped"]
    parts = [f"# {title.strip()}", facts_table(about), "## Data", rows_of(facts, found)]
    if found.task == "classification":
        parts.append(table({"class": list(data["class_share"]), "share": map_text(data["class_share"])}))
    parts.append(columns_table(read[:COLUMNS]))
    if len(read) > COLUMNS:
        parts.append(f"And {len(read) - COLUMNS} more columns, in {schema.PATH.as_posix()}.")
    if left_out:
        parts.append(table({"left out": [c.name for c in left_out], "because": [c.reason or "" for c in left_out]}))
    parts += ["## Scores", scores_table(facts["evaluation"]), "## Limits"]
    parts.append("\n".join(f"- {line}" for line in facts["limits"]))
    parts += ["## Parameters", facts_table(facts["model"]["parameters"])]
    parts += ["## Environment", facts_table(flat(facts["environment"])), "## Use", use(title)]
    return "\n\n".join(parts)


def rows_of(facts: dict[str, Any], found: Schema) -> str:
    """How many rows there were, what was left out, how they were split."""
    data, split = facts["data"], facts["params"]["prepare"]
    by = f", by {split['by']}" if split["by"] else ""
    return (
        f"{data['rows']} rows and {data['columns']} columns, {data['missing_share']:.1%} of the cells missing; "
        f"{data['duplicate_rows']} duplicates and {data['rows_without_target']} rows without a target left out. "
        f"Split: {split['split']}{by}, into {found.train_rows} training and {found.test_rows} test rows."
    )


def columns_table(columns: list[Column]) -> str:
    return table(
        {
            "column": [c.name for c in columns],
            "kind": [c.kind for c in columns],
            "in the training rows": [values_of(c) for c in columns],
            "missing": [f"{c.missing:.1%}" for c in columns],
        }
    )


def values_of(column: Column) -> str:
    """The range of a number or date, the categories of a category."""
    if column.categories is not None:
        more = len(column.categories) - CATEGORIES
        return ", ".join(column.categories[:CATEGORIES]) + (f" and {more} more" if more > 0 else "")
    return "" if column.low is None else f"{text(column.low)} to {text(column.high)}"


def scores_table(scores: dict[str, Any]) -> str:
    """Each score, and that of the same without features: the most frequent class, or the mean."""
    scores = flat(scores)
    without = {"cv_mean": scores["baseline_cv_mean"]}
    without |= {name.removeprefix("baseline."): of for name, of in scores.items() if name.startswith("baseline.")}
    names = [name for name in scores if not name.startswith(("baseline", "train_"))]
    return table(
        {
            "score": names,
            "of": ["cross-validation" if name.startswith("cv_") else "test rows" for name in names],
            "value": [text(scores[name]) for name in names],
            "without features": [text(without[name]) if name in without else "" for name in names],
        }
    )


def facts_table(values: dict[str, Any]) -> str:
    return table({"": list(values), "value": map_text(values)})


def map_text(values: dict[str, Any]) -> list[str]:
    return ["null" if value is None else text(value) for value in values.values()]


def use(title: str) -> str:
    """Commands that get it and predict with it."""
    name, _, version = title.strip().partition(" ")
    get = f"    dvc artifacts get . {name} --rev {version}\n" if version else ""
    predict = f"predict new.csv --model {f'{name}@{version}' if version else 'REV'}"
    return f"In a clone of the project:\n\n{get}    python -m {__package__.partition('.')[0]} {predict}"
