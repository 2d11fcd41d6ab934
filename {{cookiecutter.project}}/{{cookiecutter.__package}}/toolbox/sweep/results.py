"""What a study leaves: trials.csv, best.yaml, points of plots, and a stage of DVC."""

import shlex
from itertools import accumulate
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import yaml
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from ...core.files import atomic_write, write_json, write_text
from ...core.formatting import to_json_text
from ...core.paths import SWEEPS
from .space import MODEL
from .study import Study

PIPELINE = Path("sweep/dvc.yaml")  # not the project's dvc.yaml: plain `dvc repro` does not run a sweep
HEADER = "# Written by the command below, which puts the study's name into the paths of its plots.\n"
MIN_TRIALS = 4  # per model, before parameter importance is reported


def write_results(study: Study) -> None:
    """Write trials.csv, best.yaml and the points of plots."""
    rows = [_row(study, trial) for trial in study.trials]
    with atomic_write(study.folder / "trials.csv") as temporary:
        pd.DataFrame(rows, dtype=object).to_csv(temporary, index=False, lineterminator="\n")
    for best in study.best(1):
        content = {"trial": best.number, "cv_mean": best.value, "params": study.space.point(best.params)}
        write_text(study.folder / "best.yaml", to_yaml(content))
    for name, points in _plots(study, [row for row in rows if row["state"] == "COMPLETE"]).items():
        write_json(study.folder / "plots" / f"{name}.json", points)


def to_yaml(content: dict[str, Any]) -> str:
    """YAML in the order of the content, that YAML 1.1 and 1.2 read alike."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=200)


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    """A row of trials.csv; a trial that was pruned has the last score that it reached."""
    scores = [trial.value] if trial.value is not None else list(trial.intermediate_values.values())
    return {
        "trial": trial.number,
        "state": trial.state.name,
        "value": scores[-1] if scores else None,
        "seconds": trial.user_attrs.get("seconds"),
        "error": trial.user_attrs.get("error"),
        **study.space.point(trial.params),
    }


# --- Plots ----------------------------------------------------------------------------------------------------------


def _plots(study: Study, rows: list[dict[str, Any]]) -> dict[str, list[dict]]:
    """The points of each plot, from the rows of complete trials."""
    best = accumulate((row["value"] for row in rows), max)
    plots: dict[str, list[dict]] = {
        "history": [
            {"trial": row["trial"], "value": row["value"], "best": so_far}
            for row, so_far in zip(rows, best, strict=True)
        ],
        "importance": _importance(study),
        "parallel": [],
    }
    for parameter in study.space.parameters:
        having = [row for row in rows if parameter.key in row]
        values = [row[parameter.key] for row in having]
        plots["parallel"] += _axis(parameter.key, having, values)
        kind = "numbers" if all(map(_is_number, values)) else "categories"
        plots.setdefault(f"slices_{kind}", []).extend(
            {"param": parameter.key, "value": _plotted(value), "score": row["value"]}
            for row, value in zip(having, values, strict=True)
        )
    return plots


def _axis(key: str, rows: list[dict[str, Any]], values: list[Any]) -> list[dict]:
    """A point per trial: its position between the ends of a param's axis, and the value there."""
    return [
        {"trial": row["trial"], "score": row["value"], "axis": key, "place": position, "is": _plotted(value)}
        for row, value, position in zip(rows, values, _positions(values), strict=True)
    ]


def _positions(values: list[Any]) -> list[float]:
    """Positions between 0 and 1: of numbers by size, of others by order of appearance."""
    if all(map(_is_number, values)):
        codes = pd.Series(values, dtype=float)
    else:
        codes = pd.Series(pd.factorize(pd.Series(map(to_json_text, values), dtype=object))[0], dtype=float)
    width = (codes.max() - codes.min()) or 1
    return ((codes - codes.min()) / width).tolist()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plotted(value: Any) -> Any:
    return value if isinstance(value, str) or _is_number(value) else to_json_text(value)


def _importance(study: Study) -> list[dict]:
    """How much each param explains of the score (fANOVA; Hutter et al., 2014), among the trials of each model."""
    rows = []
    for model in study.space.models:
        trials = [trial for trial in study.complete if study.model(trial) == model]
        if len(trials) < MIN_TRIALS or len({trial.value for trial in trials}) == 1:
            continue
        part = optuna.create_study(direction="maximize")
        part.add_trials(trials)
        importances = get_param_importances(part, evaluator=FanovaImportanceEvaluator(seed=0))
        rows += [
            {"param": f"{model}: {key.rpartition('.')[2]}", "importance": importance}
            for key, importance in importances.items()
            if key != MODEL
        ]
    return rows


# --- Its place in DVC -----------------------------------------------------------------------------------------------


def write_pipeline(study: Study, command: str, file: str) -> None:
    """Write a stage in a pipeline file of its own, so that `dvc status` reports when the sweep is out of date.

    Args:
        command: that runs a sweep.
        file: the sweep file.
    """
    looks = {
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
        "outs": [{SWEEPS.as_posix(): {"persist": True}}],
    }
    plots = [
        {f"Sweep, {title}": {**look, "y": {f"../{study.folder.as_posix()}/plots/{name}.json": column}}}
        for title, (name, look, column) in looks.items()
    ]
    write_text(PIPELINE, HEADER + to_yaml({"stages": {"sweep": stage}, "plots": plots}))
