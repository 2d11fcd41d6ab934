"""verify: re-run the pipeline of a result from its raw data, and compare every output with dvc.lock.

It works in a temporary clone with an empty cache, so that only the raw data can come from an earlier run. It changes
nothing in the project.
"""

import json
import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configobj import ConfigObj

from ..core import paths
from ..core.config import flatten, read_params
from ..core.errors import UserError, printable
from ..core.files import parse_yaml
from ..core.formatting import format_value, to_json
from ..core.lock import outputs, parse_lock
from ..core.revisions import at_revision, file_md5, files, open_repo, resolve
from ..core.temporary import temporary_folder
from .git import folder_in_repository, git, read_at
from .model_card import describe_commit
from .registry.register import imports, outdated

ENVIRONMENT = paths.ENVIRONMENT.as_posix()  # a record of the run: it may differ though the result is the same
CACHE = "cache-of-this-machine"  # as a remote of the clone
DIFFERS = 2  # the exit code
# Ends the commands in the clone if this process ends, however it ends: the pipe to its standard input closes then.
WATCHER = """
import os, signal, sys
sys.stdin.read()
try:
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
except ProcessLookupError:
    pass
"""


def run(arguments: Namespace) -> None:
    """Print a verdict for each file. Exit with 2 if one differs."""
    read_params()  # its message names the folder to run this in
    commit = resolve("HEAD" if arguments.rev is None else arguments.rev)
    recorded = outputs(parse_lock(read_at(commit, paths.LOCK.as_posix())))
    if not recorded:
        raise UserError(f"{commit[:7]}: has no results to verify: dvc.lock is not in it; run: dvc repro, and commit")
    name = describe_commit(commit)["name"]
    if arguments.rev is None and git("status", "--porcelain", "--untracked-files=no", "--", "."):
        report("changes that are not committed are left out")
    report(f"verifying {commit[:7]} ({name}) in a temporary clone")
    facts = {"commit": commit, "name": name, **compare_with_rerun(commit, recorded)}
    if arguments.json:
        print(to_json(facts))
    else:
        print(printable("\n".join(format_text(facts))))
    if not facts["identical"]:
        sys.exit(DIFFERS)


def compare_with_rerun(commit: str, recorded: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Run all stages of a commit again, and compare their outputs. recorded: the MD5 by stage and path."""
    with clone(commit) as folder:
        raw = pull_raw_data(folder, commit)
        lock = folder / paths.LOCK
        lock.unlink()  # without it, DVC does not know that a stage ever ran
        if run_in_clone(folder, sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache", "--no-commit"):
            raise UserError(f"dvc repro failed in a clone of {commit[:7]}; the reason is printed above")
        rerun = outputs(parse_lock(lock.read_text(encoding="utf-8")))
        verdicts = []
        for stage, recorded_outputs in recorded.items():
            for path, md5 in recorded_outputs.items():
                verdicts += compare_output(folder, commit, stage, path, md5, rerun.get(stage, {}).get(path))
        different = {verdict["path"] for verdict in verdicts if not verdict["identical"]}
        with at_revision(commit) as repo:
            changed = outdated(repo)
        return {
            "identical": different <= {ENVIRONMENT},
            "raw": raw,
            "files": verdicts,
            "metrics": [change for path in sorted(different) for change in compare_metrics(folder, commit, path)],
            "environment": compare_environments(folder, commit) if ENVIRONMENT in different else [],
            "outdated": changed,
        }


# --- The clone ----------------------------------------------------------------------------------------------------


@contextmanager
def clone(commit: str) -> Iterator[Path]:
    """Yield the project at a commit, in a temporary folder with an empty cache and the DVC remotes of this project."""
    for name in ("SIGTERM", "SIGHUP"):  # like Ctrl-C: the folder is removed
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    root, inner = git("rev-parse", "--show-toplevel"), folder_in_repository()
    with temporary_folder() as temporary:
        # Objects are shared, so that the commit of an experiment, which is on no branch, is in the clone.
        git("clone", "--quiet", "--shared", "--no-checkout", root, f"{temporary}/clone")
        git("-C", f"{temporary}/clone", "checkout", "--quiet", "--detach", commit)
        folder = temporary / "clone" / inner
        with open_repo() as repo:
            remotes, cache = repo.config["remote"], repo.cache.local.path.removesuffix("files/md5")
        remotes |= {CACHE: {"url": cache}}
        # These settings win over the user's, such as a cache that all projects share.
        write_settings(folder / ".dvc/config.local", temporary / "cache", remotes)
        yield folder


def write_settings(path: Path, cache: Path, remotes: dict[str, dict[str, Any]]) -> None:
    """Write a config file of DVC, which checks what it downloads; DVC itself cannot write letters beyond ASCII."""
    config = ConfigObj(interpolation=False, encoding="utf-8")
    config["cache"] = {"dir": str(cache)}
    for name, remote in remotes.items():
        config[f'remote "{name}"'] = {**remote, "verify": True}
    with path.open("wb") as file:
        config.write(file)


def pull_raw_data(folder: Path, commit: str) -> list[dict[str, str]]:
    """Get what the pipeline reads, and neither Git nor a stage has, from the DVC remote, or else from the cache here.

    What `dvc import` got comes from its repository instead of the remote. Raises UserError if no place has it.
    """
    stages = parse_lock((folder / paths.LOCK).read_text(encoding="utf-8"))
    written = {output["path"] for stage in stages.values() for output in stage.get("outs", [])}
    read = {dependency["path"] for stage in stages.values() for dependency in stage.get("deps", [])}
    with at_revision(commit) as repo:
        repositories = imports(repo)
    pulled = []
    for path in sorted(path for path in read - written if not (folder / path).exists()):
        if path.startswith(("../", "/")):
            outside = "is outside the project, and DVC keeps no version of it"
            raise UserError(
                f"{path}: {outside}; run: dvc import-url {os.path.abspath(path)} data/raw, and set data.path"
            )
        imported = next((name for name in repositories if f"{path}/".startswith(f"{name}/")), None)
        place = repositories[imported] if imported else "the DVC remote"
        target = imported or path  # DVC cannot get one file of an imported folder
        if not _pull(folder, target):
            if imported:
                _forget_import(folder / f"{imported}.dvc")
            if not _pull(folder, target, "--remote", CACHE):
                advice = "see whether dvc update gets it" if imported else f"where it is, run: dvc push {path}"
                raise UserError(f"{path}: neither {place} nor the cache has it; {advice}")
            place = "the cache of this machine"
        pulled.append({"path": path, "from": place})
    return pulled


def _forget_import(pointer: Path) -> None:
    """Make an import a file like others, which DVC takes from a cache: an import comes from its repository only."""
    outs = parse_yaml(pointer.read_text(encoding="utf-8"), pointer)["outs"]
    pointer.write_text(json.dumps({"outs": outs}), encoding="utf-8")  # which is YAML


def _pull(folder: Path, path: str, *options: str) -> bool:
    return run_in_clone(folder, sys.executable, "-m", "dvc", "pull", "--quiet", *options, path, quiet=True) == 0


def run_in_clone(folder: Path, *command: str, quiet: bool = False) -> int:
    """Run a command with its output on stderr, and return its exit code. All of its processes end with this one."""
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
            with watch(process.pid):
                return process.wait()
        except BaseException:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise


@contextmanager
def watch(group: int) -> Iterator[None]:
    """End a group of processes if this process is killed before the block ends. Windows has no such groups."""
    if not hasattr(os, "killpg"):
        yield
        return
    command = [sys.executable, "-I", "-c", WATCHER, str(group)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.kill()


# --- The comparison -----------------------------------------------------------------------------------------------


def compare_output(
    folder: Path, commit: str, stage: str, path: str, recorded: str, rerun: str | None
) -> list[dict[str, Any]]:
    """A verdict for an output of a stage; for each file of a folder, if the recorded list of its files is available.

    Args:
        folder: the clone.
        commit: the commit that is verified.
        stage: the stage that writes the output.
        path: the path of the output in the project.
        recorded: its MD5 in dvc.lock.
        rerun: its MD5 now, None if the stage did not write it.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {path: (recorded, rerun)}
    if recorded.endswith(".dir") and rerun is not None:
        now = {file.relative_to(folder).as_posix(): file_md5(file) for file in list_files(folder / path)}
        before = now if recorded == rerun else list_recorded(commit, path)
        if before is not None:
            pairs = {name: (before.get(name), now.get(name)) for name in sorted({*before, *now})}
    return [
        {"stage": stage, "path": name, "recorded": old, "now": new, "identical": old == new}
        for name, (old, new) in pairs.items()
    ]


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def list_recorded(commit: str, path: str) -> dict[str, str] | None:
    """The MD5 of each file of a folder in dvc.lock; None if neither cache nor remote has the list."""
    with at_revision(commit) as repo:
        outs = [out for stage in repo.index.stages for out in stage.outs if out.def_path == path]
        try:
            entries = outs[0].get_dir_cache() if outs else None
        except Exception:  # noqa: BLE001 - each kind of remote has errors of its own
            entries = None
        if entries is None:
            return None
        return {"/".join((path, *parts)): hash_info.value for parts, _, hash_info in entries}


def compare_metrics(folder: Path, commit: str, path: str) -> Iterator[dict[str, Any]]:
    """The metrics that differ in a metrics file, which Git has."""
    text = read_at(commit, path)
    if not text or not path.endswith(".json") or not (folder / path).is_file():
        return
    try:
        recorded, now = flatten(json.loads(text)), flatten(json.loads((folder / path).read_text(encoding="utf-8")))
    except (AttributeError, ValueError):  # not a file of metrics
        return
    for name in {**recorded, **now}:
        if recorded.get(name) != now.get(name):
            yield {"file": path, "name": name, "recorded": recorded.get(name), "now": now.get(name)}


def compare_environments(folder: Path, commit: str) -> list[dict[str, Any]] | None:
    """Python, system and libraries that differ; None if the recorded ones cannot be read."""
    try:
        with files(commit, [ENVIRONMENT]) as original:
            recorded = flatten(json.loads((original / ENVIRONMENT).read_text(encoding="utf-8")))
        now = flatten(json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8")))
    except (UserError, OSError, AttributeError, ValueError):
        return None
    pairs = {name: (recorded.get(name), now.get(name)) for name in {**recorded, **now}}
    return [{"name": name, "recorded": old, "now": new} for name, (old, new) in pairs.items() if old != new]


# --- The output ---------------------------------------------------------------------------------------------------


def format_text(facts: dict[str, Any]) -> list[str]:
    """The verdicts, a line each, and what they mean."""
    lines = [f"{'raw data':<10}from {source['from']}: {source['path']}" for source in facts["raw"]]
    for file in facts["files"]:
        verdict = "identical" if file["identical"] else "differs  "
        hashes = "" if file["identical"] else f" ({(file['recorded'] or 'none')[:7]} -> {(file['now'] or 'none')[:7]})"
        lines.append(f"{file['stage']:<10}{verdict} {file['path']}{hashes}")
    if facts["metrics"]:
        lines.append("metrics that differ:")
        lines += [f"  {metric['file']} {metric['name']}: {format_change(metric)}" for metric in facts["metrics"]]
    if facts["environment"]:
        lines.append("environment that differs:")
        lines += [f"  {item['name']}: {item['recorded']} -> {item['now']}" for item in facts["environment"]]
    return [*lines, format_verdict(facts)]


def format_change(metric: dict[str, Any]) -> str:
    recorded, now = metric["recorded"], metric["now"]
    are_numbers = isinstance(recorded, int | float) and isinstance(now, int | float)
    difference = f" ({now - recorded:+.2g})" if are_numbers else ""
    return f"{format_value(recorded)} -> {format_value(now)}{difference}"


def format_verdict(facts: dict[str, Any]) -> str:
    """What the comparison shows, and what it does not show."""
    commit, total = facts["commit"][:7], len(facts["files"])
    identical = sum(file["identical"] for file in facts["files"])
    if identical == total:
        return f"verified: all {total} files of {commit} are identical"
    if facts["identical"]:
        return f"verified: the results of {commit} are identical, in another environment"
    verdict = f"not verified: {total - identical} of {total} files of {commit} differ"
    if facts["outdated"]:
        changed = ", ".join(facts["outdated"])
        return f"{verdict}: dvc.lock does not match the commit ({changed}); run: dvc repro, and commit"
    if facts["environment"] is None:
        return f"{verdict}: the environment that they were made in is not in the cache or remote, so the reason is open"
    if facts["environment"]:
        return (
            f"{verdict}: in another environment bits may differ, and scores a little; to be sure, verify on such a "
            "machine with the requirements.txt of that commit"
        )
    return (
        f"{verdict}: with the same versions on the same system; either dvc.lock was edited, or a stage depends on "
        "chance, time, the number of threads or the model of the processor, which are not recorded"
    )


def report(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
