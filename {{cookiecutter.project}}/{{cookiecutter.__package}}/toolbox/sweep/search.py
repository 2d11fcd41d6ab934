"""The loop of a sweep: ask for points, fit them, keep the scores."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import numpy as np
import optuna
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import Trial, TrialState
from sklearn.pipeline import Pipeline

from ...core.errors import UserError
from .executors import DaskExecutor, ProcessExecutor, SerialExecutor
from .objective import CrossValidator, Objective
from .study import Study

MAX_FAILURES = 5  # first trials that all fail, before the sweep is given up


@dataclass
class PendingTrial:
    """A trial whose folds are being fitted."""

    trial: Trial
    validator: CrossValidator
    pipeline: Pipeline
    scorer: Callable
    scoring: str
    scores: list[float] = field(default_factory=list)
    start: float = field(default_factory=time.perf_counter)


class Search:
    """The loop. Optuna's sampler works in memory, and the journal gets each trial when it is finished.

    (A journal that is written at every step of a trial costs 4 to 8 ms a trial, as much as a quick fit.)
    """

    def __init__(
        self,
        study: Study,
        objective: Objective,
        executor: SerialExecutor | ProcessExecutor | DaskExecutor,
        grid: list | None,
    ) -> None:
        self.study, self.objective, self.executor = study, objective, executor
        self.pending: dict[Future, PendingTrial] = {}
        tried = [trial.params for trial in study.trials]
        self.grid = None if grid is None else (point for point in grid if point not in tried)
        # Another seed each time the sweep goes on: with the same, it would try its first points again.
        seed = objective.base.train.seed + len(study.trials)
        sampler = TPESampler(seed=seed) if study.space.method == "bayes" else RandomSampler(seed=seed)
        self.memory = optuna.create_study(direction="maximize", sampler=sampler, pruner=study.space.pruner)
        self.memory.add_trials(study.trials)

    def until(self, total: int) -> Iterator[int]:
        """Run until there are `total` finished trials, or the target is reached; yield how many there are.

        Raises UserError if every trial fails.
        """
        has_more = True
        while True:
            while has_more and self.has_room(total):
                has_more = self.begin()
            if not self.pending:
                break
            self.collect()
            yield len(self.study.trials)
            has_more = has_more and not self.is_target_reached()
        self.refuse_failures(at_least=1)
        yield len(self.study.trials)

    def has_room(self, total: int) -> bool:
        """Whether one more trial may begin."""
        running = len(self.pending)
        return running < self.executor.size and len(self.study.trials) + running < total

    def is_target_reached(self) -> bool:
        target, best = self.study.space.target, self.study.best_value
        return target is not None and best is not None and best >= target

    def begin(self) -> bool:
        """Start a trial. Returns False if a grid has no more points."""
        if self.grid is not None:
            point = next(self.grid, None)
            if point is None:
                return False
            self.memory.enqueue_trial(point)
        trial = self.memory.ask()
        self.study.space.suggest(trial)
        try:
            pending = PendingTrial(trial, *self.objective(self.study.space.point(trial.params)))
        except UserError as error:  # before any fit
            self.finish(trial, TrialState.FAIL, error=error)
        else:
            self.submit(pending)
        return True

    def submit(self, pending: PendingTrial) -> None:
        """Fit all folds, or only the next one if the trial may be pruned after it."""
        done, folds = len(pending.scores), len(pending.validator.folds)
        end = folds if isinstance(self.study.space.pruner, NopPruner) else done + 1
        job = (pending.pipeline, pending.scorer, pending.scoring, range(done, end))
        self.pending[self.executor.submit(pending.validator, *job)] = pending

    def collect(self) -> None:
        """Take in the folds that are fitted."""
        done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
        for future in done:
            pending = self.pending.pop(future)
            try:
                pending.scores += future.result()
            except (BrokenProcessPool, CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - an estimator may raise anything
                self.finish(pending.trial, TrialState.FAIL, pending, error)
            else:
                self.advance(pending)

    def advance(self, pending: PendingTrial) -> None:
        """Finish a trial, or go on with its next fold."""
        mean = float(np.mean(pending.scores))  # the same to the last bit as in train
        if len(pending.scores) == len(pending.validator.folds):
            self.finish(pending.trial, TrialState.COMPLETE, pending, value=mean)
            return
        pending.trial.report(mean, len(pending.scores))
        if pending.trial.should_prune():
            self.finish(pending.trial, TrialState.PRUNED, pending)
        else:
            self.submit(pending)

    def finish(
        self,
        trial: Trial,
        state: TrialState,
        pending: PendingTrial | None = None,
        error: Exception | None = None,
        value: float | None = None,
    ) -> None:
        """Write a trial to the journal.

        Args:
            trial: to finish as `state`.
            pending: its fits, if it got so far.
            error: the reason of a failure.
            value: the score of a complete trial.

        Raises:
            UserError: the first trials all failed.
        """
        trial.set_user_attr("seconds", round(time.perf_counter() - pending.start, 3) if pending else 0.0)
        if error:
            trial.set_user_attr("error", _one_line(error))
        self.study.journal.add_trial(self.memory.tell(trial, value, state))
        if error:
            self.refuse_failures(at_least=MAX_FAILURES)

    def refuse_failures(self, at_least: int) -> None:
        """Raise UserError if there are so many trials, and all failed."""
        trials = self.study.trials
        if len(trials) >= at_least and all(trial.state == TrialState.FAIL for trial in trials):
            reason = trials[-1].user_attrs.get("error", "the reason is not known")
            count = "the only trial" if len(trials) == 1 else f"all {len(trials)} trials"
            raise UserError(f"{count} failed; the last error: {reason.removeprefix('UserError: ')}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
