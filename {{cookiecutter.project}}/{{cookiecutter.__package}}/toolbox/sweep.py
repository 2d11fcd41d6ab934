"""sweep: search params by cross-validation, and make DVC experiments of the best."""

import json
import logging
import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import zc.lockfile
from dvc.repo import Repo
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from .. import params, schema
from ..errors import UserError
from . import space as spaces
from .objective import Folds, Objective
from .study import PIPELINE, Study, open_study, write_pipeline, write_results
from .workers import Dask, Here, Processes

LOCK = Path(".dvc/tmp/sweep.lock")
TRIALS = 50  # where neither the file nor the command says how many
HOPELESS = 5  # trials that fail, and no other, before the sweep is given up


def run(arguments: Namespace) -> None:
    """Run trials until there are enough; write the results; make experiments of the best, and a stage of the sweep."""
    in_dvc = "DVC_STAGE" in os.environ  # dvc repro sweep/dvc.yaml: DVC runs prepare and records the stage
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("dvc").setLevel(logging.WARNING)
    values = params.read()
    params.check(values)
    if not in_dvc:
        _check_files(arguments.top)
        _dvc("repro", "prepare")
    space = spaces.load(arguments.file, values, schema.load().task)
    if space.scoring:
        values["train"]["scoring"] = space.scoring
    with _alone():
        study = open_study(arguments.file, space, values)
        _say(f"study {study.name}: {len(study.trials)} trials so far", *space.notes)
        stopped = _search(study, Objective(values), arguments)
        write_results(study)
    if stopped:
        _say(f"stopped; {len(study.trials)} trials are kept in {study.folder}: run it again to go on")
        sys.exit(130)
    names = []
    if not in_dvc:
        names = [_experiment(study, trial, values) for trial in study.best(arguments.top)]
        write_pipeline(study, f"python -m {__package__.partition('.')[0]} sweep", arguments.file)
        with Repo() as repo:
            repo.commit(PIPELINE.as_posix(), force=True)
    _summary(study, names, arguments.json)


def _say(*lines: str) -> None:
    """Tell the person at the terminal; a script reads what goes to standard output."""
    print(*lines, sep="\n", file=sys.stderr)


def _check_files(top: int) -> None:
    """Refuse to start where experiments, which run from what Git has, would miss a file."""
    package = __package__.partition(".")[0]
    command = ["git", "ls-files", "--others", "--exclude-standard", package, "params.yaml", "dvc.yaml", "data"]
    missing = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout.split("\n")
    if top and any(missing):
        raise UserError(
            f"experiments would miss {', '.join(filter(None, missing))}: git add them first, or say --top 0"
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Keep a second sweep out. The lock is the system's, so that it ends with this process, however that ends."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(str(LOCK))
    except zc.lockfile.LockError as error:
        raise UserError("another sweep is running in this project; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.close()


# --- Trials -----------------------------------------------------------------------------------------------------


def _search(study: Study, objective: Objective, arguments: Namespace) -> bool:
    """Run trials; return whether Ctrl-C stopped them."""
    address = arguments.dask or os.environ.get("DASK_SCHEDULER_ADDRESS")
    workers = Dask(address) if address else Processes(arguments.jobs) if arguments.jobs > 1 else Here()
    grid = list(study.space.grid()) if study.space.method == "grid" else None
    total = arguments.trials or study.space.trials or (TRIALS if grid is None else len(grid))
    try:
        with workers:
            search = Search(study, objective, workers, grid)
            finished = len(study.trials)
            with tqdm(total=total, initial=finished, unit="trial", desc=study.name, mininterval=0.5) as bar:
                for finished in search.until(total):
                    bar.set_postfix_str(
                        "" if study.best_value is None else f"best {study.best_value:.4g}", refresh=False
                    )
                    bar.update(finished - bar.n)
    except KeyboardInterrupt:
        return True
    except BrokenProcessPool as error:
        raise UserError(
            "a worker was killed (out of memory?); trials are kept: run it again, with fewer --jobs"
        ) from error
    except CancelledError as error:
        raise UserError(f"the Dask cluster at {address} went away; trials are kept: run it again") from error
    return False


@dataclass
class Running:
    """A trial whose folds are being fitted."""

    trial: Trial
    folds: Folds
    pipeline: Pipeline
    scoring: str
    scores: list[float] = field(default_factory=list)
    start: float = field(default_factory=time.perf_counter)


class Search:
    """The loop of a sweep. Optuna's sampler works in memory, and the journal gets each trial when it is finished.

    (A journal that is written at every step of a trial costs 4 to 8 ms a trial, which is much where a fit takes as long.)
    """

    def __init__(self, study: Study, objective: Objective, workers: Here | Processes | Dask, grid: list | None) -> None:
        self.study, self.objective, self.workers = study, objective, workers
        self.running: dict[Future, Running] = {}
        tried = [trial.params for trial in study.trials]
        self.grid = None if grid is None else (point for point in grid if point not in tried)
        # Other numbers each time the sweep goes on: with the same, it would try its first points again.
        seed = objective.base.train.seed + len(study.trials)
        sampler = TPESampler(seed=seed) if study.space.method == "bayes" else RandomSampler(seed=seed)
        self.memory = optuna.create_study(direction="maximize", sampler=sampler, pruner=study.space.pruner)
        self.memory.add_trials(study.trials)

    def until(self, total: int) -> Iterator[int]:
        """Run until there are `total` finished trials, or the target is reached; yield how many there are."""
        finished, more = len(self.study.trials), True
        while True:
            while more and finished + len(self.running) < total and len(self.running) < self.workers.size:
                more = self.begin()
                finished = len(self.study.trials)  # one more where it failed before any fit
            if not self.running:
                yield finished
                return
            self.collect()
            finished = len(self.study.trials)
            yield finished
            target, best = self.study.space.target, self.study.best_value
            more = more and (target is None or best is None or best < target)

    def begin(self) -> bool:
        """Start a trial. Returns False where a grid has no more points."""
        if self.grid is not None:
            point = next(self.grid, None)
            if point is None:
                return False
            self.memory.enqueue_trial(point)
        trial = self.memory.ask()
        self.study.space.suggest(trial)
        try:
            self.submit(Running(trial, *self.objective(self.study.space.point(trial.params))))
        except UserError as error:
            self.finish(trial, TrialState.FAIL, error=error)
        return True

    def submit(self, running: Running) -> None:
        """Fit all folds, or the next one where the trial may be pruned after it."""
        done, folds = len(running.scores), len(running.folds.parts)
        ends = folds if isinstance(self.study.space.pruner, optuna.pruners.NopPruner) else done + 1
        job = (running.pipeline, running.scoring, range(done, ends))
        self.running[self.workers.submit(running.folds, *job)] = running

    def collect(self) -> None:
        """Take in what is fitted."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            running = self.running.pop(future)
            try:
                running.scores += future.result()
            except (BrokenProcessPool, CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever a fit raises ends its trial, and not the sweep
                self.finish(running.trial, TrialState.FAIL, running, error)
                continue
            mean = float(np.mean(running.scores))  # the same to the last bit as in train
            if len(running.scores) == len(running.folds.parts):
                self.finish(running.trial, TrialState.COMPLETE, running, value=mean)
                continue
            running.trial.report(mean, len(running.scores))
            if running.trial.should_prune():
                self.finish(running.trial, TrialState.PRUNED, running)
            else:
                self.submit(running)

    def finish(
        self,
        trial: Trial,
        state: TrialState,
        running: Running | None = None,
        error: Exception | None = None,
        value: float | None = None,
    ) -> None:
        """Write a trial to the journal. Raises UserError where the first ones all failed."""
        trial.set_user_attr("seconds", round(time.perf_counter() - running.start, 3) if running else 0.0)
        if error:
            trial.set_user_attr("error", " ".join(f"{type(error).__name__}: {error}".split())[:500])
        self.study.journal.add_trial(self.memory.tell(trial, value, state))
        trials = self.study.trials
        if error and len(trials) >= HOPELESS and all(trial.state == TrialState.FAIL for trial in trials):
            raise UserError(f"all of the first {len(trials)} trials failed, the last with: {error}")


# --- Experiments ------------------------------------------------------------------------------------------------


def _experiment(study: Study, trial: FrozenTrial, values: dict[str, Any]) -> str:
    """Run the pipeline with a trial's params, in a temporary folder; return the experiment's name."""
    name = study.experiment(trial)
    with Repo() as repo:
        if any(name == known for names in repo.experiments.ls(all_commits=True).values() for known, _ in names):
            return name
    _say(f"running the pipeline: {name}")
    changes = {"experiment.purpose": "hyperparameter_tuning", **study.space.point(trial.params)}
    if study.space.scoring:
        changes["train.scoring"] = study.space.scoring
    known = params.flat(values)
    options = [f"--set-param={'' if key in known else '+'}{key}={_hydra(value)}" for key, value in changes.items()]
    _dvc("exp", "run", "--temp", "--name", name, *options)
    return name


def _hydra(value: Any) -> str:
    """A value in the syntax of Hydra's overrides, which is that of --set-param."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, list):
        return f"[{','.join(map(_hydra, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def _dvc(*arguments: str) -> None:
    """Run DVC. Raises UserError with the line in which it says what is wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("error: ")]
        said = lines[0].partition(": ")[2] if lines else done.stderr.strip()
        raise UserError(f"dvc {' '.join(arguments[:2])}: {said}")


def _summary(study: Study, names: list[str], as_json: bool) -> None:
    best = study.best(1)
    facts = {
        "study": study.name,
        "folder": study.folder.as_posix(),
        "trials": len(study.trials),
        "best": {"trial": best[0].number, "cv_mean": best[0].value, "params": study.space.point(best[0].params)}
        if best
        else None,
        "experiments": names,
    }
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    states = [trial.state.name.lower() for trial in study.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"{study.name}: {len(states)} trials ({counts}), in {study.folder}")
    if best:
        print(f"best: trial {best[0].number}, cv_mean {best[0].value:.4f}")
        for key, value in study.space.point(best[0].params).items():
            print(f"  {key}: {value}")
    if names:
        print("experiments, see them with dvc exp show:", *(f"  {name}" for name in names), sep="\n")
        print(f"keep the record: git add {PIPELINE.parent} && git commit; share it: dvc push")
