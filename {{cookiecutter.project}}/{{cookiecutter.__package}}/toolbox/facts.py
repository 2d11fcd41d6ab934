"""What the report says, as plain values: the experiments, the best of them, their plots, where it all comes from."""

import json
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.repo import Repo
from ruamel.yaml import YAML

from ..errors import UserError
from . import experiments, metadata, noise
from .best import differences, how_to_get, scored_by
from .experiments import COUNTS, TEST, Experiments, plain
from .git import git

TRAIN = "results/train/metrics.json"
COMMITS = 30  # in the charts of metrics over commits
# The plots that are drawn: the folder, an out of DVC, and the file in it.
PLOTS = {"learning": ("results/train/plots", "metrics/cv_mean.tsv")} | {
    name: ("results/evaluate/plots", f"custom/{name}.json")
    for name in ("roc", "precision_recall", "confusion", "importance", "predicted", "residuals")
}


def collect(every_commit: bool, where: str | None, top: int) -> dict[str, Any]:
    """All that the report says. Raises UserError where no experiment has a result."""
    found = experiments.load(every_commit)
    names = found.rows["name"]
    labels = names.mask(names.duplicated(keep=False), names + " " + found.rows.rev.str[:7])
    rows = found.rows.assign(label=labels)
    head = rows[rows.rev == git("rev-parse", "HEAD")].iloc[0]
    found = found._replace(rows=without_copy(rows, found.metrics))
    found = found.where(where) if where else found
    ranked = rank(found.rows, head)
    best = ranked.iloc[0]
    rev = None if best.kind == "workspace" else best.rev
    metrics, params = told_apart(found)
    data = ["data"] if found.rows.data.nunique() > 1 else []
    return {
        "project": Path.cwd().name,
        "commit": head.rev,
        "time": git("log", "-1", "--format=%cd", "--date=format:%Y-%m-%d %H:%M", head.rev),
        "score": scored_by(best, "cv_mean")["scoring"],
        "columns": [*metrics, *params, *data, "created"],
        "params": params,
        "ranked": len(ranked),
        "experiments": table(found, ranked.index, [*metrics, *params]),
        "best": values(best, ["label", "name", "kind", "rev", "cv_mean", "cv_std"]),
        "baseline": values(head, ["label", "name", "rev", "cv_mean"]),
        "gain": gained(head, best),
        "changed_params": [
            {"name": name, "baseline": pair["head"], "best": pair["best"]}
            for name, pair in differences(found, head, best).items()
        ],
        "changed_metrics": shifted(head, best, found.metrics),
        "history": history(),
        "top": [{"experiment": row.label, **plots(row)} for _, row in ranked.head(top).iterrows()],
        "sweep": newest_sweep(),
        "metadata": described(rev),
        "lineage": lineage(rev),
        "commands": commands(best, head.rev, names),
    }


# --- The experiments ----------------------------------------------------------------------------------------------


def without_copy(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The rows without the workspace where its results are those of another row: one is not drawn twice."""
    results = rows[metrics].map(repr).agg("|".join, axis=1)
    workspace = rows.kind == "workspace"
    return rows[~(workspace & results.isin(results[~workspace]))]


def rank(rows: pd.DataFrame, head: pd.Series) -> pd.DataFrame:
    """The rows that are done and scored like the last commit, the best first. Raises UserError for none."""
    done = rows[(rows.state == "done") & rows.cv_mean.notna()] if "cv_mean" in rows else rows[:0]
    if len(done):
        scored = scored_by(done.iloc[0] if pd.isna(head.cv_mean) else head, "cv_mean")
        done = done[[scored_by(row, "cv_mean") == scored for _, row in done.iterrows()]]
    if done.empty:
        raise UserError("no experiment to report on has results that are scored like the last commit; run: dvc repro")
    # Rounded: of two that are equal but for the order of adding up, the last commit comes first.
    return done.sort_values("cv_mean", ascending=False, kind="stable", key=lambda scores: scores.round(9))


def told_apart(found: Experiments) -> tuple[list[str], list[str]]:
    """The metrics and params of the table: scores, then counts of rows, and params; of both, those that differ."""
    of_test = [name for name in found.metrics if found.files[name] == TEST and not name.startswith("baseline")]
    counts = [name for name in found.metrics if found.files[name] == COUNTS]
    scores = found.rows[[name for name in ("cv_std", *of_test, *counts) if name in found.metrics]]
    metrics = [name for name in scores if differs(scores[name].dropna())]
    params = [name for name in found.changed() if differs(found.rows.loc[found.used(name), name])]
    return ["cv_mean", *metrics], params


def differs(column: pd.Series) -> bool:
    """Whether there are several values; an empty mapping stands for keys that have columns of their own."""
    return len(set(column.map(repr)) - {"{}"}) > 1


def table(found: Experiments, first: pd.Index, names: list[str]) -> list[dict[str, Any]]:
    """The rows, those named first; a row has no value, not even null, for a param that it was not made with."""
    always = ["label", "name", "kind", "rev", "created", "state", "data"]
    used = pd.DataFrame({name: found.used(name) if name in found.params else True for name in names}, found.rows.index)
    order = [*first, *found.rows.index.difference(first, sort=False)]
    kept = {at: [*always, *(name for name in names if used.at[at, name])] for at in order}
    rows = [values(found.rows.loc[at], kept[at]) for at in order]
    return [{**row, "ranked": at in first} for at, row in zip(order, rows, strict=True)]


def values(row: pd.Series, names: list[str]) -> dict[str, Any]:
    return {name: plain(row.get(name)) for name in names}


def shifted(head: pd.Series, best: pd.Series, metrics: list[str]) -> list[dict[str, Any]]:
    """The metrics that are others in the best, by more than a trace."""
    before, after = values(head, metrics), values(best, metrics)
    changed = [name for name in metrics if near(before[name]) != near(after[name])]
    return [{"name": name, "baseline": before[name], "best": after[name]} for name in changed]


def near(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value


def gained(head: pd.Series, best: pd.Series) -> dict[str, Any] | None:
    """What the best gains on the last commit, and whether that is more than noise; None where that has no score."""
    if pd.isna(head.cv_mean):
        return None
    if best.rev == head.rev:
        said = "the last commit is the best"
    else:
        said = "not tested: in no commit" if best.kind == "workspace" else noise.verdict(best, head)["verdict"]
    return {"value": near(float(best.cv_mean - head.cv_mean)), "verdict": said}


# --- Their files --------------------------------------------------------------------------------------------------


def at(rev: str | None, path: str) -> str:
    """A file that Git has, in a revision or in the workspace; nothing where there is none."""
    if rev is None:
        return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""
    try:
        return git("show", f"{rev}:./{path}")
    except UserError:
        return ""


def history() -> list[dict[str, Any]]:
    """The scores of the commits of this branch that changed dvc.lock, the oldest first."""
    log = git("log", "--first-parent", "--reverse", f"-{COMMITS}", "--format=%H%x09%cI%x09%s", "--", "dvc.lock")
    found = []
    for commit, time, subject in (line.split("\t", 2) for line in log.splitlines()):
        trained, tested = (json.loads(at(commit, path) or "{}") for path in (TRAIN, TEST))
        scores = {"cv_mean": trained.get("cv_mean")} | tested
        numbers = {name: value for name, value in scores.items() if isinstance(value, int | float) and name != "step"}
        if numbers:
            found.append({"commit": commit[:7], "time": time, "subject": subject, "scores": numbers})
    return found


def plots(row: pd.Series) -> dict[str, Any]:
    """The points of each plot of an experiment, and the plots that DVC's cache on this machine does not have."""
    oids = {file["path"]: file["md5"] for file in lineage(None if row.kind == "workspace" else row.rev)}
    found: dict[str, Any] = {"missing": []}
    with Repo() as repo:
        for name, (folder, file) in PLOTS.items():
            try:
                listed = json.loads(Path(repo.cache.local.oid_to_path(oids[folder])).read_bytes())
                (oid,) = (entry["md5"] for entry in listed if entry["relpath"] == file)
                text = Path(repo.cache.local.oid_to_path(oid)).read_text(encoding="utf-8")
            except (KeyError, ValueError, FileNotFoundError):
                found["missing"].append(name)
                continue
            is_table = file.endswith(".tsv")
            found[name] = pd.read_csv(StringIO(text), sep="\t").to_dict("records") if is_table else json.loads(text)
    return found


def lineage(rev: str | None) -> list[dict[str, Any]]:
    """The raw data and the outs in dvc.lock of a revision, or of the workspace: stage, path and md5."""
    stages = (YAML(typ="safe", pure=True).load(at(rev, "dvc.lock")) or {}).get("stages", {})
    raw = [dep for stage in stages.values() for dep in stage["deps"] if dep["path"].startswith("data/raw/")]
    files = [("raw data", dep) for dep in raw]
    files += [(name, out) for name, stage in stages.items() for out in stage.get("outs", [])]
    return [{"stage": name, "path": file["path"], "md5": file.get("md5")} for name, file in files]


def newest_sweep() -> dict[str, Any] | None:
    """The study whose trials were written last, and its trials."""
    files = sorted(Path("results/sweep").glob("*/trials.csv"), key=lambda file: file.stat().st_mtime)
    if not files or not files[-1].stat().st_size or (trials := pd.read_csv(files[-1]).astype(object)).empty:
        return None
    return {"study": files[-1].parent.name, "trials": [values(row, list(trials)) for _, row in trials.iterrows()]}


def described(rev: str | None) -> dict[str, dict[str, Any]]:
    """The five kinds of metadata; of those that cannot be read, what to do."""
    try:
        return metadata.collect(rev)
    except UserError as error:
        return {"experiment": metadata.experiment(rev), "the other kinds": {"missing": f"{error}, or dvc exp pull"}}


def commands(best: pd.Series, head: str, names: pd.Series) -> list[str]:
    """How to get the model, line by line, for the shell."""
    if best.kind == "workspace":
        return [
            "# it is in this workspace alone: commit it",
            "git add -A",
            "git commit -m 'The best model'",
            "dvc push",
        ]
    here = how_to_get(best, head, names.to_frame()) or "# it is the last commit"
    try:
        address = re.sub("(?<=://)[^/@]*@", "", git("remote", "get-url", "origin"))  # without a password
    except UserError:
        address = "ADDRESS"
    clone = [f"git clone {shlex.quote(address)} project", "cd project"]
    if best.kind == "commit":
        steps = [*clone, f"git checkout {best.rev}"]
        return ["# here", here, "# elsewhere", *steps, "dvc pull", "dvc repro  # runs nothing"]
    name = shlex.quote(best["name"])
    steps = [*clone, f"git checkout {git('rev-parse', f'{best.rev}^')}", f"dvc exp pull origin {name}"]
    pushed = f"# elsewhere, after this here: dvc exp push origin {name}"
    return ["# here", here, pushed, *steps, f"dvc exp apply {name}", "dvc pull", "dvc repro  # runs nothing"]
