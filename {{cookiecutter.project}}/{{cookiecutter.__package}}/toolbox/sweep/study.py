"""A study: a search, the inputs that decide its scores, and its trials.

It is a folder in results/sweep, named after the hash of its inputs: rows, params, space and code. So changed inputs
begin a new study, and trials of an old one are not reused.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import sklearn
from optuna.trial import FrozenTrial, TrialState

from ...core.config import flatten
from ...core.files import read_yaml, write_json
from ...core.formatting import to_json_text
from ...core.paths import PIPELINE, SCHEMA, SWEEPS, TRAIN
from .journal import open_journal
from .space import MODEL, Space

# Of the toolbox, beside the dependencies of the stages.
CODE = ("objective.py", "space.py")


@dataclass(frozen=True)
class Study:
    """A study's name, its space, its inputs (MD5 of files by path, keys of params.yaml), and Optuna's journal."""

    name: str
    space: Space
    files: dict[str, str]
    params: dict[str, Any]
    journal: optuna.Study

    @property
    def folder(self) -> Path:
        return SWEEPS / self.name

    @property
    def trials(self) -> list[FrozenTrial]:
        """The finished trials, in the order in which they finished."""
        return [trial for trial in self.journal.get_trials(deepcopy=False) if trial.state.is_finished()]

    @property
    def complete(self) -> list[FrozenTrial]:
        """The trials with a score."""
        return [trial for trial in self.trials if trial.state == TrialState.COMPLETE]

    @property
    def best_value(self) -> float | None:
        return max((trial.values[0] for trial in self.complete), default=None)

    def best(self, count: int) -> list[FrozenTrial]:
        """The best trials, the best first; of those with the same values, the first."""
        by_point: dict[str, FrozenTrial] = {}
        for trial in self.complete:
            known = by_point.setdefault(to_json_text(self.space.point(trial.params)), trial)
            if trial.values[0] > known.values[0]:
                by_point[to_json_text(self.space.point(trial.params))] = trial
        return sorted(by_point.values(), key=lambda trial: -trial.values[0])[:count]

    def experiment(self, trial: FrozenTrial) -> str:
        """The name of the DVC experiment that a trial becomes: purpose.model.number."""
        return f"hyperparameter_tuning.{self.model(trial)}.{self.name.rpartition('-')[2]}-{trial.number:03d}"

    def model(self, trial: FrozenTrial) -> Any:
        return self.space.point(trial.params).get(MODEL, self.space.model)


def open_study(file: str, space: Space, values: dict[str, Any]) -> Study:
    """Open the study of these inputs, or begin it.

    Args:
        file: the sweep file, which names the study.
        space: its content.
        values: the content of params.yaml.
    """
    files, params = _inputs(space, values)
    inputs = {
        "files": files,
        "params": params,
        "parameters": [asdict(parameter) for parameter in space.parameters],
        "fixed": space.fixed,
        "scoring": space.scoring,
        "scikit-learn": sklearn.__version__,
    }
    text = json.dumps(inputs, indent=2, ensure_ascii=False, sort_keys=True)
    name = f"{Path(file).stem}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    folder = SWEEPS / name
    write_json(folder / "inputs.json", inputs)
    return Study(name, space, files, params, open_journal(folder / "journal.log", name))


def _inputs(space: Space, values: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The MD5 of files and the values of params that decide a score, except the params that are searched."""
    keys = [*space.fixed, *(parameter.key for parameter in space.parameters)]
    from_raw = any(key.startswith(("data.", "prepare.")) for key in keys)
    stages = read_yaml(PIPELINE)["stages"]
    deps = [*stages["train"]["deps"], *(stages["prepare"]["deps"] if from_raw else [])]
    code = [dep for dep in deps if dep.endswith(".py") or Path(dep).is_dir()]
    own = [(Path(__file__).parent / name).relative_to(Path.cwd()).as_posix() for name in CODE]
    data = [TRAIN.as_posix(), SCHEMA.as_posix(), *([values["data"]["path"]] if from_raw else [])]
    files = {path: _md5(Path(path)) for path in dict.fromkeys([*data, *code, *own])}

    sections = tuple(f"train.{model}." for model in space.models) + (("data.", "prepare.") if from_raw else ())
    single = ("train.scoring", "train.n_splits", "train.seed", MODEL)
    params = {key: value for key, value in flatten(values).items() if key in single or key.startswith(sections)}
    return files, {key: value for key, value in params.items() if key not in keys}


def _md5(path: Path) -> str:
    """The MD5 of a file, or of the names and contents of a folder."""
    if path.is_dir():
        members = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        listing = "".join(f"{file.relative_to(path).as_posix()} {_md5(file)}\n" for file in members)
        return hashlib.md5(listing.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
