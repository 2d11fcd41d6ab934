"""Where the trials of a sweep are fitted: in this process, in processes beside it, or on a Dask cluster.

Each has `size`, the number of trials to keep running, and `submit(validator, *job)`, which returns a Future of
`validator.score(*job)`.
"""

import multiprocessing
import operator
import os
import pickle
import shutil
import signal
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

from joblib import parallel_config

from ...core import cluster
from .objective import CrossValidator


class SerialExecutor:
    """This process; a job is done when submit returns."""

    size = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, validator: CrossValidator, *job: Any) -> Future:
        future: Future = Future()
        try:
            with parallel_config("threading", n_jobs=-1):  # as train does
                future.set_result(validator.score(*job))
        except Exception as error:  # noqa: BLE001 - as an executor does: who reads the future sees it
            future.set_exception(error)
        return future


class ProcessExecutor:
    """Processes on this machine, which share its cores. They read the training rows from a file, once each.

    scratch: the folder for these files; it is made, and removed.
    """

    def __init__(self, size: int, scratch: Path) -> None:
        self.size = size
        self.scratch = scratch
        self.numbers = count()
        self.sent: WeakKeyDictionary[CrossValidator, str] = WeakKeyDictionary()

    def __enter__(self) -> Self:
        self.scratch.mkdir(parents=True, exist_ok=True)
        threads = str(max(1, (os.cpu_count() or 1) // self.size))
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        # Not fork: it copies the locks of threads that it does not copy.
        context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload([__name__])
        self.pool = ProcessPoolExecutor(self.size, context, _begin)
        return self

    def __exit__(self, *_: object) -> None:
        for process in list(self.pool._processes.values()):  # no public way ends a job that has begun
            process.terminate()
        self.pool.shutdown(cancel_futures=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def submit(self, validator: CrossValidator, *job: Any) -> Future:
        if validator not in self.sent:
            path = self.scratch.resolve() / str(next(self.numbers))
            path.write_bytes(pickle.dumps(validator))
            self.sent[validator] = str(path)
        return self.pool.submit(_call, self.sent[validator], *job)


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end when that does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(maxsize=2)
def _load(path: str) -> CrossValidator:
    return pickle.loads(Path(path).read_bytes())


def _call(path: str, *job: Any) -> list[float]:
    return _load(path).score(*job)


class DaskExecutor:
    """A Dask cluster, whose workers need scikit-learn and pandas, and neither this project nor its files."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sent: WeakKeyDictionary[CrossValidator, Any] = WeakKeyDictionary()

    def __enter__(self) -> Self:
        self.client = cluster.connect(self.address, "--dask")
        self.executor = self.client.get_executor(retries=2, pure=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown(wait=False)
        self.client.close()

    @property
    def size(self) -> int:
        """As many trials as the cluster has threads; workers may come and go."""
        return max(1, sum(self.client.nthreads().values()))

    def submit(self, validator: CrossValidator, *job: Any) -> Future:
        if validator not in self.sent:
            # A task and not scattered data: the scheduler can make it again if its worker is lost.
            self.sent[validator] = self.client.submit(pickle.loads, cluster.dumps(_Packed(validator)), pure=False)
        return self.executor.submit(operator.call, self.sent[validator], cluster.dumps(job))


class _Packed:
    """CrossValidator on a worker, called with a pickled job."""

    def __init__(self, validator: CrossValidator) -> None:
        self.validator = validator

    def __call__(self, job: bytes) -> list[float]:
        return self.validator.score(*pickle.loads(job))
