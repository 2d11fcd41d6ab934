"""best: the best experiment, what it beats, and whether by more than noise."""

import json
import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.exceptions import DvcException

from ..core.errors import UserError, printable
from ..core.files import write_json
from ..core.formatting import to_json, to_json_text, to_json_value
from ..core.paths import PARAMS, PIPELINE, TEST_METRICS
from ..core.revisions import open_repo
from ..metrics import POSITIVE_SCORING, SCORING
from . import experiments, significance
from .experiments import Experiments
from .git import git

# Metrics that are better if larger, and if smaller, without their prefixes and the suffix _macro.
LARGER_IS_BETTER = (
    *("accuracy", "precision", "recall", "f1", "average_precision", "roc_auc", "r2"),
    *("cv_mean", "cv_train_mean", "selective_accuracy"),
)
SMALLER_IS_BETTER = ("log_loss", "rmse", "mae", "overfit_gap", "cv_std", "unknown_class_fraction")
PENDING = Path(".dvc/tmp/best-apply.json")  # what --apply brings, so that an interrupted one is recognized
UNDO = "git reset --hard && dvc checkout"


def run(arguments: Namespace) -> None:
    """Print the best, and apply it if asked. Raises UserError if there is none, or if it cannot be applied."""
    pending = _check_workspace() if arguments.apply else None
    facts = choose(experiments.load(arguments.all), arguments)
    outcome = None
    if arguments.branch:
        git("branch", "--", arguments.branch, facts["best"]["rev"])
        outcome = f"branch {arguments.branch} is made; to go there: git switch {arguments.branch} && dvc checkout"
    elif arguments.apply and facts["get"]:
        apply(facts["best"], pending)
        outcome = "applied; to keep it: git add -A && git commit"
    if arguments.json:
        print(to_json(facts))
    else:
        print(printable("\n".join(format_text(facts))))
        if outcome:
            print(outcome)


def choose(table: Experiments, arguments: Namespace) -> dict[str, Any]:
    """The best of the commits and experiments that are done and scored alike, and what it beats, as JSON values."""
    if not table.metrics:
        raise UserError("no commit or experiment has results; run: dvc repro, and commit them")
    metric = table.column(arguments.metric)
    goal = goal_of(table, metric, arguments.goal)
    test = test_metrics(table, metric, arguments.where)
    if test and not arguments.allow_test_metrics:
        raise UserError(
            f"{' and '.join(test)}: scored on the test rows, which give no honest estimate of a model that they chose; "
            "choose by cv_mean, or add --allow-test-metrics"
        )
    head = table.head
    rows = (table.where(arguments.where) if arguments.where else table).rows
    stale = rows[(rows.state == "stale") & (rows.kind != "workspace")]
    rows = rows[(rows.kind != "workspace") & (rows.state == "done") & rows[metric].notna()]
    if arguments.apply:  # to use another commit, check it out with Git
        rows = rows[(rows.kind == "experiment") | (rows.rev == head.rev)]
    if rows.empty:
        raise UserError(
            f"{metric}: no commit or experiment that is done has it; run: dvc repro, and commit the results"
        )
    ranked, others = rank(rows, head, metric, ascending=goal == "minimize")
    if ranked.empty:
        key = format_key(comparison_key(head, metric))
        raise UserError(f"--where {arguments.where!r}: no row that fits is scored like the last commit ({key})")
    best = ranked.iloc[0]
    return {
        "metric": metric,
        "goal": goal,
        "scored": comparison_key(best, metric),
        "candidates": len(ranked),
        "left_out": list(others["name"]),
        "stale": list(stale["name"]),
        "test": test,
        "best": identity(best, metric),
        "params": differences(table, head, best),
        "against": [against(best, row, metric, row.rev == head.rev) for row in rivals(ranked, head, metric)],
        "changed_since": changed_since(best, head.rev),
        "get": how_to_get(best, head.rev, table.rows),
    }


def goal_of(table: Experiments, metric: str, goal: str | None) -> str:
    """maximize or minimize. Raises UserError for a metric that is not a number, or whose goal is not known."""
    if metric not in table.metrics or not pd.api.types.is_numeric_dtype(table.rows[metric]):
        raise UserError(f"--metric {metric}: not a metric that is a number; use cv_mean, for example")
    name = metric.rpartition(".")[2].removeprefix("dummy_").removeprefix("train_").removeprefix("test_")
    name = name.removesuffix("_macro")
    if goal:
        return goal
    if name in LARGER_IS_BETTER:
        return "maximize"
    if name in SMALLER_IS_BETTER:
        return "minimize"
    raise UserError(f"--metric {metric}: is a larger value better? add --goal maximize or --goal minimize")


def test_metrics(table: Experiments, metric: str, condition: str | None) -> list[str]:
    """The metrics of the test rows that the choice depends on."""
    names = [metric, *(table.parse(condition).names if condition else [])]
    return [name for name in dict.fromkeys(names) if table.files.get(name) == TEST_METRICS.as_posix()]


def rank(rows: pd.DataFrame, head: pd.Series, metric: str, *, ascending: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that are scored like the last commit, the best first; and the others."""
    key = comparison_key(rows.iloc[0] if pd.isna(head[metric]) or head.state != "done" else head, metric)
    alike = rows.apply(lambda row: comparison_key(row, metric) == key, axis=1)
    return rows[alike].sort_values(metric, ascending=ascending, kind="stable"), rows[~alike]


def comparison_key(row: pd.Series, metric: str) -> dict[str, Any]:
    """Scoring, data, target, task and split: two values of a metric can be compared if these are equal.

    A row whose params lack one of them has None there.
    """
    values = {name: to_json_value(row.get(name)) for name in row.index}
    task = values.get("data.task")
    if task == "auto":
        task = "regression" if values.get("train_r2") is not None else "classification"
    split = values.get("prepare.split")
    key = {"data": values.get("data"), "target": values.get("data.target"), "task": task, "split": split}
    if split != "random":
        key["split_column"] = values.get("prepare.split_column")
    scoring: str | None = metric
    if "cv_" in metric:
        scoring = values.get("train.scoring") or (SCORING[task][0] if task in SCORING else None)
        key = {"scoring": scoring, **key}
    if scoring in POSITIVE_SCORING and values.get("data.positive") is not None:
        key["positive"] = values["data.positive"]
    return key


def rivals(ranked: pd.DataFrame, head: pd.Series, metric: str) -> list[pd.Series]:
    """The runner-up and the last commit, if they are not the best."""
    rows = [row for _, row in ranked.iloc[1:2].iterrows()]
    if head.state == "done" and pd.notna(head[metric]) and all(row.rev != head.rev for row in rows):
        rows.append(head)
    return [row for row in rows if row.rev != ranked.iloc[0].rev]


def identity(row: pd.Series, metric: str) -> dict[str, Any]:
    names = ("name", "kind", "rev", "created")
    return {name: to_json_value(row[name]) for name in names} | {"value": to_json_value(row[metric])}


def differences(table: Experiments, head: pd.Series, best: pd.Series) -> dict[str, dict[str, Any]]:
    """The params that the best was made with, where they differ from the last commit."""
    names = [name for name in table.params if table.applies_to(name)[table.rows.rev == best.rev].all()]
    if pd.isna(head[table.metrics[0]]):  # a commit without results has no environment
        names = [name for name in names if not name.startswith("environment.")]
    pairs = {name: {"head": to_json_value(head[name]), "best": to_json_value(best[name])} for name in names}
    return {name: pair for name, pair in pairs.items() if repr(pair["head"]) != repr(pair["best"])}


def against(best: pd.Series, other: pd.Series, metric: str, is_head: bool) -> dict[str, Any]:
    """How far the best is ahead of another row, and whether by more than noise."""
    untested = {"verdict": "not tested: only cv_mean has a value per fold"}
    return {
        "role": "the last commit" if is_head else "the runner-up",
        **identity(other, metric),
        "difference": float(best[metric] - other[metric]),
        **(significance.verdict(best, other) if metric == "cv_mean" else untested),
    }


def changed_since(best: pd.Series, head: str) -> list[str]:
    """The files of the pipeline that differ between the commit that an experiment began at and the last commit."""
    if best.kind != "experiment":
        return []
    package = __package__.partition(".")[0]
    inputs = [package, PARAMS.as_posix(), PIPELINE.as_posix(), "*.dvc", "requirements.txt"]
    return git("diff", "--name-only", "--relative", f"{best.rev}^", head, "--", *inputs).splitlines()


def how_to_get(best: pd.Series, head: str, rows: pd.DataFrame) -> str | None:
    """The command that brings the files of the best; None for the last commit, which is here."""
    if best.rev == head:
        return None
    if best.kind == "commit":
        return f"git switch --detach {best.rev[:7]} && dvc checkout"
    if git("rev-parse", f"{best.rev}^") != head:
        return f"git cherry-pick --no-commit {best.rev[:7]} && dvc checkout"
    return f"dvc exp apply {shlex.quote(best['name']) if (rows['name'] == best['name']).sum() == 1 else best.rev[:7]}"


# --- Apply ----------------------------------------------------------------------------------------------------------


def _check_workspace() -> dict[str, str] | None:
    """Refuse to overwrite work; return the record of an earlier --apply that was interrupted and can be finished."""
    lock = Path(git("rev-parse", "--git-path", "index.lock"))
    if lock.exists():
        raise UserError(
            f"--apply: {lock}: another Git command is running, or was killed; if none runs, delete this file"
        )
    if not git("status", "--porcelain", "--untracked-files=no"):
        return None
    pending = _read_pending()
    if pending is None:
        raise UserError("--apply: there is work that is in no commit; first: git commit -a, or git stash")
    if "tree" in pending and not git("diff", "--name-only", pending["tree"]):
        return pending
    raise UserError(f"--apply: {pending['name']}: an earlier --apply of it was interrupted; undo that first: {UNDO}")


def _read_pending() -> dict[str, str] | None:
    """The record of an interrupted --apply, if it explains every change in the workspace."""
    try:
        pending = json.loads(PENDING.read_text(encoding="utf-8"))
        changed = set(git("diff", "--name-only", "HEAD").splitlines())
        applied = set(git("diff", "--name-only", f"{pending['rev']}^", pending["rev"]).splitlines())
        explains = pending["head"] == git("rev-parse", "HEAD") and changed <= applied
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None
    return pending if explains else None


def apply(best: dict[str, Any], pending: dict[str, str] | None = None) -> None:
    """Bring the files of an experiment into the workspace.

    Git brings the changes of the experiment. DVC's own apply brings all files as they were when the experiment began,
    and so would undo the commits since.

    Args:
        best: its identity.
        pending: the record of an interrupted --apply, to finish if it is of the same experiment.

    Raises:
        UserError: the changes do not fit on the commits since, or DVC cannot bring the data.
    """
    if pending is None or pending["rev"] != best["rev"]:
        if pending:
            git("reset", "--hard", "--quiet")  # the workspace holds exactly what the interrupted --apply brought
        _cherry_pick(best)
    try:
        with open_repo() as repo:
            repo.checkout()
    except DvcException as error:
        raise UserError(f"dvc checkout: {' '.join(str(error).split())}; to undo: {UNDO}") from error


def _cherry_pick(best: dict[str, Any]) -> None:
    record = {"name": best["name"], "rev": best["rev"], "head": git("rev-parse", "HEAD")}
    write_json(PENDING, record)
    try:
        git("cherry-pick", "--no-commit", best["rev"])
    except UserError as error:
        git("reset", "--hard", "--quiet")  # to the last commit: there was no other work
        PENDING.unlink()
        raise UserError(
            f"--apply: {best['name']}: does not fit on the commits since it began; --branch NAME makes a branch of it"
        ) from error
    write_json(PENDING, record | {"tree": git("write-tree")})


# --- Text -----------------------------------------------------------------------------------------------------------


def format_text(facts: dict[str, Any]) -> list[str]:
    """The facts, line by line."""
    best, metric = facts["best"], facts["metric"]
    extreme = "largest" if facts["goal"] == "maximize" else "smallest"
    lines = [
        f"{best['name']} ({best['kind']} {best['rev'][:7]}): {metric} {best['value']:.4g}",
        f"the {extreme} of {facts['candidates']} ({format_key(facts['scored'])})",
    ]
    if facts["test"]:
        names = ", ".join(facts["test"])
        lines.append(f"chosen by the test rows ({names}): they no longer give an honest estimate of this model")
    if facts["left_out"]:
        lines.append(f"left out, scored otherwise: {len(facts['left_out'])} ({', '.join(facts['left_out'])})")
    if facts["stale"]:
        names = ", ".join(facts["stale"])
        lines.append(f"left out, stale (not of the data and params beside them): {len(facts['stale'])} ({names})")
    for other in facts["against"]:
        rival = f"{other['role']} {other['name']} ({other['value']:.4g})"
        lines.append(f"{other['difference']:+.4g} to {rival}: {other['verdict']}")
    if facts["params"]:
        lines.append("params that differ from the last commit:")
    for name, pair in facts["params"].items():
        lines.append(f"  {name}: {_format_param(pair['head'])} -> {_format_param(pair['best'])}")
    if facts["changed_since"]:
        lines.append(
            "it began before these files changed, and its results are of the older ones: "
            f"{_shorten(facts['changed_since'])}; on a branch of it or after dvc exp apply they go back; "
            "after --apply, run dvc repro"
        )
    return [*lines, f"to get it: {facts['get']}" if facts["get"] else "it is the last commit: nothing to apply"]


def format_key(key: dict[str, Any]) -> str:
    """What makes values comparable, in one line."""
    return ", ".join(f"{name} {str(value)[:7] if name == 'data' else value}" for name, value in key.items())


def _format_param(value: Any) -> str:
    return value if isinstance(value, str) else to_json_text(value)


def _shorten(paths: list[str], most: int = 8) -> str:
    return ", ".join(paths[:most]) + (f" and {len(paths) - most} more" if len(paths) > most else "")
