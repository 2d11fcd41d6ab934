"""Trials per minute of a sweep: python -m benchmarks.sweeps.

Each figure is a ratio of rates, ours to a reference on the same table of 1,000 rows and 20 columns and the same space,
taken in turn: the median of three pairs, after one that is not counted. A rate is that of the loop, after two trials.
"""

import importlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import optuna
import yaml
from sklearn.datasets import make_classification

from .__main__ import TEMPLATE, run

PAIRS = 3
WARM = 2
# Five hyperparameters of a forest; then forests that are quick to fit, and slow.
WIDE = {
    "n_estimators": {"min": 50, "max": 300},
    "max_depth": {"min": 5, "max": 30},
    "min_samples_split": {"min": 2, "max": 20},
    "min_samples_leaf": {"min": 1, "max": 10},
    "max_features": {"value": "sqrt"},
}
CHEAP = WIDE | {"n_estimators": {"min": 10, "max": 50}}
SLOW = WIDE | {"n_estimators": {"min": 500, "max": 550}}
SPACES = (("wide", WIDE, 6), ("cheap", CHEAP, 30))  # and trials for a rate
PRUNED = {"type": "hyperband", "min_iter": 2, "eta": 3}  # as a project's sweep.yaml has it


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        print("| figure | ratio | range | trials per minute | reference |\n|---|---|---|---|---|")
        for space, parameters, trials in SPACES:
            bench.write(parameters)
            ours = bench.sweep(trials)
            report(f"{space} space: sweep / bare loop in memory", ours, bench.bare(trials))
            report(f"{space} space: sweep / one dvc exp run per trial", ours, bench.one_by_one)
            with bench.processes(2) as two:
                report(f"{space} space: sweep --jobs 2 / --jobs 1", bench.sweep(2 * trials, two), ours)
            bench.write(parameters, early_terminate=PRUNED)
            figure = f"{space} space, pruned{{}}: sweep / one dvc exp run per trial"
            report(figure.format(""), bench.sweep(3 * trials), bench.one_by_one)
            with bench.processes(2) as two:
                report(figure.format(", --jobs 2"), bench.sweep(4 * trials, two), bench.one_by_one)
        for space, parameters, trials in SPACES:
            bench.write(parameters)
            with bench.cluster(1) as worker:
                report(
                    f"{space} space: one Dask worker / one process", bench.sweep(trials, worker), bench.sweep(trials)
                )
        bench.write(SLOW)
        with bench.cluster(1) as single, bench.cluster(2) as pair:
            report("fits of a second: two Dask workers / one", bench.sweep(6, pair), bench.sweep(3, single))


def report(figure: str, measured: Callable[[], float], reference: Callable[[], float]) -> None:
    """Take the two rates in turn and print a row."""
    pairs = [(measured(), reference()) for _ in range(PAIRS + 1)][1:]
    ratios = [ours / reference for ours, reference in pairs]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| {figure} | {statistics.median(ratios):.2f} | {spread} | {ours:.0f} | {theirs:.0f} |", flush=True)


class Bench:
    """A generated project, run in this process."""

    def __init__(self, folder: Path) -> None:
        table, target = make_classification(1000, 20, n_informative=8, random_state=0)
        rows = [
            ",".join(f"{x:.6g}" for x in row) + f",{'ab'[label]}\n" for row, label in zip(table, target, strict=True)
        ]
        (folder / "table.csv").write_text(",".join(f"x{i}" for i in range(20)) + ",y\n" + "".join(rows))
        run(folder, "cookiecutter", str(TEMPLATE), "--no-input", "data_path=table.csv", "target=y")
        self.project = folder / "penguins"
        run(self.project, "dvc", "repro", "--quiet")
        run(self.project, "git", "add", "-A")
        run(self.project, "git", "commit", "--quiet", "-m", "x")
        os.chdir(self.project)
        sys.path.insert(0, str(self.project))
        names = ("executors", "objective", "search", "study", "sweep_file")
        self.package = {name: importlib.import_module(f"penguins.toolbox.sweep.{name}") for name in names}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.values = importlib.import_module("penguins.core.config").read_params()
        self.numbers = count()

    def write(self, parameters: dict, **keys: dict) -> None:
        """Search another space from here on. Each sweep reads it from a file of its own, and so is a study of its own."""
        self.content = yaml.dump({"method": "bayes", "parameters": parameters, **keys})

    def space(self) -> tuple[str, object]:
        file = f"sweep{next(self.numbers)}.yaml"
        Path(file).write_text(self.content)
        return file, self.package["sweep_file"].load(file, self.values, "classification")

    def sweep(self, trials: int, workers: object | None = None) -> Callable[[], float]:
        """Trials per minute of a sweep."""

        def rate() -> float:
            study = self.package["study"].open_study(*self.space(), self.values)
            objective = self.package["objective"].Objective(self.values)
            executor = workers or self.package["executors"].SerialExecutor()
            search = self.package["search"].Search(study, objective, executor, None)
            list(search.until(WARM))
            return timed(lambda: list(search.until(WARM + trials)), trials)

        return rate

    def bare(self, trials: int) -> Callable[[], float]:
        """Trials per minute of Optuna's own loop in memory over the same objective."""

        def rate() -> float:
            _, space = self.space()
            objective = self.package["objective"].Objective(self.values)

            def score(trial) -> float:
                space.suggest(trial)
                validator, *job = objective(space.point(trial.params))
                return statistics.fmean(validator.score(*job, range(len(validator.folds))))

            study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
            study.optimize(score, WARM)
            return timed(lambda: study.optimize(score, trials), trials)

        return rate

    def one_by_one(self) -> float:
        """Trials per minute of dvc exp run, which runs the pipeline for each."""
        low, high = (yaml.safe_load(self.content)["parameters"]["n_estimators"][end] for end in ("min", "max"))
        trees = (low + high) // 2 + next(self.numbers) % 5  # another number, so that nothing comes from a cache
        settings = (f"train.random_forest.n_estimators={trees}", f"train.seed={next(self.numbers)}")
        command = ["dvc", "exp", "run", "--quiet", *(f"--set-param={setting}" for setting in settings)]
        rate = timed(lambda: run(self.project, *command), 1)
        run(self.project, "git", "checkout", "--quiet", "--force", "HEAD")
        return rate

    def processes(self, size: int):
        return self.package["executors"].ProcessExecutor(size, Path(".dvc/tmp/sweep"))

    @contextmanager
    def cluster(self, size: int) -> Iterator[object]:
        """A Dask scheduler and workers of one thread each, in processes of their own."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = f"tcp://127.0.0.1:{port}"
        dask = (sys.executable, "-m", "dask")
        worker = (*dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        scheduler = (*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        with ExitStack() as stack:
            for command in (scheduler, *[worker] * size):
                process = subprocess.Popen(command, cwd=self.project.parent, stderr=subprocess.DEVNULL)
                stack.callback(process.wait)
                stack.callback(process.kill)
            workers = stack.enter_context(self.package["executors"].DaskExecutor(address))
            workers.client.wait_for_workers(size)
            yield workers


def timed(work: Callable[[], object], trials: int) -> float:
    """Trials per minute."""
    start = time.perf_counter()
    work()
    return 60 * trials / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
