"""Files of many commits, quickly: files of Git through one process, files of DVC from the cache of this machine."""

import json
import subprocess
from pathlib import Path
from typing import Any, Self

from dvc.exceptions import DvcException
from dvc.repo import Repo

from ...core import paths
from ...core.errors import UserError
from ...core.files import parse_yaml

MAX_BYTES = 1_000_000  # of a small file
SUFFIXES = (".json", ".tsv", ".csv", ".md", ".txt", ".html", ".png", ".svg")
# The predictions have rows of the data, which do not leave the machine.
PRIVATE = {paths.PREDICTIONS.as_posix()}


class History:
    """Reads files of any commit of the project in the current folder. Use it in a `with` statement."""

    def __enter__(self) -> Self:
        self._git = subprocess.Popen(["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._git.stdin is not None, "it is a pipe"
        assert self._git.stdout is not None, "it is a pipe"
        self._requests, self._answers = self._git.stdin, self._git.stdout
        self._repo: Repo | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.close()
        self._git.wait()
        self._answers.close()
        if self._repo:
            self._repo.close()

    def read(self, rev: str, path: str | Path) -> bytes | None:
        """A file that Git has in a commit, None if it has none."""
        self._requests.write(f"{rev}:./{Path(path).as_posix()}\n".encode())
        self._requests.flush()
        header = self._answers.readline().split()
        if header[-1] == b"missing":
            return None
        content = self._answers.read(int(header[2]))
        self._answers.read(1)
        return content if header[1] == b"blob" else None

    def outs(self, rev: str) -> dict[str, str]:
        """The MD5 of each output in dvc.lock, by path; for a folder the MD5 of each file, if the cache has the list.

        A folder whose list is not in the cache is there itself.
        """
        stages = parse_lock(self.read(rev, paths.LOCK), rev).get("stages", {})
        outs = {out["path"]: out.get("md5", "") for stage in stages.values() for out in stage.get("outs", [])}
        return {path: md5 for name, value in outs.items() for path, md5 in self._expand(name, value).items()}

    def _expand(self, path: str, md5: str) -> dict[str, str]:
        if not md5.endswith(".dir") or (content := self.cached(md5)) is None:
            return {path: md5}
        return {f"{path}/{entry['relpath']}": entry["md5"] for entry in json.loads(content)}

    def cached(self, md5: str, limit: int | None = None) -> bytes | None:
        """An object of DVC's cache on this machine; None if it is not there, or larger than the limit."""
        if self._repo is None:
            self._repo = open_repo()
        file = Path(self._repo.cache.local.oid_to_path(md5))
        try:
            return None if limit is not None and file.stat().st_size > limit else file.read_bytes()
        except OSError:
            return None

    def is_cached(self, md5: str) -> bool:
        """Whether the cache on this machine has an object."""
        if self._repo is None:
            self._repo = open_repo()
        return Path(self._repo.cache.local.oid_to_path(md5)).exists()

    def small_files(self, rev: str) -> tuple[dict[str, bytes], list[str]]:
        """The files of a commit's run that a tracking tool gets, by path; and those that are not on this machine.

        They are params.yaml, dvc.lock and the small outputs: metrics, plots, the schema, the profile, the facts of the
        model. The rows of the data, the predictions and the model are not among them.
        """
        files, missing = {}, []
        for tracked in (paths.PARAMS, paths.LOCK):
            if (content := self.read(rev, tracked)) is not None:
                files[tracked.as_posix()] = content
        for path, md5 in self.outs(rev).items():
            if path in PRIVATE or not (path.endswith(SUFFIXES) or md5.endswith(".dir")):
                continue
            content = self.read(rev, path)  # metrics are in Git
            content = self.cached(md5, MAX_BYTES) if content is None else content
            if content is not None:
                files[path] = content
            elif not md5 or not self.is_cached(md5):
                missing.append(path)
        return files, missing


def open_repo() -> Repo:
    """The DVC project in the current folder. Raises UserError if there is none."""
    try:
        return Repo()
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from error


def parse_lock(content: bytes | None, rev: str) -> dict[str, Any]:
    """The content of dvc.lock in a commit, empty if it has none."""
    if content is None:
        return {}
    return parse_yaml(content.decode("utf-8", errors="replace"), f"dvc.lock of {rev[:7]}") or {}
