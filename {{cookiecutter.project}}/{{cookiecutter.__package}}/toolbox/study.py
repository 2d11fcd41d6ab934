"""A study: a search that knows its inputs, its journal, and what is made of it.

It is a folder in results/sweep, named after the hash of all that decides a score: rows, params, space and code. So changed
inputs begin a new study, and never reuse trials of an old one.
"""

import hashlib
import json
import os
import shlex
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import sklearn
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from ruamel.yaml import YAML

from ..files import replacing, write_json
from ..params import flat
from ..schema import PATH as SCHEMA
from ..schema import TRAIN
from .space import MODEL, Space

RESULTS = Path("results/sweep")
PIPELINE = Path("sweep/dvc.yaml")  # not the project's dvc.yaml: plain `dvc repro` does not run a sweep
HEADER = "# Written by the command below, which puts the study's name into the paths of its plots.\n"
CODE = ("objective.py", "space.py")  # of the toolbox, beside what the stages depend on
FEW = 4  # trials of a model, below which nothing is said of what its params matter


@dataclass(frozen=True)
class Study:
    """A study's name, its space, what it depends on (files, keys of params.yaml), and Optuna's journal of it."""

    name: str
    space: Space
    files: dict[str, str]  # path: MD5
    params: dict[str, Any]
    journal: optuna.Study

    @property
    def folder(self) -> Path:
        return RESULTS / self.name

    @property
    def trials(self) -> list[FrozenTrial]:
        """The finished ones, in the order in which they finished."""
        return [trial for trial in self.journal.get_trials(deepcopy=False) if trial.state.is_finished()]

    @property
    def best_value(self) -> float | None:
        return max((trial.value for trial in self.trials if trial.state == TrialState.COMPLETE), default=None)

    def best(self, count: int) -> list[FrozenTrial]:
        """The best trials, the best first, of each point one."""
        complete = sorted((t for t in self.trials if t.state == TrialState.COMPLETE), key=lambda t: -t.value)
        points: list[dict] = []
        return [t for t in complete if t.params not in points and not points.append(t.params)][:count]

    def experiment(self, trial: FrozenTrial) -> str:
        """The name of the DVC experiment that a trial becomes: purpose.model.number."""
        model = self.space.point(trial.params).get(MODEL, self.space.model)
        return f"hyperparameter_tuning.{model}.{self.name.rpartition('-')[2]}-{trial.number:03d}"


def open_study(file: str, space: Space, values: dict[str, Any]) -> Study:
    """Open the study of these inputs, or begin it. values: what params.yaml has."""
    files, needed = _inputs(space, values)
    inputs = {
        "files": files,
        "params": needed,
        "parameters": [asdict(parameter) for parameter in space.parameters],
        "fixed": space.fixed,
        "scoring": space.scoring,
        "scikit-learn": sklearn.__version__,
    }
    text = json.dumps(inputs, indent=2, ensure_ascii=False, sort_keys=True)
    name = f"{Path(file).stem}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    folder = RESULTS / name
    write_json(folder / "inputs.json", inputs)
    return Study(name, space, files, needed, _open_journal(folder / "journal.log", name))


def _inputs(space: Space, values: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The MD5 of each file and the value of each param that decide a score, but those that are searched."""
    keys = [*space.fixed, *(parameter.key for parameter in space.parameters)]
    from_raw = any(key.startswith(("data.", "prepare.")) for key in keys)
    stages = YAML(typ="safe", pure=True).load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    deps = [*stages["train"]["deps"], *(stages["prepare"]["deps"] if from_raw else [])]
    code = [dep for dep in deps if dep.endswith(".py")]
    own = [(Path(__file__).parent / name).relative_to(Path.cwd()).as_posix() for name in CODE]
    data = [TRAIN.as_posix(), SCHEMA.as_posix(), *([values["data"]["path"]] if from_raw else [])]
    files = {path: _md5(Path(path)) for path in dict.fromkeys([*data, *code, *own])}

    models = _models(space)
    sections = tuple(f"train.{model}." for model in models) + (("data.", "prepare.") if from_raw else ())
    single = ("train.scoring", "train.folds", "train.seed", MODEL)
    needed = {key: value for key, value in flat(values).items() if key in single or key.startswith(sections)}
    return files, {key: value for key, value in needed.items() if key not in keys}


def _models(space: Space) -> list[str]:
    searched = [list(parameter.values) for parameter in space.parameters if parameter.key == MODEL]
    return searched[0] if searched else [space.model]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _open_journal(path: Path, name: str) -> optuna.Study:
    """Open a journal, which no other process has open, as the last one left it, however that ended."""
    lock = Path(f"{path}.lock")  # Optuna's, of a process that was killed as it wrote
    lock.unlink(missing_ok=True)
    if path.exists():
        if not os.access(path, os.W_OK) or path.is_symlink():  # a link to DVC's cache
            path.write_bytes(_copied(path))
        whole, end, _ = path.read_bytes().rpartition(b"\n")
        if path.stat().st_size != len(whole + end):  # a line that was being written
            os.truncate(path, len(whole + end))
    storage = JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))
    if storage.get_all_studies():  # load_if_exists would write a line each time
        return optuna.load_study(study_name=name, storage=storage)
    return optuna.create_study(study_name=name, storage=storage, direction="maximize")


def _copied(path: Path) -> bytes:
    content = path.read_bytes()
    path.unlink()
    return content


# --- What is made of it -----------------------------------------------------------------------------------------


def write_results(study: Study) -> None:
    """trials.csv, best.yaml, and the points of plots."""
    rows = [_row(study, trial) for trial in study.trials]
    with replacing(study.folder / "trials.csv") as temporary:
        pd.DataFrame(rows, dtype=object).to_csv(temporary, index=False, lineterminator="\n")
    for best in study.best(1):
        found = {"trial": best.number, "cv_mean": best.value, "params": study.space.point(best.params)}
        with replacing(study.folder / "best.yaml") as temporary:
            YAML().dump(found, temporary)
    for name, points in _plots(study, [row for row in rows if row["state"] == "COMPLETE"]).items():
        write_json(study.folder / "plots" / f"{name}.json", points)


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    values = [trial.value, *trial.intermediate_values.values()] if trial.value is None else [trial.value]
    return {
        "trial": trial.number,
        "state": trial.state.name,
        "value": next((value for value in reversed(values) if value is not None), None),
        "seconds": trial.user_attrs["seconds"],
        "error": trial.user_attrs.get("error"),
        **study.space.point(trial.params),
    }


def _plots(study: Study, rows: list[dict[str, Any]]) -> dict[str, list[dict]]:
    """The points of each plot, from the trials that were completed."""
    best = accumulate((row["value"] for row in rows), max)
    history = [{"trial": r["trial"], "value": r["value"], "best": b} for r, b in zip(rows, best, strict=True)]
    plots = {"history": history, "importance": _importance(study), "parallel": _parallel(study, rows)}
    for parameter in study.space.parameters:
        values = [row[parameter.key] for row in rows if parameter.key in row]
        kind = "numbers" if all(_is_number(value) for value in values) else "categories"
        plots.setdefault(f"slices_{kind}", []).extend(
            {"param": parameter.key, "value": _shown(row[parameter.key]), "score": row["value"]}
            for row in rows
            if parameter.key in row
        )
    return plots


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> Any:
    return value if isinstance(value, str) or _is_number(value) else json.dumps(value)


def _parallel(study: Study, rows: list[dict[str, Any]]) -> list[dict]:
    """A point per trial and axis: where it is between the ends of the axis, and what it stands for."""
    points = []
    for parameter in study.space.parameters:
        has = [row for row in rows if parameter.key in row]
        for row, place in zip(has, _places([row[parameter.key] for row in has]), strict=True):
            shown = _shown(row[parameter.key])
            points.append(
                {"trial": row["trial"], "score": row["value"], "axis": parameter.key, "place": place, "is": shown}
            )
    return points


def _places(values: list[Any]) -> list[float]:
    """Values between 0 and 1: numbers by size, others by order of appearance."""
    column = pd.Series(values, dtype=object)
    numbers = pd.to_numeric(column, errors="coerce")
    codes = numbers if numbers.notna().all() else pd.Series(pd.factorize(column.map(json.dumps))[0])
    width = (codes.max() - codes.min()) or 1
    return ((codes - codes.min()) / width).astype(float).tolist()


def _importance(study: Study) -> list[dict]:
    """How much each param explains of the score (fANOVA; Hutter et al., 2014), among the trials of each model."""
    rows = []
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    for model in _models(study.space):
        same = [t for t in complete if study.space.point(t.params).get(MODEL, study.space.model) == model]
        if len(same) < FEW or len({trial.value for trial in same}) == 1:
            continue
        part = optuna.create_study(direction="maximize")
        part.add_trials(same)
        shares = get_param_importances(part, evaluator=FanovaImportanceEvaluator(seed=0))
        rows += [
            {"param": f"{model}: {key.rpartition('.')[2]}", "importance": share}
            for key, share in shares.items()
            if key != MODEL
        ]
    return rows


# --- Its place in DVC -------------------------------------------------------------------------------------------


def write_pipeline(study: Study, command: str, file: str) -> None:
    """A stage in a pipeline file of its own, so that `dvc status` tells when the sweep is out of date."""
    drawn = {
        "score by trial": ("history", {"template": "linear", "x": "trial", "y_label": "score"}, ["value", "best"]),
        "importance of params": ("importance", {"template": "bar_horizontal", "x": "importance"}, "param"),
        "params of each trial": ("parallel", {"template": "parallel", "x": "axis"}, "place"),
        "score by param": ("slices_numbers", {"template": "slices_numbers", "x": "value"}, "score"),
        "score by category": ("slices_categories", {"template": "slices_categories", "x": "value"}, "score"),
    }
    stage = {
        "desc": "Search params by cross-validation",
        "wdir": "..",
        "cmd": f"{command} {shlex.quote(file)}",
        "deps": [*study.files, file],
        "params": list(study.params),
        # A run adds to the journal: without persist, DVC would delete it first.
        "outs": [{RESULTS.as_posix(): {"persist": True}}],
    }
    content = {
        "stages": {"sweep": stage},
        "plots": [
            {f"Sweep, {title}": {**look, "y": {f"../{study.folder.as_posix()}/plots/{name}.json": column}}}
            for title, (name, look, column) in drawn.items()
        ],
    }
    yaml = YAML()
    yaml.width = 200
    with replacing(PIPELINE) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as written:
        written.write(HEADER)
        yaml.dump(content, written)
