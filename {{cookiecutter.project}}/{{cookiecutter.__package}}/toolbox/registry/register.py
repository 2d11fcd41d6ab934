"""register: make the model of a commit a version of the registry, and give it a stage.

First it checks what others need to use the model: the commit is complete, its results are its own, and the remotes of
Git and DVC have it.
"""

import json
import logging
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from dvc.config import Config
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from gto.versions import SemVer

from ...core import paths
from ...core.errors import UserError
from ...core.revisions import at_revision, explain_remote, find_remote_problem, resolve, stages, without_password
from .. import model_card
from ..git import git, git_remote
from .registry import artifact, assign, call_gto, check_stage, fetch_tags, push_or_print, versions

COMMIT_RESULTS = "run: dvc repro && git add -A && git commit"


def run(arguments: Namespace) -> None:
    """Make the tags, and push them or print how to. Raises UserError with a line for each thing that is missing."""
    if arguments.stage:
        check_stage(arguments.stage)
    if arguments.push:
        fetch_tags()
    commit = resolve("HEAD" if arguments.rev is None else arguments.rev)
    name = artifact(commit)
    known = versions(name)
    before = next((version for version in known if version["commit_hexsha"] == commit), None)
    version = before["version"] if before else None
    missing = [] if version else list(missing_in_git(arguments.rev, commit))
    missing += missing_in_dvc(commit)
    if missing:
        raise UserError("\nerror: ".join(missing))
    tags = []
    if version is None:
        version = next_version(known, arguments.version, arguments.bump)
        title = f"{name} {version}"
        message = f"{title}\n\n{model_card.to_markdown(model_card.build_card(commit), title)}"
        tags.append(call_gto("register", name, commit, version=version, message=message).tag)
    elif arguments.bump or arguments.version not in (None, version):
        raise UserError(f"{commit[:7]}: is registered as {version} already; a commit has one version")
    if arguments.stage and arguments.stage not in (stages(before) if before else []):
        tags.append(assign(name, version, arguments.stage))
    if arguments.json:
        facts = {"artifact": name, "version": version, "commit": commit, "stage": arguments.stage, "tags": tags}
        print(json.dumps(facts, indent=2))
    else:
        print(f"{name} {version} is commit {commit[:7]}{_describe_change(arguments.stage, tags)}")
    # A register that was killed may have made tags, and not pushed them.
    push_or_print([*made_before(before, arguments.stage), *tags] if arguments.push else tags, arguments.push)
    with at_revision(commit) as repo:
        repositories = imports(repo)
    for path, repository in repositories.items():
        print(f"note: {path} is imported from {repository}; others need that repository for it", file=sys.stderr)
    folder = folder_on_this_machine(commit)
    if folder:
        print(
            f"note: the DVC remote is {folder}, a folder of this machine; other machines need one that they can "
            "reach: dvc remote modify storage url ADDRESS",
            file=sys.stderr,
        )


def _describe_change(stage: str | None, tags: list[str]) -> str:
    if stage:
        return f", in stage {stage}"
    return "" if tags else ", as it was before"


def made_before(version: dict[str, Any] | None, stage: str | None) -> list[str]:
    """The tags of a version that is registered already, and of its stage."""
    if version is None:
        return []
    return [version["ref"], *(held["ref"] for held in version["stages"] if held["stage"] == stage)]


def next_version(known: list[dict[str, Any]], requested: str | None, bump: str | None) -> str:
    """The requested version, or the one after the latest: a patch by default. The first one is v0.0.1."""
    if requested:
        return requested if requested.startswith("v") else f"v{requested}"
    latest = SemVer(known[0]["version"] if known else "v0.0.0")
    return latest.bump(**{f"bump_{bump or 'patch'}": True}).version


# --- Missing things, a line each, and what to do -------------------------------------------------------------------


def missing_in_git(rev: str | None, commit: str) -> Iterator[str]:
    """Work that is not committed, a commit that is on no branch, or not on the Git remote."""
    if rev is None and git("status", "--porcelain", "--untracked-files=no", "--", "."):
        yield "the project has changes that are not committed; run: git add -A . && git commit"
    short, places = commit[:7], ("for-each-ref", "--format=%(refname:short)", "--contains", commit)
    branches = git(*places, "refs/heads", "refs/remotes").split()
    remote = git_remote()
    if not branches:
        yield f"{short} is on no branch, as experiments are; run: git branch NAME {short}, or dvc exp apply and commit"
    elif remote and not git(*places, f"refs/remotes/{remote}"):
        yield f"{short} is not on the Git remote; run: git push {remote} {branches[0]}"


def missing_in_dvc(commit: str) -> Iterator[str]:
    """Results of another version of the code or data, a commit without a DVC remote, or files that the remote lacks."""
    short = commit[:7]
    with at_revision(commit) as repo:
        if not repo.fs.exists(repo.fs.join(repo.root_dir, paths.LOCK.name)):
            yield f"{short} has no results: dvc.lock is not in it; {COMMIT_RESULTS}"
            return
        changed = outdated(repo)
        if changed:
            yield f"dvc.lock of {short} does not match the commit ({', '.join(changed)}); {COMMIT_RESULTS}"
        storage, _ = shared_storage(repo)
        if storage:
            yield from missing_in_storage(repo, short, storage)
        else:
            yield (
                f"{short} has no DVC remote that others know: .dvc/config names no default; "
                "run: dvc remote default NAME, and commit .dvc/config"
            )


def missing_in_storage(repo: Repo, short: str, storage: str) -> Iterator[str]:
    """A line for the files that can be pushed, and one for those that neither cache nor remote has."""
    logging.getLogger("dvc").setLevel(logging.ERROR)  # it would warn of the same files
    problem = find_remote_problem(repo, storage)
    if problem:
        yield f"{storage!r}: {problem}"
        return
    outs = list(stored_objects(repo))
    names = {item.value: item.obj_name for objects in outs for item in objects}
    try:
        remote = repo.cloud.get_remote_odb(storage)
        # Each file: dvc status takes a folder for whole if its list is there.
        pushed = set(remote.oids_exist(list(names)))
    except Exception as error:  # noqa: BLE001 - each kind of remote has errors of its own
        yield f"{storage!r}: {explain_remote(error)}"
        return
    cached = set(repo.cache.local.oids_exist(list(names)))
    lost = sorted(name for oid, name in names.items() if oid not in pushed | cached)
    new = sorted(name for oid, name in names.items() if oid in cached - pushed)
    lists = [remote.oid_to_path(oid) for oid in lists_of_partly_pushed(outs, pushed)]
    if lost:
        yield (
            f"neither the DVC remote {storage!r} nor the cache has {summarize(lost)} of {short}; "
            "run dvc push where the files were made, or dvc repro and dvc push here"
        )
    if new:
        switch = "" if git("rev-parse", "HEAD").startswith(short) else f"git switch --detach {short} && "
        first = f"delete {' and '.join(lists)}, by which dvc push takes a folder for pushed; then " if lists else ""
        yield f"the DVC remote {storage!r} lacks {summarize(new)} of {short}; {first}run: {switch}dvc push"


def stored_objects(repo: Repo) -> Iterator[set[Any]]:
    """For each output that the pipeline keeps in DVC, the hashes of its files, with their names."""
    stages = [stage for stage in pipeline(repo) if not stage.is_repo_import]  # dvc push leaves imports out
    for out in (out for stage in stages for out in stage.outs if out.use_cache):
        objects: set[Any] = set().union(*out.get_used_objs(force=True).values())
        if not objects:  # a folder whose list of files is not here
            out.hash_info.obj_name = str(out)
            objects = {out.hash_info}
        yield objects


def lists_of_partly_pushed(outs: list[set[Any]], pushed: set[str]) -> list[str]:
    """The lists of files that the remote has of folders, of which it lacks a file: the hash of each."""
    partly = [objects for objects in outs if any(item.value not in pushed for item in objects)]
    return sorted(item.value for objects in partly for item in objects if item.isdir and item.value in pushed)


def summarize(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"


# --- What DVC finds in a commit ------------------------------------------------------------------------------------


def shared_storage(repo: Repo) -> tuple[str | None, str | None]:
    """Name and address of the DVC remote in .dvc/config, which everybody has who clones the commit."""
    config = Config.load_file(repo.fs.join(repo.root_dir, ".dvc", "config"), fs=repo.fs)
    name = config.get("core", {}).get("remote")
    return name, config.get("remote", {}).get(name, {}).get("url")


def folder_on_this_machine(commit: str) -> str | None:
    """The address of the DVC remote if it is a folder, and not a server."""
    with at_revision(commit) as repo:
        _, url = shared_storage(repo)
    return None if url is None or "://" in url else url


def pipeline(repo: Repo) -> list[Stage]:
    """The stages of the project's dvc.yaml and the .dvc files, without the stage of a sweep, which no model needs."""
    return [stage for stage in repo.index.stages if stage.is_data_source or stage.path_in_repo == paths.PIPELINE.name]


def imports(repo: Repo) -> dict[str, str]:
    """The address of the repository that each file or folder of `dvc import` comes from, by its path in the project."""
    return {
        repo.fs.relpath(out.fs_path, repo.root_dir): without_password(stage.deps[0].def_repo["url"])
        for stage in pipeline(repo)
        if stage.is_repo_import
        for out in stage.outs
    }


def outdated(repo: Repo) -> list[str]:
    """The files that differ from dvc.lock in the commit that the repo reads: code, params, data, metrics."""
    stages = pipeline(repo)
    outputs = {out.fs_path: out.hash_info for stage in stages for out in stage.outs}
    changed = ["dvc.yaml" for stage in stages if isinstance(stage, PipelineStage) and stage.cmd_changed]
    for stage in stages:
        for item in (*stage.deps, *stage.outs):
            in_git = repo.fs.exists(item.fs_path)
            if (in_git and item.status()) or item.hash_info != outputs.get(item.fs_path, item.hash_info):
                changed.append(item.def_path)
    return list(dict.fromkeys(changed))
