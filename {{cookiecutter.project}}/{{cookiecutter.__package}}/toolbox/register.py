"""register: make a commit's model a version of the registry, and give it a stage.

First it checks what those who get the model will need: that the commit is complete, its results are its own, and both
Git's and DVC's remotes have it.
"""

import json
import logging
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from gto.versions import SemVer

from ..errors import UserError
from . import card
from .git import git
from .models import resolve, switched
from .registry import artifact, assign, call, check_stage, fetch_tags, remote, share, versions


def run(arguments: Namespace) -> None:
    """Make the tags, and say how to share them. Raises UserError with a line for each thing that is missing."""
    if arguments.stage:
        check_stage(arguments.stage)
    if arguments.push:
        fetch_tags()
    commit = resolve(arguments.rev or "HEAD")
    name = artifact(commit)
    known = versions(name)
    version = next((of["version"] for of in known if of["commit_hexsha"] == commit), None)
    refuse([*(() if version else missing_in_git(arguments.rev, commit)), *missing_in_dvc(commit)])
    tags = []
    if version is None:
        version = next_version(known, arguments.version, arguments.bump)
        message = f"{name} {version}\n\n{card.markdown(card.collect(commit), f'{name} {version}')}"
        tags.append(call("register", name, commit, version=version, message=message).tag)
    elif arguments.bump or arguments.version not in (None, version):
        raise UserError(f"{commit[:7]} is registered as {version}, and a commit is one version")
    if arguments.stage:
        tags.append(assign(name, version, arguments.stage))
    if arguments.json:
        facts = {"artifact": name, "version": version, "commit": commit, "stage": arguments.stage, "tags": tags}
        print(json.dumps(facts, indent=2))
    else:
        done = f", in stage {arguments.stage}" if arguments.stage else "" if tags else ", as it was before"
        print(f"{name} {version} is commit {commit[:7]}{done}")
    share(tags, arguments.push)
    if folder := beside(commit):
        print(
            f"note: the DVC remote is {folder}, a folder beside the project: `dvc artifacts get` works in clones beside it; "
            "for others: dvc remote modify storage url ..., one that is the same everywhere",
            file=sys.stderr,
        )


def refuse(missing: list[str]) -> None:
    if missing:
        raise UserError("\nerror: ".join(missing))


def next_version(known: list[dict[str, Any]], asked: str | None, bump: str | None) -> str:
    """The version asked for, or the one after the latest: a patch unless told otherwise. The first is v0.0.1."""
    if asked:
        return asked if asked.startswith("v") else f"v{asked}"
    latest = SemVer(known[0]["version"] if known else "v0.0.0")
    return latest.bump(**{f"bump_{bump or 'patch'}": True}).version


# --- What is missing, a line each, and what to do -------------------------------------------------------------------


def missing_in_git(rev: str | None, commit: str) -> Iterator[str]:
    """Work in no commit, a commit on no branch, or on none of the remote."""
    if rev is None and git("status", "--porcelain", "--untracked-files=no"):
        yield "there is work that is in no commit; run: git add -A && git commit"
    short, places = commit[:7], ("for-each-ref", "--format=%(refname:short)", "--contains", commit)
    branches = git(*places, "refs/heads", "refs/remotes").split()
    if not branches:
        yield f"{short} is on no branch, as experiments are; run: git branch NAME {short}, or dvc exp apply and commit"
    elif remote() and not git(*places, f"refs/remotes/{remote()}"):
        yield f"{short} is not on the Git remote; run: git push {remote()} {branches[0]}"


def missing_in_dvc(commit: str) -> Iterator[str]:
    """Results that are not of their commit, no remote for all, or files that the remote does not have."""
    short = commit[:7]
    with switched(commit) as repo:
        if not repo.fs.exists(repo.fs.join(repo.root_dir, "dvc.lock")):
            yield f"{short} has no results: dvc.lock is not in it; run: dvc repro && git add -A && git commit"
            return
        if changed := outdated(repo):
            yield (
                f"dvc.lock of {short} is not of what the commit has ({', '.join(changed)}); "
                "run: dvc repro && git add -A && git commit"
            )
        if name := storage(repo)[0]:
            yield from not_pushed(repo, short, name)
        else:
            yield (
                f"{short} has no DVC remote for those who get the model: .dvc/config names no default; "
                "run: dvc remote default NAME, and commit .dvc/config"
            )


def not_pushed(repo: Repo, short: str, storage: str) -> Iterator[str]:
    """A line for what can be pushed, and one for what is nowhere."""
    logging.getLogger("dvc").setLevel(logging.ERROR)  # it would warn of what these lines say
    try:
        status = repo.cloud.status(set(objects(repo)), remote=storage)
    except Exception as error:  # noqa: BLE001 - a network and its services have no common error
        yield f"the DVC remote {storage!r} cannot be reached: {' '.join(str(error).split())}; see dvc remote list"
        return
    lost = sorted(item.obj_name for item in status.missing)
    new = sorted(item.obj_name for item in status.new)
    if lost:
        yield (
            f"neither the DVC remote {storage!r} nor the cache has {some(lost)} of {short}; "
            "run dvc push where it was made, or dvc repro and dvc push here"
        )
    if new:
        there = "" if git("rev-parse", "HEAD").startswith(short) else f"git switch --detach {short} && "
        yield f"the DVC remote {storage!r} lacks {some(new)} of {short}; run: {there}dvc push"


def objects(repo: Repo) -> Iterator[Any]:
    """The hash of each file that the pipeline keeps in DVC, and its name."""
    for out in (out for stage in pipeline(repo) for out in stage.outs if out.use_cache):
        found = set().union(*out.get_used_objs(force=True).values())
        if not found:  # a folder, of which there is no list
            out.hash_info.obj_name = str(out)
            found = {out.hash_info}
        yield from found


def some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"


# --- What DVC finds in a commit ------------------------------------------------------------------------------------


def storage(repo: Repo) -> tuple[str | None, str | None]:
    """Name and address of the DVC remote that all have who clone the commit, and not this user alone."""
    config = Config.load_file(repo.fs.join(repo.root_dir, ".dvc", "config"), fs=repo.fs)
    name = config.get("core", {}).get("remote")
    return name, config.get("remote", {}).get(name, {}).get("url")


def beside(commit: str) -> str | None:
    """The DVC remote's address, where it is a folder that is looked for from the project's."""
    with switched(commit) as repo:
        _, url = storage(repo)
    return None if url is None or "://" in url or Path(url).is_absolute() else url.removeprefix("../")


def pipeline(repo: Repo) -> list[Stage]:
    """The stages of the project's dvc.yaml, and the .dvc files; not those of a sweep, which no model needs."""
    return [stage for stage in repo.index.stages if stage.is_data_source or stage.path_in_repo == "dvc.yaml"]


def outdated(repo: Repo) -> list[str]:
    """What is not as dvc.lock has it, in the commit that the repo is switched to: code, params, raw data, metrics."""
    stages = pipeline(repo)
    made = {out.fs_path: out.hash_info for stage in stages for out in stage.outs}
    found = ["dvc.yaml" for stage in stages if isinstance(stage, PipelineStage) and stage.cmd_changed]
    for stage in stages:
        for item in (*stage.deps, *stage.outs):
            in_git = repo.fs.exists(item.fs_path)
            if (in_git and item.status()) or item.hash_info != made.get(item.fs_path, item.hash_info):
                found.append(item.def_path)
    return list(dict.fromkeys(found))
