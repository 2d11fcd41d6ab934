"""Find results that do not belong to the data and params beside them, by what DVC recorded in dvc.lock."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ..core.config import flatten
from ..core.files import Yaml12Loader
from ..core.formatting import to_json_text
from ..core.paths import LOCK, PARAMS, PREPARE_METRICS, TEST_METRICS, TRAIN_METRICS

# Without LibYAML, PyYAML has no loader in C.
BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

METRICS = tuple(path.as_posix() for path in (PREPARE_METRICS, TRAIN_METRICS, TEST_METRICS))
WORKSPACE = "workspace"


class _FastLoader(BaseLoader):
    """The loader of core.files in C: each of hundreds of commits has a dvc.lock."""


_FastLoader.yaml_implicit_resolvers = Yaml12Loader.yaml_implicit_resolvers
_FastLoader.yaml_constructors = Yaml12Loader.yaml_constructors


def find_stale(states: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The stale ones among states of the project, by revision, with the reason.

    Args:
        states: each with `rev`, and as `data` what `dvc exp show` reads there.
    """
    states = [state for state in states if state["data"]]
    files = _read_files([state["rev"] for state in states])
    reasons = {state["rev"]: _reason(state["data"], files[state["rev"]]) for state in states}
    return {rev: reason for rev, reason in reasons.items() if reason}


def _reason(data: dict[str, Any], files: dict[str, bytes]) -> str | None:
    if not any(path in files for path in METRICS):
        return None  # no results
    if LOCK.name not in files:
        return "the results have no dvc.lock"
    outs, deps = data.get("outs") or {}, data.get("deps") or {}
    for path, out in outs.items():  # a .dvc file, against what the stages read
        if out["is_data_source"] and path in deps and deps[path]["hash"] != out["hash"]:
            return f"the results are of another version of {path}"
    try:
        stages = yaml.load(files[LOCK.name], _FastLoader)["stages"].values()
        recorded = {out["path"]: out.get("md5") for stage in stages for out in stage.get("outs", [])}
        used = [stage.get("params", {}).get(PARAMS.name, {}) for stage in stages]
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        return "dvc.lock cannot be parsed"
    for path in METRICS:
        if path in files and recorded.get(path) not in (None, hashlib.md5(files[path]).hexdigest()):
            return f"{path} is not the file that dvc.lock records"
    present = flatten((data.get("params") or {}).get(PARAMS.name, {}).get("data") or {})
    for section in used:
        for key, value in flatten(section).items():
            if key in present and present[key] != value:
                return f"the results are of {key}: {to_json_text(value)}"
    return None


def _read_files(revs: list[str]) -> dict[str, dict[str, bytes]]:
    """dvc.lock and the metrics of each revision, as far as they are there."""
    paths = (LOCK.as_posix(), *METRICS)
    commits = [rev for rev in revs if rev != WORKSPACE]
    blobs = _read_blobs([f"{rev}:./{path}" for rev in commits for path in paths])
    files = {rev: {path: blobs[f"{rev}:./{path}"] for path in paths} for rev in commits}
    files[WORKSPACE] = {path: Path(path).read_bytes() if Path(path).is_file() else None for path in paths}
    return {rev: {path: blob for path, blob in contents.items() if blob is not None} for rev, contents in files.items()}


def _read_blobs(names: list[str]) -> dict[str, bytes | None]:
    """Files of Git by `REVISION:PATH`; None for a file that is not there."""
    command = ["git", "cat-file", "--batch"]
    output = subprocess.run(command, input="\n".join(names).encode(), capture_output=True, check=True).stdout
    blobs: dict[str, bytes | None] = {}
    position = 0
    for name in names:
        end = output.index(b"\n", position)
        _, *kind = output[position:end].rsplit(b" ", 2)
        position = end + 1
        if kind[0] == b"blob":
            size = int(kind[1])
            blobs[name] = output[position : position + size]
            position += size + 1
        else:
            blobs[name] = None
            position += int(kind[1]) + 1 if kind[0] == b"tree" else 0
    return blobs
