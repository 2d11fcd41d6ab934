"""registry: the versions of the model, their stages, scores and commits.

It is GTO's: a version and each assignment of a stage are annotated tags of Git, and there is no other file. `gto show`,
`gto assign` and `dvc artifacts get` work on the same tags.
"""

import json
import shlex
import sys
import time
from argparse import Namespace
from typing import Any

import gto.api
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import map_scm_exception
from gto.config import read_registry_config
from gto.constants import assert_fullname_is_valid
from gto.exceptions import GTOException
from ruamel.yaml import YAML

from .. import params
from ..errors import UserError
from ..params import flat
from .compare import table, text
from .experiments import TEST
from .facts import TRAIN, at
from .git import git
from .models import registered, stages

MODEL = "models/model.skops"
AHEAD = 10  # seconds that the clock of another machine may be ahead


def run(arguments: Namespace) -> None:
    """Print the versions, the latest first; one line where there is none."""
    name = artifact()
    listed = [described(version) for version in versions(name)]
    if arguments.json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
    elif not listed:
        print(f"{name}: no version is registered; to register one: python -m {__package__.partition('.')[0]} register")
    else:
        shown = [{**row, "stages": ", ".join(row["stages"]), "commit": row["commit"][:7]} for row in listed]
        columns = dict.fromkeys(column for row in shown for column in row)
        print(table({column: [text(row.get(column)) for row in shown] for column in columns}))


def described(version: dict[str, Any]) -> dict[str, Any]:
    """Version, stages, cv_mean and the test scores, which Git has, the commit and the day it was registered."""
    commit = version["commit_hexsha"]
    scores = {"cv_mean": json.loads(at(commit, TRAIN) or "{}").get("cv_mean")}
    tested = flat(json.loads(at(commit, TEST) or "{}"))
    scores |= {name: score for name, score in tested.items() if name != "step" and not name.startswith("baseline")}
    date = version["created_at"].date().isoformat()
    return {"version": version["version"], "stages": stages(version), **scores, "commit": commit, "date": date}


def artifact(rev: str | None = None) -> str:
    """GTO's name of the model: that in dvc.yaml, behind the folder where the project is not the root of the repository.

    Raises UserError where dvc.yaml of the revision, or of the workspace, has no name for it.
    """
    params.read()  # which says where to run this
    named = (YAML(typ="safe", pure=True).load(at(rev, "dvc.yaml")) or {}).get("artifacts") or {}
    name = next((name for name, of in named.items() if of["path"] == MODEL), None)
    if name is None:
        of = f" of {rev[:7]}" if rev else ""
        raise UserError(f"dvc.yaml{of}: artifacts: has no name for {MODEL}; give it one, and commit")
    folder = git("rev-parse", "--show-prefix").rstrip("/")
    name = f"{folder}:{name}" if folder else name
    try:
        assert_fullname_is_valid(name)
    except GTOException as error:
        raise UserError(f"dvc.yaml: artifacts: {name!r}: GTO takes letters, digits, - and _; rename it") from error
    return name


def versions(name: str) -> list[dict[str, Any]]:
    """The versions as GTO has them, the latest first."""
    with Repo() as repo:
        return registered(name, repo)


def call(action: str, *arguments: Any, **options: Any) -> Any:
    """Call GTO's API. Raises UserError with its reason."""
    root = git("rev-parse", "--show-toplevel")
    try:
        with map_scm_exception():  # what it says where Git knows no user.name
            return getattr(gto.api, action)(root, *arguments, **options)
    except (GTOException, DvcException) as error:
        raise UserError(f"gto {action}: {' '.join(str(error).split())}") from error


# --- Stages -------------------------------------------------------------------------------------------------------


def holders(name: str, stage: str) -> list[str]:
    """The versions that a stage went through, the one that has it last: what rollback goes back along.

    A version that is assigned again goes back to its place, and what came after it is forgotten: after v1, v2, v3, v2 these
    are v1 and v2, so that a second rollback goes on to v1, and not forth to v3, which did not hold.
    """
    held: list[str] = []
    for event in call("history", name, ascending=True):
        version, kind = event["version"], event["event"]
        if kind == "assignment" and event["stage"] == stage:
            held = [*(held[: held.index(version)] if version in held else held), version]
        elif kind in ("unassignment", "deregistration") and event["stage"] in (stage, None) and version in held:
            held.remove(version)
    return held


def check_stage(stage: str) -> None:
    """Raises UserError for a name that GTO does not take, or that is not among the stages that a file .gto lists."""
    try:
        read_registry_config(f"{git('rev-parse', '--show-toplevel')}/.gto").assert_stage(stage)
    except GTOException as error:
        raise UserError(f"--stage {stage}: {error}") from error


def assign(name: str, version: str, stage: str, message: str | None = None) -> str:
    """Assign the stage; return the tag. Raises UserError where GTO refuses, or a tag is of a later time than now.

    GTO and DVC go by the time of the tags, in seconds: of two in one second, neither would be the later.
    """
    last = max(event["timestamp"].timestamp() for event in call("history", name))
    if last - time.time() > AHEAD:
        raise UserError(f"{name}: its last tag is of {time.ctime(last)}, and that is to come: which clock is wrong?")
    time.sleep(max(int(last) + 1 - time.time(), 0))
    return call("assign", name, stage, version=version, message=message, force=True).tag


# --- The Git remote -------------------------------------------------------------------------------------------------


def remote() -> str | None:
    """The Git remote to share with: origin, or the first; None where there is none."""
    names = git("remote").split()
    return "origin" if "origin" in names else next(iter(names), None)


def fetch_tags() -> None:
    """Bring the tags of others. Raises UserError where there is no Git remote, or it cannot be reached."""
    if remote() is None:
        raise UserError("--push: there is no Git remote; run: git remote add origin ADDRESS")
    in_one_line("fetch", "--quiet", "--tags", remote())


def share(tags: list[str], push: bool) -> None:
    """Push the tags, or say on stderr how to. Raises UserError where that fails: the tags stay, here."""
    if not tags or remote() is None:
        return
    command = shlex.join(["git", "push", remote(), *tags])
    if not push:
        print(f"to share it: {command}", file=sys.stderr)
        return
    try:
        in_one_line("push", "--quiet", remote(), *tags)
    except UserError as error:
        raise UserError(f"made here, but not pushed: {error}; to try again: {command}") from error


def in_one_line(*arguments: str) -> None:
    """Git with a remote, of which it may say several lines."""
    try:
        git(*arguments)
    except UserError as error:
        raise UserError(" ".join(str(error).split())) from error
