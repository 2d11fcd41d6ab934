"""reproduce: prove a result: run its pipeline anew from the raw data, and compare every output with dvc.lock.

It works in a temporary clone with an empty cache, so that nothing but the raw data can come from an earlier run, and
touches nothing of the project.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .. import params
from ..errors import UserError
from ..params import flat
from . import metadata
from .compare import text
from .facts import at
from .git import git
from .models import files as files_of
from .models import resolve, switched
from .register import outdated

ENVIRONMENT = "models/environment.json"  # a record of the run, which need not be the same for the result to be
CACHE = "cache-of-this-machine"
DIFFERS = 2  # the exit code


def run(arguments: Namespace) -> None:
    """Print a verdict per file, and exit with 2 where one differs."""
    params.read()  # which says where to run this
    commit = resolve(arguments.rev or "HEAD")
    recorded = outs(at(commit, "dvc.lock"))
    if not recorded:
        raise UserError(f"{commit[:7]} has no results to reproduce: dvc.lock is not in it; run: dvc repro, and commit")
    name = metadata.experiment(commit)["name"]
    if arguments.rev is None and git("status", "--porcelain", "--untracked-files=no"):
        say("changes that are in no commit are left out")
    say(f"reproducing {commit[:7]} ({name}) in a temporary clone")
    facts = {"commit": commit, "name": name, **proof(commit, recorded)}
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(*told(facts), sep="\n")
    if not facts["identical"]:
        sys.exit(DIFFERS)


def proof(commit: str, recorded: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Run all stages of a commit anew; what is the same and what is not. recorded: by stage and path, the MD5."""
    with clone(commit) as folder:
        raw = pull_raw(folder)
        # Without dvc.lock, DVC does not know that anything ever ran.
        (folder / "dvc.lock").unlink()
        if in_clone(folder, sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache", "--no-commit"):
            raise UserError(f"dvc repro failed in a clone of {commit[:7]}, for the reason above")
        now = outs((folder / "dvc.lock").read_text(encoding="utf-8"))
        files = [file for stage in recorded for file in compared(folder, commit, stage, recorded[stage], now)]
        differ = {file["path"] for file in files if not file["identical"]}
        with switched(commit) as repo:
            changed = outdated(repo)
        return {
            "identical": differ <= {ENVIRONMENT},
            "raw": raw,
            "files": files,
            "metrics": [line for path in sorted(differ) for line in metrics(folder, commit, path)],
            "environment": environment(folder, commit) if ENVIRONMENT in differ else [],
            "outdated": changed,
        }


def outs(lock: str) -> dict[str, dict[str, str]]:
    """The MD5 of each output in dvc.lock, by stage and path."""
    try:
        stages = (YAML(typ="safe", pure=True).load(lock) or {}).get("stages", {})
        return {name: {out["path"]: out["md5"] for out in stage.get("outs", [])} for name, stage in stages.items()}
    except (YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UserError("dvc.lock is damaged; run: dvc repro, and commit it") from error


# --- The clone ----------------------------------------------------------------------------------------------------


@contextmanager
def clone(commit: str) -> Iterator[Path]:
    """The project at a commit, in a temporary folder with an empty cache and the DVC remotes of this one."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the folder is removed
    root, inner = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    with tempfile.TemporaryDirectory(prefix="reproduce-", ignore_cleanup_errors=True) as temporary:
        # Objects are shared, so that a commit of an experiment, which no branch has, is there.
        git("clone", "--quiet", "--shared", "--no-checkout", root, f"{temporary}/clone")
        git("-C", f"{temporary}/clone", "checkout", "--quiet", "--detach", commit)
        folder = Path(temporary, "clone", inner)
        with Repo() as here:
            remotes, cache = here.config["remote"], here.cache.local.path.removesuffix("files/md5")
        remotes |= {CACHE: {"url": cache}}
        # Wins over the settings of this user, such as a cache that all projects share.
        with Config(str(folder / ".dvc")).edit("local") as config:
            config["cache"] = {"dir": f"{temporary}/cache"}
            config["remote"] = {name: {**remote, "verify": True} for name, remote in remotes.items()}
        yield folder


def pull_raw(folder: Path) -> list[dict[str, str]]:
    """Get what the pipeline reads, and neither Git nor a stage has, from the DVC remote, or from the cache here.

    Raises UserError where neither has it.
    """
    lock = YAML(typ="safe", pure=True).load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    made = {out["path"] for stage in lock.values() for out in stage.get("outs", [])}
    read = {dep["path"] for stage in lock.values() for dep in stage.get("deps", [])}
    found = []
    for path in sorted(path for path in read - made if not (folder / path).exists()):
        for source, options in (("the DVC remote", ()), ("the cache of this machine", ("--remote", CACHE))):
            command = (sys.executable, "-m", "dvc", "pull", "--quiet", *options, path)
            if not in_clone(folder, *command, quiet=True):
                found.append({"path": path, "from": source})
                break
        else:
            raise UserError(f"{path}: neither the DVC remote nor the cache has it; where it is, run: dvc push {path}")
    return found


def in_clone(folder: Path, *command: str, quiet: bool = False) -> int:
    """Run a command, with what it prints on stderr; return its exit code. All of its processes end if this one must."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the `python` of dvc.yaml is this one
    output = subprocess.DEVNULL if quiet else sys.stderr
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PWD": str(folder), "DVC_SITE_CACHE_DIR": str(folder / ".dvc/site")},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    ) as process:
        try:
            return process.wait()
        except BaseException:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise


# --- The comparison -----------------------------------------------------------------------------------------------


def compared(
    folder: Path, commit: str, stage: str, recorded: dict[str, str], now: dict[str, dict[str, str]]
) -> list[dict[str, Any]]:
    """A verdict per file of a stage; those of a folder one by one, if what was in it is known."""
    found = []
    for path, before in recorded.items():
        after = now.get(stage, {}).get(path)
        pairs = {path: (before, after)}
        if before.endswith(".dir") and after is not None:
            listed = {file.relative_to(folder).as_posix(): md5(file) for file in (folder / path).rglob("*.*")}
            known = listed if before == after else listing(commit, path)
            if known is not None:
                pairs = {name: (known.get(name), listed.get(name)) for name in sorted({*known, *listed})}
        found += [
            {"stage": stage, "path": name, "recorded": old, "now": new, "identical": old == new}
            for name, (old, new) in pairs.items()
        ]
    return found


def md5(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def listing(commit: str, path: str) -> dict[str, str] | None:
    """The MD5 of each file of a folder as recorded; None where neither cache nor remote has the list."""
    try:
        with switched(commit) as repo:
            files = repo.dvcfs.find(path, detail=True)
            return {name.lstrip("/"): info["dvc_info"]["md5"] for name, info in files.items()} or None
    except (OSError, UserError):
        return None


def metrics(folder: Path, commit: str, path: str) -> Iterator[dict[str, Any]]:
    """The numbers of a metrics file, which Git has, that differ."""
    before = at(commit, path)
    if not before or not path.endswith(".json"):
        return
    old, new = flat(json.loads(before)), flat(json.loads((folder / path).read_text(encoding="utf-8")))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield {"file": path, "name": name, "recorded": old.get(name), "now": new.get(name)}


def environment(folder: Path, commit: str) -> list[dict[str, Any]] | None:
    """Python, system and libraries that are others now; None where what was recorded cannot be read."""
    try:
        with files_of(commit, [ENVIRONMENT]) as then:
            before = flat(json.loads((then / ENVIRONMENT).read_text(encoding="utf-8")))
    except (UserError, ValueError):
        return None
    now = flat(json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8")))
    pairs = {name: (before.get(name), now.get(name)) for name in {**before, **now}}
    return [{"name": name, "recorded": old, "now": new} for name, (old, new) in pairs.items() if old != new]


# --- What it says ---------------------------------------------------------------------------------------------------


def told(facts: dict[str, Any]) -> list[str]:
    """The verdicts, line by line, and last what they mean."""
    lines = [f"{'raw data':<10}from {raw['from']}: {raw['path']}" for raw in facts["raw"]]
    for file in facts["files"]:
        verdict = "identical" if file["identical"] else "differs  "
        hashes = "" if file["identical"] else f" ({(file['recorded'] or 'none')[:7]} -> {(file['now'] or 'none')[:7]})"
        lines.append(f"{file['stage']:<10}{verdict} {file['path']}{hashes}")
    if facts["metrics"]:
        lines.append("metrics that differ:")
        lines += [f"  {of['file']} {of['name']}: {change(of)}" for of in facts["metrics"]]
    if facts["environment"]:
        lines.append("environment that differs:")
        lines += [f"  {of['name']}: {of['recorded']} -> {of['now']}" for of in facts["environment"]]
    return [*lines, verdict_of(facts)]


def change(of: dict[str, Any]) -> str:
    numbers = all(isinstance(of[when], int | float) for when in ("recorded", "now"))
    by = f" ({of['now'] - of['recorded']:+.2g})" if numbers else ""
    return f"{text(of['recorded'])} -> {text(of['now'])}{by}"


def verdict_of(facts: dict[str, Any]) -> str:
    """What the comparison shows, and what it does not."""
    which, same = facts["commit"][:7], sum(file["identical"] for file in facts["files"])
    if same == len(facts["files"]):
        return f"reproduced: all {same} files of {which} are identical"
    if facts["identical"]:
        return f"reproduced: the results of {which} are identical, in another environment"
    said = f"not reproduced: {len(facts['files']) - same} of {len(facts['files'])} files of {which} differ"
    if facts["outdated"]:
        return f"{said}: dvc.lock is not of what the commit has ({', '.join(facts['outdated'])}); run dvc repro, and commit"
    if facts["environment"] is None:
        return f"{said}: what environment they were made in is not in the cache or remote, so the reason is open"
    if facts["environment"]:
        return (
            f"{said}: in another environment bits may differ, and scores a little; to know, reproduce it with the "
            "requirements.txt of that commit, on such a machine"
        )
    return (
        f"{said}: in the same versions on the same system, so either dvc.lock was edited, or a stage depends on chance, "
        "time, the number of threads or the model of the processor, which are not recorded"
    )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
