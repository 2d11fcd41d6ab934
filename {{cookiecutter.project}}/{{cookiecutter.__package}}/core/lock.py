"""Read dvc.lock: the files that each stage read and wrote, with their hashes."""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import UserError
from .files import parse_yaml
from .paths import LOCK

DAMAGED = f"{LOCK}: is damaged; restore it with Git, or run: dvc repro, and commit it"


def parse_lock(text: str) -> dict[str, dict[str, Any]]:
    """The stages in the text of a dvc.lock, by name; none for an empty text.

    Raises UserError if the text is damaged, for example by the conflict markers of a merge.
    """
    try:
        content = parse_yaml(text, LOCK) or {}
        stages = {name: dict(stage) for name, stage in content.get("stages", {}).items()}
        for stage in stages.values():
            for entry in [*stage.get("deps", []), *stage.get("outs", [])]:
                entry["path"].strip("/")
    except (UserError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(DAMAGED) from error
    return stages


def outputs(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The hash of each output, by stage and path."""
    return {name: {entry["path"]: hash_of(entry) for entry in stage.get("outs", [])} for name, stage in stages.items()}


def raw_data(stages: Mapping[str, Mapping[str, Any]], data_path: str) -> dict[str, str] | None:
    """The raw table, which params.yaml names in data.path: its path and hash; None if no stage has read it."""
    entries = {entry["path"]: entry for stage in stages.values() for entry in stage.get("deps", [])}
    path = find_path(entries, data_path)
    return None if path is None else {"path": posixpath.normpath(path), "md5": hash_of(entries[path])}


def find_path(paths: Iterable[str], data_path: str) -> str | None:
    """The one of DVC's paths that is data.path, however it is written; None if there is none.

    DVC writes `data/raw/a.csv` for `./data/raw/a.csv`, and may put the project's folder before it. Of a file outside
    the project it writes another path to it, or leaves out the beginning (`../`, `/`) where it reads a commit.
    """
    wanted = data_path.replace("\\", "/")
    inner = re.sub(r"^(\.\./|/)+", "", posixpath.normpath(wanted))
    by_place = {os.path.abspath(path): path for path in paths}
    ends = [path for path in by_place.values() if f"/{path}".endswith(f"/{inner}")]
    return by_place.get(os.path.abspath(wanted)) or next(iter(ends), None)


def hash_of(entry: Mapping[str, Any]) -> str:
    """The hash of a file or folder; for a file outside the project, the one that its storage gives."""
    return next((str(entry[name]) for name in ("md5", "etag", "checksum") if entry.get(name)), "")
