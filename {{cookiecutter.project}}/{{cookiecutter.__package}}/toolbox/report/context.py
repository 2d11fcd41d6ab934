"""Collect the content of the report as plain values: experiments, the best ones, their plots, lineage and commands."""

import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.repo import Repo

from ...core import paths
from ...core.errors import UserError
from ...core.formatting import to_json_value
from ...core.lock import hash_of, parse_lock, raw_data
from ...core.revisions import open_repo, without_password
from .. import best, experiments, significance
from ..experiments import Experiments
from ..git import folder_in_repository, git, read_at
from ..model_card import describe_commit, read_metadata, read_params_at
from ..registry.registry import read_metrics

MAX_COMMITS = 30  # in the charts of metrics over commits
ROUNDED = 9  # digits; scores that differ by less are the same but for the order of a sum
# The plots that are drawn: the output of DVC, and the file in it.
PLOTS = {"learning": (f"{paths.TRAIN_RESULTS.as_posix()}/plots", "metrics/cv_mean.tsv")} | {
    name: (f"{paths.EVALUATE_RESULTS.as_posix()}/plots", f"custom/{name}.json")
    for name in ("roc", "precision_recall", "confusion", "importance", "predicted", "residuals")
}


def build_report(every_commit: bool, condition: str | None, top: int) -> dict[str, Any]:
    """Collect the content of the report.

    Args:
        every_commit: read the experiments of all branches, tags and commits.
        condition: keep the rows that it holds for.
        top: how many of the best experiments to draw.

    Raises:
        UserError: no experiment has a result.
    """
    table = label_rows(experiments.load(every_commit))
    head, names = table.head, table.rows["name"]
    table = table._replace(rows=drop_copies(table.rows, table.metrics))
    if condition:
        table = table.where(condition)
    ranked = rank(table.rows, head)
    winner = ranked.iloc[0]
    rev = None if winner.kind == "workspace" else winner.rev
    metrics, params = distinguishing_columns(table)
    data = ["data"] if table.rows.data.nunique() > 1 else []
    return {
        "project": Path.cwd().name,
        "commit": head.rev,
        "time": git("log", "-1", "--format=%cd", "--date=format:%Y-%m-%d %H:%M", head.rev),
        "score": best.comparison_key(winner, "cv_mean")["scoring"],
        "columns": [*metrics, *params, *data, "created"],
        "params": params,
        "ranked": len(ranked),
        "experiments": describe_rows(table, ranked.index, [*metrics, *params]),
        "best": select(winner, ["label", "name", "kind", "rev", "cv_mean", "cv_std"]),
        "reference": select(head, ["label", "name", "rev", "cv_mean"]),
        "gain": describe_gain(head, winner),
        "changed_params": [
            {"name": name, "reference": pair["head"], "best": pair["best"]}
            for name, pair in best.differences(table, head, winner).items()
        ],
        "changed_metrics": compare_metrics(head, winner, table.metrics),
        "history": read_history(),
        "top": [{"experiment": row.label, **read_plots(row)} for _, row in ranked.head(top).iterrows()],
        "sweep": read_newest_sweep(),
        "metadata": describe_metadata(rev),
        "lineage": describe_lineage(rev),
        "commands": commands_to_get(winner, head.rev, names),
    }


# --- The experiments ----------------------------------------------------------------------------------------------


def label_rows(table: Experiments) -> Experiments:
    """The table with a column `label`: the name, and behind a name that several rows have, the commit."""
    names = table.rows["name"]
    labels = names.mask(names.duplicated(keep=False), names + " " + table.rows.rev.str[:7])
    return table._replace(rows=table.rows.assign(label=labels))


def drop_copies(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The rows without the workspace if another row has the same results, so that no result is drawn twice."""
    results = rows[metrics].map(repr).agg("|".join, axis=1)
    workspace = rows.kind == "workspace"
    return rows[~(workspace & results.isin(results[~workspace]))]


def rank(rows: pd.DataFrame, head: pd.Series) -> pd.DataFrame:
    """The rows that are done and scored like the last commit, the best first. Raises UserError if there are none."""
    done = rows[(rows.state == "done") & rows.cv_mean.notna()] if "cv_mean" in rows else rows[:0]
    if len(done):
        comparable, _ = best.rank(done, head, "cv_mean", ascending=False)
        done = done[done.index.isin(comparable.index)]
    if done.empty:
        raise UserError("no experiment has results that are scored like the last commit; run: dvc repro, and commit")
    return done.sort_values("cv_mean", ascending=False, kind="stable", key=lambda scores: scores.round(ROUNDED))


def distinguishing_columns(table: Experiments) -> tuple[list[str], list[str]]:
    """The metrics and params of the report's table: cv_mean, and of the others those that differ between rows."""
    test = [name for name in table.metrics if _is_of(table, name, paths.TEST_METRICS) and not name.startswith("dummy_")]
    counts = [name for name in table.metrics if _is_of(table, name, paths.PREPARE_METRICS)]
    candidates = [name for name in ("cv_std", *test, *counts) if name in table.metrics]
    metrics = [name for name in candidates if has_several_values(table.rows[name].dropna())]
    varying = table.varying_params()
    params = [name for name in varying if has_several_values(table.rows.loc[table.applies_to(name), name])]
    return ["cv_mean", *metrics], params


def _is_of(table: Experiments, name: str, file: Path) -> bool:
    return table.files[name] == file.as_posix()


def has_several_values(column: pd.Series) -> bool:
    """Whether the values differ; an empty mapping stands for keys that have columns of their own."""
    return len(set(column.map(repr)) - {"{}"}) > 1


def describe_rows(table: Experiments, ranked: pd.Index, names: list[str]) -> list[dict[str, Any]]:
    """The rows, those that are ranked first; a row has no value, not even null, for a param that does not apply."""
    applies = {name: table.applies_to(name) for name in names if name in table.params}
    rows = []
    for position in [*ranked, *table.rows.index.difference(ranked, sort=False)]:
        own = [name for name in names if name not in applies or applies[name].at[position]]
        row = select(table.rows.loc[position], ["label", "name", "kind", "rev", "created", "state", "data", *own])
        rows.append({**row, "ranked": position in ranked})
    return rows


def select(row: pd.Series, names: list[str]) -> dict[str, Any]:
    return {name: to_json_value(row.get(name)) for name in names}


def compare_metrics(head: pd.Series, winner: pd.Series, metrics: list[str]) -> list[dict[str, Any]]:
    """The metrics of the best that differ from the last commit by more than rounding."""
    before, after = select(head, metrics), select(winner, metrics)
    changed = [name for name in metrics if _rounded(before[name]) != _rounded(after[name])]
    return [{"name": name, "reference": before[name], "best": after[name]} for name in changed]


def _rounded(value: Any) -> Any:
    return round(value, ROUNDED) if isinstance(value, float) else value


def describe_gain(head: pd.Series, winner: pd.Series) -> dict[str, Any] | None:
    """How far the best is ahead of the last commit, and whether by more than noise; None if that has no score."""
    if pd.isna(head.cv_mean):
        return None
    if winner.rev == head.rev:
        verdict = "the last commit is the best"
    elif winner.kind == "workspace":
        verdict = "not tested: the workspace is not committed"
    else:
        verdict = significance.verdict(winner, head)["verdict"]
    return {"value": _rounded(float(winner.cv_mean - head.cv_mean)), "verdict": verdict}


# --- Their files --------------------------------------------------------------------------------------------------


def read_history() -> list[dict[str, Any]]:
    """The scores of the commits of this branch that changed dvc.lock, the oldest first."""
    log = git("log", "--first-parent", "--reverse", f"-{MAX_COMMITS}", "--format=%H%x09%cI%x09%s", "--", "dvc.lock")
    history = []
    for commit, time, subject in (line.split("\t", 2) for line in log.splitlines() if line.count("\t") >= 2):
        scores = {"cv_mean": read_metrics(commit, paths.TRAIN_METRICS.as_posix()).get("cv_mean")}
        scores |= read_metrics(commit, paths.TEST_METRICS.as_posix())
        numbers = {name: value for name, value in scores.items() if isinstance(value, int | float)}
        if numbers:
            history.append({"commit": commit[:7], "time": time, "subject": subject, "scores": numbers})
    return history


def read_plots(row: pd.Series) -> dict[str, Any]:
    """The points of each plot of an experiment; `missing` names the plots that are not in the cache of this machine."""
    rev = None if row.kind == "workspace" else row.rev
    hashes = {entry["path"]: entry["md5"] for entry in describe_lineage(rev)}
    plots: dict[str, Any] = {"missing": []}
    with open_repo() as repo:
        for name, (folder, file) in PLOTS.items():
            try:
                plots[name] = _read_plot(repo, hashes[folder], file)
            except (KeyError, ValueError, OSError):
                plots["missing"].append(name)
    return plots


def _read_plot(repo: Repo, folder: str, file: str) -> list[dict[str, Any]]:
    """A plot from the cache. Raises KeyError, ValueError or OSError if it is not there, or damaged.

    Args:
        repo: the project.
        folder: the hash of the output that the file is in.
        file: the path of the file in it.
    """
    entries = json.loads(Path(repo.cache.local.oid_to_path(folder)).read_bytes())
    md5 = {entry["relpath"]: entry["md5"] for entry in entries}[file]
    text = Path(repo.cache.local.oid_to_path(md5)).read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), sep="\t").to_dict("records") if file.endswith(".tsv") else json.loads(text)


def describe_lineage(rev: str | None) -> list[dict[str, Any]]:
    """The raw data and the outputs in dvc.lock of a revision, or of the workspace: stage, path and md5."""
    stages = parse_lock(read_at(rev, paths.LOCK.as_posix()))
    lineage = []
    table = raw_data(stages, str((read_params_at(rev).get("data") or {}).get("path")))
    if table:
        lineage.append({"stage": "raw data", **table})
    for name, stage in stages.items():
        lineage += [{"stage": name, "path": out["path"], "md5": hash_of(out)} for out in stage.get("outs", [])]
    return lineage


def read_newest_sweep() -> dict[str, Any] | None:
    """The study whose trials were written last, and its trials; None if there is none that can be read."""
    files = sorted(paths.SWEEPS.glob("*/trials.csv"), key=lambda file: file.stat().st_mtime)
    if not files:
        return None
    try:
        trials = pd.read_csv(files[-1]).astype(object)
    except (OSError, ValueError):  # empty, or damaged
        return None
    if trials.empty or not {"trial", "state", "value"} <= set(trials):
        return None
    rows = [select(row, list(trials)) for _, row in trials.iterrows()]
    return {"study": files[-1].parent.name, "trials": rows}


def describe_metadata(rev: str | None) -> dict[str, dict[str, Any]]:
    """The five kinds of metadata; if the files of four are not here, what to do instead."""
    try:
        return read_metadata(rev)
    except UserError as error:
        return {"experiment": describe_commit(rev), "the other kinds": {"missing": f"{error}, or dvc exp pull"}}


# --- How to get the model -----------------------------------------------------------------------------------------


def commands_to_get(winner: pd.Series, head: str, names: pd.Series) -> list[str]:
    """The shell commands that bring the model, here and in a new clone."""
    finish = ["dvc pull", "dvc repro  # runs nothing"]
    if winner.kind == "workspace":
        return ["# it is only in this workspace: commit it", "git add -A", "git commit -m 'The best model'", "dvc push"]
    here = ["# here", best.how_to_get(winner, head, names.to_frame()) or "# it is the last commit"]
    folder = "/".join(filter(None, ("project", folder_in_repository())))
    clone = [f"git clone {shlex.quote(remote_address())} project", f"cd {shlex.quote(folder)}"]
    if winner.kind == "commit":
        return [*here, "# elsewhere", *clone, f"git checkout {winner.rev}", *finish]
    name = shlex.quote(winner["name"])
    pull = [
        f"git checkout {git('rev-parse', f'{winner.rev}^')}",
        f"dvc exp pull origin {name}",
        f"dvc exp apply {name}",
    ]
    return [*here, f"# elsewhere, after this here: dvc exp push origin {name}", *clone, *pull, *finish]


def remote_address() -> str:
    """The address of the Git remote, without a password in it."""
    try:
        return without_password(git("remote", "get-url", "origin"))
    except UserError:
        return "ADDRESS"
