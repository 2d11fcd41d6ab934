"""Temporary folders that do not outlive a killed process for long: the next one removes them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zc.lockfile

PREFIX = "dvc-project-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield an empty folder that is removed at the end, or by the next call if this process is killed."""
    remove_abandoned_folders()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        lock = zc.lockfile.LockFile(str(Path(name, "lock")))  # the system's: it ends with this process
        try:
            folder = Path(name, "content")
            folder.mkdir()
            yield folder
        finally:
            lock.close()


def remove_abandoned_folders() -> None:
    """Remove the temporary folders of processes that were killed: their locks are free."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        try:
            zc.lockfile.LockFile(str(lock)).close()
        except (zc.lockfile.LockError, OSError):  # in use, or of another user
            continue
        shutil.rmtree(lock.parent, ignore_errors=True)
