"""train on a Dask cluster of separate processes, which know nothing of the project."""

import operator
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import pytest
from conftest import PACKAGE
from distributed import Client
from example import model
from example.core import paths
from example.core.errors import UserError
from example.stages import prepare, train

OUTPUTS = (paths.MODEL, paths.ESTIMATOR, paths.FEATURES, paths.TRAIN_METRICS)


@pytest.fixture
def train_bytes(params, monkeypatch):
    """Run train: `train_bytes(address)` returns the bytes of what it writes, by path."""
    params(train={"n_splits": 5})
    prepare.main()

    def run(address: str = "") -> dict[Path, bytes]:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        train.main()
        return {path: path.read_bytes() for path in OUTPUTS}

    return run


def kill_at_work(address: str, worker: subprocess.Popen, killed: threading.Event) -> None:
    """Kill a worker as soon as it has a fit to do."""
    with Client(address, set_as_default=False) as client:
        (name,) = (name for name, pid in client.run(os.getpid).items() if pid == worker.pid)
        while not any(str(key).startswith("call-") for key in client.processing()[name]):
            time.sleep(0.01)
    worker.kill()
    worker.wait()
    killed.set()


@pytest.mark.slow
def test_folds_on_a_cluster_give_the_same_bytes_also_if_a_worker_is_lost_amid_them(train_bytes, cluster):
    address, workers = cluster
    here = train_bytes()
    assert train_bytes(address) == here
    killed = threading.Event()
    threading.Thread(target=kill_at_work, args=(address, workers[0], killed), daemon=True).start()
    assert train_bytes(address) == here
    assert killed.is_set()


@pytest.mark.slow
def test_mistakes_are_one_line_on_a_cluster_too(train_bytes, cluster, monkeypatch):
    address, workers = cluster
    monkeypatch.setattr(model, "add_features", operator.not_)  # in the place of the user's, and it fails on a worker
    with pytest.raises(UserError, match="add_features: ValueError: The truth value of a DataFrame is ambiguous"):
        train_bytes(address)
    for worker in workers:
        worker.kill()
        worker.wait()
    with pytest.raises(UserError, match=r"DASK_SCHEDULER_ADDRESS tcp://.*: has no workers; start some"):
        train_bytes(address)
    with pytest.raises(UserError, match=r"DASK_SCHEDULER_ADDRESS tcp://127\.0\.0\.1:1: no scheduler answers"):
        train_bytes("tcp://127.0.0.1:1")


def end(_: object) -> None:
    """An add_features that ends the worker, as a lack of memory does."""
    assert "pytest" not in sys.modules
    os._exit(1)


@pytest.mark.slow
def test_a_fit_that_ends_every_worker_ends_train_in_one_line(train_bytes, cluster, monkeypatch):
    address, workers = cluster
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(model, "add_features", end)
    with pytest.raises(
        UserError, match=r"too many workers did, perhaps for lack of memory .*; see their logs"
    ) as caught:
        train_bytes(address)
    assert "\n" not in str(caught.value)
    assert [worker.wait() for worker in workers] == [1, 1]


def test_a_stage_does_not_load_dask_distributed():
    """scikit-learn loads dask.array itself, if it is installed."""
    code = (
        "import importlib.util, sys;"
        "spec = importlib.util.spec_from_file_location('example', sys.argv[1] + '/__init__.py');"
        "sys.modules['example'] = package = importlib.util.module_from_spec(spec);"
        "spec.loader.exec_module(package);"
        "import example.stages.train;"
        "print('example.core.cluster' in sys.modules, 'distributed' in sys.modules)"
    )
    command = (sys.executable, "-c", code, str(PACKAGE))
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True False\n"
