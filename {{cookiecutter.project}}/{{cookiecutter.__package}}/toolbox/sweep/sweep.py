"""sweep: search params by cross-validation, and make DVC experiments of the best."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import zc.lockfile
from dvc.repo import Repo
from optuna.trial import FrozenTrial
from tqdm import tqdm

from ... import params
from ...core import schema
from ...core.config import flatten, read_params, validate
from ...core.errors import UserError
from ...core.formatting import to_json
from ..git import git
from . import sweep_file
from .executors import DaskExecutor, ProcessExecutor, SerialExecutor
from .objective import Objective
from .results import PIPELINE, write_pipeline, write_results
from .search import Search
from .study import Study, open_study

LOCK = Path(".dvc/tmp/sweep.lock")
SCRATCH = Path(".dvc/tmp/sweep")  # what workers read
TRIALS = 50  # if neither the file nor the command limits them


def run(arguments: Namespace) -> None:
    """Run trials until there are enough; write the results; make experiments of the best, and a stage of the sweep."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("dvc").setLevel(logging.WARNING)
    _stop_like_ctrl_c()
    values = read_params()
    validate(params.Params, values)
    with single_instance_lock():
        _run_alone(arguments, values)


def _run_alone(arguments: Namespace, values: dict[str, Any]) -> None:
    in_dvc = "DVC_STAGE" in os.environ  # dvc repro sweep/dvc.yaml: DVC runs prepare and records the stage
    shutil.rmtree(SCRATCH, ignore_errors=True)  # of a sweep that was killed
    if not in_dvc:
        _check_experiments(arguments.top)
        _dvc("repro", "prepare")
    table = schema.load()
    space = sweep_file.load(arguments.file, values, table.task, table.positive)
    if space.scoring:
        values["train"]["scoring"] = space.scoring
    study = open_study(arguments.file, space, values)
    _report(f"study {study.name}: {len(study.trials)} trials so far", *space.notes)
    try:
        is_stopped = _search(study, Objective(values), arguments)
    finally:
        write_results(study)
    if is_stopped:
        _report(f"stopped; {len(study.trials)} trials are kept in {study.folder}; to go on, run the same command")
        sys.exit(130)
    names = []
    if not in_dvc:
        names = [_experiment(study, trial, values) for trial in study.best(arguments.top)]
        write_pipeline(study, f"python -m {__package__.partition('.')[0]} sweep", arguments.file)
        with Repo() as repo:
            repo.commit(PIPELINE.as_posix(), force=True)
    _print_summary(study, names, arguments.json)


def _report(*lines: str) -> None:
    """Print for the person at the terminal; standard output is for scripts."""
    print(*lines, sep="\n", file=sys.stderr)


def _stop_like_ctrl_c() -> None:
    """Keep the trials when a terminal or a scheduler ends the sweep."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _check_experiments(top: int) -> None:
    """Refuse to start if experiments, which run from Git's files, would miss a file or the history."""
    if not top:
        return
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise UserError("this clone is shallow, and DVC experiments need the history; run: git fetch --unshallow")
    package = __package__.partition(".")[0]
    names = (package, "params.yaml", "dvc.yaml", "data")
    missing = git("ls-files", "--others", "--exclude-standard", *names).splitlines()
    if missing:
        raise UserError(f"{', '.join(missing)}: experiments would miss them; git add them first, or use --top 0")


@contextmanager
def single_instance_lock() -> Iterator[None]:
    """Keep a second sweep out. The lock is the system's, so it ends with this process, however that ends."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(str(LOCK))
    except zc.lockfile.LockError as error:
        raise UserError("another sweep is running in this project; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.close()


def _search(study: Study, objective: Objective, arguments: Namespace) -> bool:
    """Run trials; return whether they were stopped from outside."""
    address = arguments.dask or os.environ.get("DASK_SCHEDULER_ADDRESS")
    grid = list(study.space.grid()) if study.space.method == "grid" else None
    total = arguments.trials or study.space.trials or (TRIALS if grid is None else len(grid))
    try:
        with _executor(address, arguments.jobs) as executor:
            search = Search(study, objective, executor, grid)
            with tqdm(total=total, initial=len(study.trials), unit="trial", desc=study.name, mininterval=0.5) as bar:
                for finished in search.until(total):
                    if study.best_value is not None:
                        bar.set_postfix_str(f"best {study.best_value:.4g}", refresh=False)
                    bar.update(finished - bar.n)
    except KeyboardInterrupt:
        return True
    except BrokenProcessPool as error:
        raise UserError(
            "a worker was killed (out of memory?); trials are kept: run the same command with fewer --jobs"
        ) from error
    except CancelledError as error:
        raise UserError(f"the Dask cluster at {address} went away; trials are kept: run the same command") from error
    return False


def _executor(address: str | None, jobs: int) -> SerialExecutor | ProcessExecutor | DaskExecutor:
    if address:
        return DaskExecutor(address)
    return ProcessExecutor(jobs, SCRATCH) if jobs > 1 else SerialExecutor()


# --- Experiments ----------------------------------------------------------------------------------------------------


def _experiment(study: Study, trial: FrozenTrial, values: dict[str, Any]) -> str:
    """Run the pipeline with a trial's params, in a temporary folder; return the experiment's name.

    Raises UserError if DVC cannot run it, or does not have it afterwards.
    """
    name = study.experiment(trial)
    if name in _experiment_names():
        return name
    _report(f"running the pipeline: {name}")
    changes = {"experiment.purpose": "hyperparameter_tuning", **study.space.point(trial.params)}
    if study.space.scoring:
        changes["train.scoring"] = study.space.scoring
    known = flatten(values)
    options = [
        f"--set-param={'' if key in known else '+'}{key}={hydra_literal(value)}" for key, value in changes.items()
    ]
    _dvc("exp", "run", "--temp", "--name", name, *options)
    if name not in _experiment_names():
        raise UserError(
            f"{name}: DVC ran this experiment and does not have it; is the history here? git fetch --unshallow"
        )
    return name


def _experiment_names() -> set[str]:
    with Repo() as repo:
        return {name for names in repo.experiments.ls(all_commits=True).values() for name, _ in names}


def hydra_literal(value: Any) -> str:
    """A value in the syntax of Hydra's overrides, which --set-param has."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, list):
        return f"[{','.join(map(hydra_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{hydra_literal(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def _dvc(*arguments: str) -> None:
    """Run DVC. Raises UserError with DVC's reason."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("error: ")]
        reason = lines[0].partition(": ")[2] if lines else " ".join(done.stderr.split())
        raise UserError(f"dvc {' '.join(arguments[:2])}: {reason}")


def _print_summary(study: Study, names: list[str], as_json: bool) -> None:
    best = next(iter(study.best(1)), None)
    point = study.space.point(best.params) if best else {}
    if as_json:
        facts = {
            "study": study.name,
            "folder": study.folder.as_posix(),
            "trials": len(study.trials),
            "best": {"trial": best.number, "cv_mean": best.value, "params": point} if best else None,
            "experiments": names,
        }
        print(to_json(facts))
        return
    states = [trial.state.name.lower() for trial in study.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"{study.name}: {len(states)} trials ({counts}), in {study.folder}")
    if best:
        print(f"best: trial {best.number}, cv_mean {best.value:.4f}")
        for key, value in point.items():
            print(f"  {key}: {value}")
    if names:
        print("experiments, see them with dvc exp show:", *(f"  {name}" for name in names), sep="\n")
        print(f"keep the record: git add {PIPELINE.parent} && git commit; share it: dvc push")
