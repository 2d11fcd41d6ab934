"""registry: list the versions of the model with their stages, scores and commits.

The registry is GTO's: a version and each assignment of a stage are annotated tags of Git, and there is no other file.
`gto show`, `gto assign` and `dvc artifacts get` work on the same tags.
"""

import json
import shlex
import sys
import time
from argparse import Namespace
from typing import Any

import gto.api
from dvc.exceptions import DvcException
from dvc.scm import map_scm_exception
from gto.config import read_registry_config
from gto.constants import assert_fullname_is_valid
from gto.exceptions import GTOException

from ...core import paths
from ...core.config import flatten, read_params
from ...core.errors import UserError
from ...core.files import parse_yaml
from ...core.formatting import format_value, to_json
from ...core.revisions import NOT_A_COMMIT, explain_gto, open_repo, refuse_wrong_tags, registered, stages
from ..git import folder_in_repository, git, git_remote, read_at
from ..tables import to_text_table

CLOCK_TOLERANCE = 10  # seconds that the clock of another machine may be ahead
PROGRAM = f"python -m {__package__.partition('.')[0]}"


def run(arguments: Namespace) -> None:
    """Print the versions, the latest first, or one line if there is none."""
    name = artifact()
    rows = [describe_version(version) for version in versions(name)]
    if arguments.json:
        print(to_json(rows))
    elif not rows:
        print(f"{name}: no version is registered; to register one: {PROGRAM} register")
    else:
        rows = [{**row, "stages": ", ".join(row["stages"]), "commit": row["commit"][:7]} for row in rows]
        columns = dict.fromkeys(column for row in rows for column in row)
        print(to_text_table({column: [format_value(row.get(column)) for row in rows] for column in columns}))


def describe_version(version: dict[str, Any]) -> dict[str, Any]:
    """Version, stages, cv_mean, test scores, commit, and the day on which it was registered."""
    commit = version["commit_hexsha"]
    scores = {"cv_mean": read_metrics(commit, paths.TRAIN_METRICS.as_posix()).get("cv_mean")}
    for name, score in read_metrics(commit, paths.TEST_METRICS.as_posix()).items():
        if not name.startswith("dummy_"):
            scores[name] = score
    date = version["created_at"].date().isoformat()
    return {"version": version["version"], "stages": stages(version), **scores, "commit": commit, "date": date}


def read_metrics(rev: str | None, path: str) -> dict[str, Any]:
    """The metrics in a file that Git has; none if it is not there, or damaged."""
    try:
        return flatten(json.loads(read_at(rev, path) or "{}"))
    except (AttributeError, ValueError):
        return {}


def artifact(rev: str | None = None) -> str:
    """GTO's name of the model: its name in dvc.yaml, behind the folder of a project that is not its repository's root.

    Raises UserError if dvc.yaml of the revision, or of the workspace, has no name for it, or one that GTO refuses.
    """
    read_params()  # its message names the folder to run this in
    pipeline = parse_yaml(read_at(rev, paths.PIPELINE.as_posix()), paths.PIPELINE)
    artifacts = pipeline.get("artifacts") if isinstance(pipeline, dict) else None
    entries = artifacts.items() if isinstance(artifacts, dict) else ()
    names = [name for name, entry in entries if entry and entry.get("path") == paths.MODEL.as_posix()]
    if not names:
        commit = f" of {rev[:7]}" if rev else ""
        raise UserError(f"dvc.yaml{commit}: artifacts: has no name for {paths.MODEL.as_posix()}; add one, and commit")
    folder = folder_in_repository()
    name = f"{folder}:{names[0]}" if folder else names[0]
    try:
        assert_fullname_is_valid(name)
    except GTOException as error:
        raise UserError(
            f"dvc.yaml: artifacts: {name!r}: GTO accepts letters, digits, - and _ in a name, "
            "and in the folders before it; rename it"
        ) from error
    return name


def versions(name: str) -> list[dict[str, Any]]:
    """The versions as GTO lists them, the latest first."""
    with open_repo() as repo:
        return registered(name, repo)


def call_gto(action: str, *arguments: Any, **options: Any) -> Any:
    """Call GTO's API on the repository. Raises UserError with its reason."""
    root = git("rev-parse", "--show-toplevel")
    try:
        with map_scm_exception():  # Git knows no user.name, for example
            return getattr(gto.api, action)(root, *arguments, **options)
    except (GTOException, DvcException) as error:
        raise UserError(f"gto {action}: {explain_gto(error)}") from error
    except NOT_A_COMMIT:
        with open_repo() as repo:
            refuse_wrong_tags(repo)
        raise


# --- Stages -------------------------------------------------------------------------------------------------------


def stage_history(name: str, stage: str) -> list[str]:
    """The versions that held a stage, the one that holds it last: the way that rollback goes back.

    A version that is assigned again returns to its place, and later ones are forgotten: after v1, v2, v3, v2 the
    history is v1, v2. So a second rollback goes to v1, and never forward to v3, which was rolled back from.
    """
    history: list[str] = []
    for event in call_gto("history", name, ascending=True):
        version, kind = event["version"], event["event"]
        if kind == "assignment" and event["stage"] == stage:
            if version in history:
                history = history[: history.index(version)]
            history.append(version)
        elif kind in ("unassignment", "deregistration") and event["stage"] in (stage, None) and version in history:
            history.remove(version)
    return history


def check_stage(stage: str) -> None:
    """Raise UserError for a name that GTO refuses, or that is not among the stages in the file .gto."""
    try:
        read_registry_config(f"{git('rev-parse', '--show-toplevel')}/.gto").assert_stage(stage)
    except GTOException as error:
        raise UserError(f"--stage {stage}: {explain_gto(error)}") from error


def assign(name: str, version: str, stage: str, message: str | None = None) -> str:
    """Assign the stage and return the tag. Raises UserError if GTO refuses, or the last tag is later than now.

    GTO and DVC order tags by their time in seconds: of two in the same second, neither would be the later one.
    """
    last = max(event["timestamp"].timestamp() for event in call_gto("history", name))
    if last - time.time() > CLOCK_TOLERANCE:
        raise UserError(
            f"{name}: the latest tag is dated {time.ctime(last)}, which is in the future; "
            "check the clock of this machine"
        )
    time.sleep(max(int(last) + 1 - time.time(), 0))
    return call_gto("assign", name, stage, version=version, message=message, force=True).tag


# --- The Git remote -------------------------------------------------------------------------------------------------


def fetch_tags() -> None:
    """Get the tags of others. Raises UserError without a Git remote, or if it cannot be reached."""
    remote = git_remote()
    if remote is None:
        raise UserError("--push: there is no Git remote; run: git remote add origin ADDRESS")
    try:
        git("fetch", "--quiet", "--tags", remote)
    except UserError as error:
        taken = taken_tags(remote)
        raise UserError(explain_conflict(taken, taken) if taken else str(error)) from error


def push_or_print(tags: list[str], push: bool) -> None:
    """Push the tags, or print the command on stderr. Raises UserError if the push fails: the tags remain here."""
    remote = git_remote()
    if not tags or remote is None:
        return
    # All of them or none: a stage must not point to a version that was refused.
    command = ["push", "--atomic", remote, *tags]
    if not push:
        print(f"to share it: {shlex.join(['git', *command])}", file=sys.stderr)
        return
    try:
        git(command[0], "--quiet", *command[1:])
    except UserError as error:
        taken = [tag for tag in taken_tags(remote) if tag in tags]
        again = f"made here, but not pushed: {error}; to try again: {shlex.join(['git', *command])}"
        raise UserError(explain_conflict(taken, tags) if taken else again) from error


def taken_tags(remote: str) -> list[str]:
    """The tags by whose names the Git remote has others: somebody else registered at the same time."""
    try:
        lines = [line.partition("\t") for line in git("ls-remote", "--tags", remote).splitlines()]
    except UserError:
        return []
    theirs = {name.removeprefix("refs/tags/"): oid for oid, _, name in lines}
    ours = [line.split(" ", 1) for line in git("tag", "--format=%(objectname) %(refname:strip=2)").splitlines()]
    return [name for oid, name in ours if theirs.get(name, oid) != oid]


def explain_conflict(taken: list[str], made_here: list[str]) -> str:
    delete = shlex.join(["git", "tag", "--delete", *made_here])
    return (
        f"{', '.join(taken)}: somebody else has pushed another tag by this name; to take the next number: "
        f"{delete} && git fetch --tags, then run the same command again"
    )
