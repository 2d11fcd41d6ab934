"""model-card: print what a model was made from, its scores and its known limits, in Markdown or JSON.

The facts are of five kinds. Environment, data, model and evaluation are files that the stages wrote. The experiment
(name, commit, time, author) comes from Git and DVC on request: a file with the time or the commit would differ in every
run, and could not name the commit that it is in. `register` copies the card into the tag of the version.
"""

from argparse import Namespace
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from ..core import leakage, paths, records, schema
from ..core.config import flatten
from ..core.errors import UserError, printable
from ..core.files import parse_yaml, write_text
from ..core.formatting import format_value, to_json
from ..core.lock import parse_lock, raw_data
from ..core.remarks import MAX_CLASS_FRACTION
from ..core.revisions import files, resolve
from ..core.schema import ColumnSchema, Schema
from ..core.sniff.task import quote_list
from .git import git, read_at
from .registry.registry import PROGRAM, artifact, versions
from .tables import to_markdown_table

MIN_CLASS_ROWS = 20  # rows of a class, below which its scores are chance
MAX_COLUMNS = 50  # in the table of columns
MAX_CATEGORIES = 8  # of a column
FILES = {
    "environment": [paths.ENVIRONMENT],
    "data": [paths.PREPARE_METRICS],
    "model": [paths.ESTIMATOR],
    "evaluation": [paths.TRAIN_METRICS, paths.TEST_METRICS],
}


KEYS = {  # that the card shows
    paths.PREPARE_METRICS: (
        "rows", "columns", "missing_fraction", "duplicate_rows", "rows_without_target",
    ),
    paths.ESTIMATOR: ("class", "parameters"),
    paths.TRAIN_METRICS: ("cv_mean", "cv_std", "dummy_cv_mean"),
}  # fmt: skip


def run(arguments: Namespace) -> None:
    """Print the card of a commit or of the workspace, or write it to a file."""
    if arguments.output and Path(arguments.output).is_dir():
        raise UserError(f"-o {arguments.output}: is a folder; name a file")
    rev = resolve(arguments.rev)
    card = build_card(rev)
    name = artifact(rev)
    version = next((version["version"] for version in versions(name) if version["commit_hexsha"] == rev), "")
    title = f"{name} {version}".strip()
    text = to_json(card) if arguments.json else to_markdown(card, title)
    if arguments.output:
        write_text(arguments.output, text)
    else:
        print(printable(text))


# --- The facts ----------------------------------------------------------------------------------------------------


def build_card(rev: str | None) -> dict[str, Any]:
    """The metadata, params, schema and limits of a commit, or of the workspace.

    Raises UserError if the results are not there.
    """
    card: dict[str, Any] = read_metadata(rev)
    with files(rev, [paths.SCHEMA]) as folder:
        table = schema.load(folder / paths.SCHEMA)
    card["params"] = read_params_at(rev)
    card["schema"] = table.model_dump(exclude_defaults=True)
    card["limits"] = find_limits(card, table)
    return card


def read_metadata(rev: str | None) -> dict[str, dict[str, Any]]:
    """The five kinds of facts about a result: experiment, environment, data, model, evaluation.

    Raises UserError for an unknown revision, or one in which the pipeline never ran.
    """
    facts = {"experiment": describe_commit(rev)}
    commit = facts["experiment"]["commit"] if rev else None
    with files(commit, [path for names in FILES.values() for path in names]) as folder:
        for kind, names in FILES.items():
            facts[kind] = {}
            for path in names:
                facts[kind] |= records.read(folder / path, *KEYS.get(path, ()), called=path)
    facts["data"] = _describe_raw_data(commit) | facts["data"]
    return facts


def describe_commit(rev: str | None) -> dict[str, Any]:
    """Name, commit, time and author of a revision; dirty: the workspace has changes that are not committed."""
    commit = resolve(rev or "HEAD")
    log = git("log", "-1", "--format=%aI%n%an <%ae>%n%s", str(commit)).split("\n")
    time, author, subject = (*log, "", "")[:3]
    names = git("for-each-ref", "refs/exps", f"--points-at={commit}", "--format=%(refname:lstrip=4)").split()
    dirty = rev is None and bool(git("status", "--porcelain", "--", "."))
    return {"name": names[0] if names else subject, "commit": commit, "time": time, "author": author, "dirty": dirty}


def read_params_at(rev: str | None) -> dict[str, Any]:
    """The content of params.yaml in a commit, or in the workspace. Raises UserError if it is damaged."""
    params = parse_yaml(read_at(rev, paths.PARAMS.as_posix()), paths.PARAMS)
    if not isinstance(params, dict):
        raise UserError(f"{_of(rev)}params.yaml: should hold the sections of the pipeline; restore it with Git")
    return params


def _describe_raw_data(rev: str | None) -> dict[str, str]:
    """File and hash of the raw table, from dvc.lock. Raises UserError if it is not in it."""
    stages = parse_lock(read_at(rev, paths.LOCK.as_posix()))
    try:
        path = read_params_at(rev)["data"]["path"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{_of(rev)}params.yaml: data.path: is missing; add it") from error
    table = raw_data(stages, str(path))
    if table is None:
        raise UserError(f"{_of(rev)}dvc.lock: no stage has read {path}, which is data.path; run: dvc repro, and commit")
    return {"file": table["path"], "md5": table["md5"]}


def _of(rev: str | None) -> str:
    return f"{rev[:7]}: " if rev else ""


def find_limits(card: dict[str, Any], table: Schema) -> list[str]:
    """What the numbers show about where not to trust the model, a sentence each."""
    data, scores = card["data"], card["evaluation"]
    limits = [f"Trained on {table.train_rows} rows, and tested once on {table.test_rows}."]
    accuracy = scores.get("test_accuracy")
    if accuracy is not None:
        low, high = accuracy_interval(accuracy, table.test_rows)
        limits.append(f"With so many test rows, the accuracy is {low:.3f} to {high:.3f} (95%, Wilson's interval).")
    if scores["cv_mean"] - scores["dummy_cv_mean"] <= scores["cv_std"]:
        limits.append("In cross-validation it beats a model without features by less than the folds differ.")
    limits += _class_limits(data)
    if "test_unknown_class_fraction" in scores:
        limits.append(
            f"{scores['test_unknown_class_fraction']:.1%} of the test rows have classes without training rows."
        )
    suspects = [column.name for column in leakage.suspects(table)]
    if suspects:
        limits.append(
            f"Possible leakage: each of {quote_list(suspects)} alone predicts the target almost perfectly. "
            "If one is not known before the target, the scores are too good."
        )
    if table.split == "time":
        limits.append(
            f"Trained on earlier rows by {table.split_column!r} and tested on later ones; neither has newer rows."
        )
    limits.append("Numbers and dates beyond the ranges above are extrapolated. A new category is ignored.")
    return limits


def accuracy_interval(accuracy: float, rows: int) -> tuple[float, float]:
    """The 95% confidence interval of an accuracy on so many rows (Wilson, 1927)."""
    interval = binomtest(round(accuracy * rows), rows).proportion_ci(method="wilson")
    return interval.low, interval.high


def _class_limits(data: dict[str, Any]) -> list[str]:
    fractions = data.get("class_fraction") or {}
    if not fractions:
        return []
    rows = data["rows"] - data["rows_without_target"] - data["duplicate_rows"]
    counts = {label: round(fraction * rows) for label, fraction in fractions.items()}
    limits = []
    rare = [f"{label} ({count})" for label, count in counts.items() if count < MIN_CLASS_ROWS]
    if rare:
        limits.append(f"Classes with fewer than {MIN_CLASS_ROWS} rows, about which little is known: {', '.join(rare)}.")
    largest = max(fractions, key=fractions.__getitem__)
    if fractions[largest] > MAX_CLASS_FRACTION:
        limits.append(f"{fractions[largest]:.1%} of the rows are {largest}: accuracy is not informative.")
    return limits


# --- Markdown -----------------------------------------------------------------------------------------------------


def to_markdown(card: dict[str, Any], title: str) -> str:
    """The card as Markdown. title: the name and the version."""
    table = Schema.model_validate(card["schema"])
    parts = [f"# {title}", format_facts(summarize(card, table))]
    parts += ["## Data", describe_rows(card, table), *describe_columns(card, table)]
    parts += ["## Scores", format_scores(card["evaluation"])]
    parts += ["## Limits", "\n".join(f"- {limit}" for limit in card["limits"])]
    parts += ["## Parameters", format_facts(card["model"]["parameters"])]
    parts += ["## Environment", format_facts(flatten(card["environment"]))]
    parts += ["## Use", describe_use(title)]
    return "\n\n".join(parts)


def summarize(card: dict[str, Any], table: Schema) -> dict[str, Any]:
    """What the model predicts from what, who made it, when and from which commit."""
    experiment, data = card["experiment"], card["data"]
    changes = ", and changes that are not committed" if experiment["dirty"] else ""
    purpose = (card["params"].get("experiment") or {}).get("purpose", "")
    return {
        "predicts": f"{table.target} ({table.task})",
        "from": f"{len(table.names())} columns of {data['file']}, MD5 {data['md5']}",
        "model": card["model"]["class"],
        "commit": f"{experiment['commit']}{changes}",
        "author": experiment["author"],
        "time": experiment["time"],
        "purpose": purpose,
    }


def describe_rows(card: dict[str, Any], table: Schema) -> str:
    """How many rows there were, which were left out, and how they were split."""
    data = card["data"]
    column = f", by {table.split_column}" if table.split_column else ""
    return (
        f"{data['rows']} rows and {data['columns']} columns, {data['missing_fraction']:.1%} of the values missing; "
        f"{data['duplicate_rows']} duplicates and {data['rows_without_target']} rows without a target left out. "
        f"Split: {table.split}{column}, into {table.train_rows} training and {table.test_rows} test rows."
    )


def describe_columns(card: dict[str, Any], table: Schema) -> list[str]:
    """Tables of the classes, of the columns that the model reads, and of those that were left out."""
    fractions = card["data"].get("class_fraction")
    parts = []
    if table.task == "classification" and fractions:
        shares = [format_value(fraction) for fraction in fractions.values()]
        parts.append(to_markdown_table({"class": list(fractions), "share": shares}))
    features = [column for column in table.columns if column.role == "feature"]
    parts.append(format_columns(features[:MAX_COLUMNS]))
    if len(features) > MAX_COLUMNS:
        parts.append(f"And {len(features) - MAX_COLUMNS} more columns, in {paths.SCHEMA.as_posix()}.")
    dropped = [column for column in table.columns if column.role == "dropped"]
    if dropped:
        names, reasons = [column.name for column in dropped], [column.reason or "" for column in dropped]
        parts.append(to_markdown_table({"left out": names, "because": reasons}))
    return parts


def format_columns(columns: list[ColumnSchema]) -> str:
    return to_markdown_table(
        {
            "column": [column.name for column in columns],
            "type": [column.type for column in columns],
            "in the training rows": [format_values(column) for column in columns],
            "missing": [f"{column.missing_fraction:.1%}" for column in columns],
        }
    )


def format_values(column: ColumnSchema) -> str:
    """The range of a number or date, or the categories of a category."""
    if column.categories is not None:
        rest = len(column.categories) - MAX_CATEGORIES
        return ", ".join(column.categories[:MAX_CATEGORIES]) + (f" and {rest} more" if rest > 0 else "")
    return "" if column.min is None else f"{format_value(column.min)} to {format_value(column.max)}"


def format_scores(metrics: dict[str, Any]) -> str:
    """Each score, beside the score of a dummy model: it predicts the most frequent class, or the mean."""
    scores = flatten(metrics)
    names = [name for name in scores if not name.startswith(("dummy_", "train_"))]
    return to_markdown_table(
        {
            "score": names,
            "computed on": ["cross-validation" if name.startswith("cv_") else "test rows" for name in names],
            "value": [format_value(scores[name]) for name in names],
            "dummy model": [format_value(scores.get(f"dummy_{name}")) for name in names],
        }
    )


def format_facts(facts: dict[str, Any]) -> str:
    """A table of names and values; null as params.yaml has it."""
    values = ["null" if value is None else format_value(value) for value in facts.values()]
    return to_markdown_table({"": list(facts), "value": values})


def describe_use(title: str) -> str:
    """Commands that get the model and predict with it."""
    name, _, version = title.partition(" ")
    get = f"    dvc artifacts get . {name} --rev {version}\n" if version else ""
    rev = f"{name}@{version}" if version else "REV"
    return f"In a clone of the project:\n\n{get}    {PROGRAM} predict new.csv --model {rev}"
