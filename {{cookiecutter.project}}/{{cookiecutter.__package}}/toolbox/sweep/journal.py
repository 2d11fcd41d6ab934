"""The journal of a study: a line per finished trial, which survives kills and is repaired if it is damaged."""

import json
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path

import optuna
from optuna.distributions import json_to_distribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from ...core.errors import UserError
from ...core.files import atomic_write

# Optuna's codes for the two kinds of lines that a journal of a sweep has.
CREATE_STUDY, CREATE_TRIAL = 0, 4


def open_journal(path: Path, name: str) -> optuna.Study:
    """Open a journal as the last process left it, however that ended; no other process has it open.

    A damaged journal keeps every trial that can be read, and is kept itself under another name.

    Raises:
        UserError: the path is a folder, or the journal is of another study.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; move it away and run this again")
    Path(f"{path}.lock").unlink(missing_ok=True)  # Optuna's, of a process that was killed while it wrote
    if not path.exists():
        _keep(path.with_name("trials.csv"))  # would be overwritten by the results of a new journal
        return _create(path, name)
    _make_writable(path)
    _cut_unfinished_line(path)
    try:
        study = optuna.load_study(study_name=name, storage=_storage(path))
        is_whole = len(study.get_trials(deepcopy=False)) == path.read_bytes().count(b"\n") - 1
    except Exception:  # noqa: BLE001 - Optuna has no common error for a journal that it cannot read
        is_whole = False
    if not is_whole:
        _repair(path, name)
        study = optuna.load_study(study_name=name, storage=_storage(path))
    return study


def _create(path: Path, name: str) -> optuna.Study:
    return optuna.create_study(study_name=name, storage=_storage(path), direction="maximize")


def _storage(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))


def _make_writable(path: Path) -> None:
    """Replace a link to DVC's cache by a copy: to write through it would change the cache."""
    if path.is_symlink() or path.stat().st_nlink > 1 or not os.access(path, os.W_OK):
        with atomic_write(path) as temporary:
            temporary.write_bytes(path.read_bytes())


def _cut_unfinished_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end and end != len(content):  # a line that was being written
        os.truncate(path, end)


def _repair(path: Path, name: str) -> None:
    """Write the journal again, from the lines that can be read."""
    lines = [line for line in path.read_bytes().splitlines() if line]
    names = [entry["study_name"] for entry in map(_parse, lines) if entry.get("op_code") == CREATE_STUDY]
    if names and name not in names:
        raise UserError(f"{path}: is the journal of the study {names[0]}; move it away and run this again")
    entries = [json.dumps(entry) for entry in map(_parse, lines) if _is_trial(entry)]
    trials = list(dict.fromkeys(entries))  # a merge may have kept a line of both sides
    kept = _free_name(path)
    shutil.copyfile(path, kept)
    _keep(path.with_name("trials.csv"))  # it may have trials that the journal lost
    with atomic_write(path) as temporary:  # the old journal stays until the new one is whole
        _create(temporary, name)
        with temporary.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in trials)
    lost = len(lines) - len(entries) - len(names)
    print(
        f"{path}: {lost} lines cannot be read; {len(trials)} trials are kept, the old file is {kept}", file=sys.stderr
    )


def _parse(line: bytes) -> dict:
    """A line of the journal; an empty mapping for a damaged one."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) and "op_code" in entry else {}


def _is_trial(entry: dict) -> bool:
    """Whether Optuna can read the entry as a finished trial of the only study."""
    try:
        for key, value in entry["params"].items():
            json_to_distribution(entry["distributions"][key]).to_external_repr(value)
        for key in ("datetime_start", "datetime_complete"):
            datetime.fromisoformat(entry[key])
        steps = {int(step): float(score) for step, score in entry["intermediate_values"].items()}
        state = TrialState(entry["state"])
        has_score = isinstance(entry["value"], float | int) or state == TrialState.FAIL or bool(steps)
        is_trial = entry["op_code"] == CREATE_TRIAL and entry["study_id"] == 0
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return False
    return is_trial and has_score and state.is_finished()


def _keep(path: Path) -> None:
    """Move a file aside, under a name that is free."""
    if path.is_file():
        path.rename(_free_name(path))


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")).exists():
        number += 1
    return kept
