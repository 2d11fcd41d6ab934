"""Fits on an existing Dask cluster if DASK_SCHEDULER_ADDRESS is set; otherwise in this process, and Dask is not loaded."""

import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from operator import call
from typing import TYPE_CHECKING, Any

from joblib import parallel_config

from .errors import UserError

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = "DASK_SCHEDULER_ADDRESS"
SAME_VERSIONS = ("numpy", "pandas", "scikit-learn")  # or a worker may give another score
_connected: list["Cluster"] = []


@contextmanager
def fits() -> Iterator[None]:
    """Within the block, `for_each` uses the cluster if there is one; other fits use all cores of this machine.

    Raises UserError if no scheduler answers, or a worker has other versions than this environment.
    """
    with parallel_config("threading", n_jobs=-1):  # all cores, or as many as LOKY_MAX_CPU_COUNT gives
        if not (address := os.environ.get(ADDRESS)):
            yield
            return
        client = connect(address, ADDRESS)
        try:
            check_versions(client)
            _connected.append(Cluster(client))
            yield
        finally:
            _connected.clear()
            client.close()


def for_each(function: Callable, settings: tuple, shared: tuple, n_jobs: int) -> Iterator[Any]:
    """Yield `function(*settings, *shared, job)` for the jobs 0 to n_jobs - 1, in this order.

    Args:
        settings: small values, which are pickled with the function, by value.
        shared: large values, sent once, to as many workers as there are jobs; they hold nothing of this package.
    """
    if _connected:
        yield from _connected[0].for_each(function, settings, shared, n_jobs)
    else:
        yield from (function(*settings, *shared, job) for job in range(n_jobs))


def connect(address: str, where: str) -> "Client":
    """A client whose tasks may be pickled by `dumps`. Raises UserError, which begins with `where`, if none answers."""
    from distributed import Client

    for name in ("distributed", "distributed.client"):  # or a lost worker is a page of traceback
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{where} {address}: no scheduler answers: {error}") from error


def dumps(value: object) -> bytes:
    """Pickle with the code of this package, which workers cannot import."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__package__.partition(".")[0]])
    return cloudpickle.dumps(value)


def check_versions(client: "Client") -> None:
    """Raise UserError if there is no worker, or one has other versions than this environment."""
    if not client.nthreads():
        raise UserError(f"{ADDRESS} {os.environ[ADDRESS]}: has no workers; start some")
    for package in SAME_VERSIONS:
        for worker, found in client.run(version, package, on_error="return").items():
            if found != version(package):
                raise UserError(
                    f"{ADDRESS}: worker {worker}: has {package} {found}, and this environment {version(package)}; "
                    "install requirements.txt there"
                )


class Cluster:
    """A client, and what it has sent."""

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.sent: dict[int, tuple[object, Future]] = {}  # by the id of the object, which is kept with it

    def for_each(self, function: Callable, settings: tuple, shared: tuple, n_jobs: int) -> Iterator[Any]:
        """See the function `for_each`. A job whose worker is lost runs again, on another one."""
        from distributed import CancelledError, KilledWorker

        try:
            sent = [self._send(value, n_jobs) for value in shared]
            # A task and not scattered: the scheduler can make it again if its worker is lost.
            packed = self.client.submit(pickle.loads, dumps(partial(_on_worker, function, settings)), pure=False)
            futures = [self.client.submit(call, packed, *sent, job, pure=False) for job in range(n_jobs)]
            for future in futures:
                yield future.result()
        except (CancelledError, KilledWorker, OSError) as error:
            raise UserError(
                f"{ADDRESS}: the scheduler ended, or too many workers did, perhaps for lack of memory "
                f"({type(error).__name__}); see their logs, and run this again"
            ) from error

    def _send(self, value: object, n_jobs: int) -> "Future":
        """A copy on as many workers as there are jobs, sent once: while one of them has it, it is not lost."""
        if id(value) not in self.sent:
            (future,) = self.client.scatter([value], broadcast=max(2, n_jobs), hash=False)  # of a list, each item
            self.sent[id(value)] = (value, future)
        return self.sent[id(value)][1]


def _on_worker(function: Callable, settings: tuple, *arguments: Any) -> Any:
    """Call a function with the threads of one task: a worker runs as many tasks as it has threads."""
    with parallel_config("threading", n_jobs=1):
        return function(*settings, *arguments)
