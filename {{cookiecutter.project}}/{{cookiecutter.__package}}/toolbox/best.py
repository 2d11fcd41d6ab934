"""best: the best experiment, what it beats, and whether by more than noise."""

import json
import re
import shlex
from argparse import Namespace
from typing import Any

import pandas as pd
from dvc.exceptions import DvcException
from dvc.repo import Repo

from ..errors import UserError
from ..metrics import SCORING
from . import experiments, noise
from .experiments import TEST, Experiments, plain
from .git import git

# Metrics that are better the larger, and the smaller; those of training rows are called train_ and the same.
LARGE = ("accuracy", "precision", "recall", "f1", "roc_auc", "r2", "cv_mean", "cv_train_mean")
SMALL = ("log_loss", "rmse", "mae", "overfit_gap", "cv_std", "unknown_class_share")


def run(arguments: Namespace) -> None:
    """Print the best, and take it if asked. Raises UserError where there is none, or it cannot be taken."""
    if arguments.apply and git("status", "--porcelain", "--untracked-files=no"):
        raise UserError("--apply: there is work that is in no commit; first: git commit -a, or git stash")
    facts = choose(experiments.load(arguments.all), arguments)
    taken = ""
    if arguments.branch:
        git("branch", "--", arguments.branch, facts["best"]["rev"])
        taken = f"branch {arguments.branch} is made; to go there: git switch {arguments.branch} && dvc checkout"
    elif arguments.apply and facts["get"]:
        apply(facts["best"])
        taken = "applied; to keep it: git add -A && git commit"
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(*told(facts), *([taken] if taken else []), sep="\n")


def choose(found: Experiments, arguments: Namespace) -> dict[str, Any]:
    """The best of the commits and experiments that are done and scored alike, and what it beats, as plain values."""
    if not found.metrics:
        raise UserError("no commit or experiment has results; run: dvc repro, and commit them")
    metric = found.column(arguments.metric)
    goal = goal_of(found, metric, arguments.goal)
    test = on_test(found, metric, arguments.where)
    if test and not arguments.test:
        raise UserError(
            f"{' and '.join(test)}: scored on the test rows, which give no honest estimate of a model that they chose; "
            "choose by cv_mean, or say --test"
        )
    head = found.rows[found.rows.rev == git("rev-parse", "HEAD")].iloc[0]
    rows = (found.where(arguments.where) if arguments.where else found).rows
    rows = rows[(rows.kind != "workspace") & (rows.state == "done") & rows[metric].notna()]
    if arguments.apply:  # the files of another commit are had by Git
        rows = rows[(rows.kind == "experiment") | (rows.rev == head.rev)]
    if rows.empty:
        raise UserError(f"no commit or experiment that is done has {metric}; run: dvc repro, and commit the results")
    scored = scored_by(rows.iloc[0] if pd.isna(head[metric]) else head, metric)
    alike = rows.apply(lambda row: scored_by(row, metric) == scored, axis=1)
    ranked = rows[alike].sort_values(metric, ascending=goal == "minimize", kind="stable")
    if ranked.empty:
        raise UserError(f"--where {arguments.where!r}: none that fits is scored like the last commit: {listed(scored)}")
    best = ranked.iloc[0]
    others = pd.concat([ranked.iloc[1:2], head.to_frame().T]).drop_duplicates("rev")
    others = others[(others.rev != best.rev) & others[metric].notna()]
    return {
        "metric": metric,
        "goal": goal,
        "scored": scored,
        "candidates": len(ranked),
        "left_out": list(rows[~alike]["name"]),
        "test": test,
        "best": identity(best, metric),
        "params": differences(found, head, best),
        "against": [against(best, other, metric, other.rev == head.rev) for _, other in others.iterrows()],
        "get": how_to_get(best, head.rev, found.rows),
    }


def goal_of(found: Experiments, metric: str, goal: str | None) -> str:
    """Raises UserError for what is no number, or not known to be for more or less."""
    if metric not in found.metrics or not pd.api.types.is_numeric_dtype(found.rows[metric]):
        raise UserError(f"--metric {metric}: is no metric that is a number; one is cv_mean")
    name = metric.rpartition(".")[2].removeprefix("train_")
    goal = goal or ("maximize" if name in LARGE else "minimize" if name in SMALL else None)
    if goal is None:
        raise UserError(f"--metric {metric}: is more of it better? say --goal maximize or --goal minimize")
    return goal


def on_test(found: Experiments, metric: str, where: str | None) -> list[str]:
    """The metrics of the test rows that have a say."""
    names = [metric, *re.findall("`([^`]+)`", found.quoted(where or ""))]
    return [name for name in dict.fromkeys(names) if found.files.get(name) == TEST]


def scored_by(row: pd.Series, metric: str) -> dict[str, Any]:
    """What a metric of a row tells of: only where it is the same can two be compared."""
    task = row["data.task"]
    if task == "auto":
        task = "regression" if pd.notna(row.get("train_r2")) else "classification"
    of = {"data": plain(row["data"]), "target": plain(row["data.target"]), "task": task}
    of["split"] = plain(row["prepare.split"])
    if of["split"] != "random":
        of["by"] = plain(row["prepare.by"])
    return {"scoring": plain(row["train.scoring"]) or SCORING[task][0], **of} if "cv_" in metric else of


def identity(row: pd.Series, metric: str) -> dict[str, Any]:
    return {name: plain(row[name]) for name in ("name", "kind", "rev", "created")} | {"value": plain(row[metric])}


def differences(found: Experiments, head: pd.Series, best: pd.Series) -> dict[str, dict[str, Any]]:
    """The params that the best was made with and that are others in the last commit."""
    used = [name for name in found.params if found.used(name)[found.rows.rev == best.rev].all()]
    if pd.isna(head[found.metrics[0]]):  # nothing was made there, with no environment
        used = [name for name in used if not name.startswith("environment.")]
    pairs = {name: {"head": plain(head[name]), "best": plain(best[name])} for name in used}
    return {name: pair for name, pair in pairs.items() if repr(pair["head"]) != repr(pair["best"])}


def against(best: pd.Series, other: pd.Series, metric: str, is_head: bool) -> dict[str, Any]:
    """By how much the best is ahead, and what is known of the noise in it."""
    untested = {"verdict": "not tested: only cv_mean has a value per fold"}
    return {
        "role": "the last commit" if is_head else "the runner-up",
        **identity(other, metric),
        "difference": float(best[metric] - other[metric]),
        **(noise.verdict(best, other) if metric == "cv_mean" else untested),
    }


def how_to_get(best: pd.Series, head: str, rows: pd.DataFrame) -> str | None:
    """The command; None for the last commit, which is here."""
    if best.rev == head:
        return None
    if best.kind == "commit":
        return f"git switch --detach {best.rev[:7]} && dvc checkout"
    if git("rev-parse", f"{best.rev}^") != head:
        return f"git cherry-pick --no-commit {best.rev[:7]} && dvc checkout"
    return f"dvc exp apply {shlex.quote(best['name']) if (rows['name'] == best['name']).sum() == 1 else best.rev[:7]}"


def apply(best: dict[str, Any]) -> None:
    """Bring the files of an experiment into the workspace. Raises UserError where they do not fit.

    Git brings what the experiment changed. DVC's own apply brings all files as they were when it began, and so would undo
    the commits since.
    """
    try:
        git("cherry-pick", "--no-commit", best["rev"])
    except UserError as error:
        git("reset", "--hard", "--quiet")  # to the last commit, as it was: nothing else was there
        raise UserError(
            f"--apply: {best['name']} does not fit on the commits since it began; --branch NAME makes a branch of it"
        ) from error
    try:
        with Repo() as repo:
            repo.checkout()
    except DvcException as error:
        raise UserError(f"dvc checkout: {error}; to undo: git reset --hard && dvc checkout") from error


def told(facts: dict[str, Any]) -> list[str]:
    """The facts, line by line."""
    best, metric = facts["best"], facts["metric"]
    most = "largest" if facts["goal"] == "maximize" else "smallest"
    lines = [f"{best['name']} ({best['kind']} {best['rev'][:7]}): {metric} {best['value']:.4g}"]
    lines.append(f"the {most} of {facts['candidates']} ({listed(facts['scored'])})")
    if facts["test"]:
        names = ", ".join(facts["test"])
        lines.append(f"chosen by the test rows ({names}): they give no honest estimate of this model any more")
    if facts["left_out"]:
        lines.append(f"left out, scored otherwise: {len(facts['left_out'])} ({', '.join(facts['left_out'])})")
    for other in facts["against"]:
        place = f"{other['role']} {other['name']} ({other['value']:.4g})"
        lines.append(f"{other['difference']:+.4g} to {place}: {other['verdict']}")
    changes = [f"{name}: {text(of['head'])} -> {text(of['best'])}" for name, of in facts["params"].items()]
    lines += ["params that differ from the last commit:", *(f"  {change}" for change in changes)] if changes else []
    return [*lines, f"to get it: {facts['get']}" if facts["get"] else "it is the last commit: nothing to apply"]


def listed(scored: dict[str, Any]) -> str:
    return ", ".join(f"{name} {str(value)[:7] if name == 'data' else value}" for name, value in scored.items())


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
