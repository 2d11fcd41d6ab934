"""Data on servers: OpenSSH, WebDAV and HTTP by nginx, S3 by nanio; each runs here for the test."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import servers
from conftest import PROJECT, SAMPLE, BakedProject, run

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("remotes")]

SERVERS = {
    "ssh": servers.sshd,
    "webdav": servers.nginx,
    "http": partial(servers.nginx, scheme="http"),
    "s3": servers.nanio,
}
SIZES = (1, 1_000, 30_000_000, 30_000_000, 60_000_000)


@pytest.fixture(scope="module")
def bin(tmp_path_factory) -> Path:
    """The programs of an environment that was installed as a new project prints it, and a server of S3."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--quiet", "--python", sys.executable, str(venv), cwd=venv.parent)
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    install = ("pip", "install", "--quiet", "--python", str(programs / "python"), "--compile-bytecode")
    packages = ("-r", str(PROJECT / "requirements.txt"), "dvc[s3,ssh,webdav]", "nanio")
    run(*uv, *install, *packages, cwd=venv.parent)
    return programs


@dataclass(frozen=True)
class Shared:
    """A project whose DVC remote is on a server."""

    project: BakedProject
    server: servers.Server
    python: str

    def run(self, *arguments: str, code: int = 0) -> str:
        return self.project.run(self.python, "-m", *arguments, code=code, **self.server.variables)

    def clone(self) -> "Shared":
        """Another user's clone, who has the secrets too."""
        path = self.project.path.with_name("clone")
        run("git", "clone", "--quiet", str(self.project.path), str(path), cwd=path.parent)
        clone = replace(self, project=BakedProject(path, ""))
        clone.set_secrets(self.server.secrets)
        return clone

    def set_secrets(self, secrets: dict[str, str]) -> None:
        for name, value in secrets.items():
            self.run("dvc", "remote", "modify", "--local", "storage", name, value)


@pytest.fixture(params=SERVERS)
def shared(request, project, bin, tmp_path) -> Iterator[Shared]:
    (tmp_path / "server").mkdir()
    with SERVERS[request.param](tmp_path / "server", bin) as server:
        shared = Shared(project, server, str(bin / "python"))
        for name, value in {"url": server.url, **server.settings}.items():
            shared.run("dvc", "remote", "modify", "storage", name, value)
        project.commit("A remote on a server")
        shared.set_secrets(server.secrets)
        yield shared


def test_a_clone_has_the_data_the_model_and_the_predictions(shared):
    project = shared.project
    assert "files pushed" in shared.run("dvc", "push")
    for secret in {**shared.server.secrets, **shared.server.variables}.values():
        if secret not in ("jane", "us-east-1"):
            project.run("git", "grep", "--quiet", "--fixed-strings", secret, code=1)

    shutil.rmtree(project.path / ".dvc/cache")
    shutil.rmtree(project.path / "models")
    shared.run("dvc", "pull")
    assert shared.run("dvc", "status", "--quiet") == ""

    clone = shared.clone()
    clone.run("penguins", "predict", str(SAMPLE), "-o", "by_remote.csv", "--model", "main")
    clone.run("dvc", "pull")
    assert clone.run("dvc", "status", "--quiet") == ""
    clone.run("penguins", "predict", str(SAMPLE), "-o", "by_pull.csv")
    assert clone.project.read("by_remote.csv") == clone.project.read("by_pull.csv")


def test_a_push_that_was_killed_is_finished_by_the_next(shared):
    project = shared.project
    folder = project.path / "data/files"
    folder.mkdir()
    for number, size in enumerate(SIZES):
        (folder / f"{number}.bin").write_bytes(os.urandom(size))
    shared.run("dvc", "add", "--quiet", "data/files")
    project.commit("Large files")

    environment = {**os.environ, **shared.server.variables}
    command = (shared.python, "-m", "dvc", "push", "--quiet", "--jobs", "1")
    with subprocess.Popen(command, cwd=project.path, env=environment) as push:
        while not shared.server.holds_a_file():
            assert push.poll() is None, "the push ended before it could be killed"
            time.sleep(0.002)
        push.send_signal(signal.SIGKILL)
    assert push.returncode == -signal.SIGKILL

    shared.run("dvc", "push")
    clone = shared.clone()
    clone.run("dvc", "pull")
    for file in folder.iterdir():
        assert (clone.project.path / "data/files" / file.name).read_bytes() == file.read_bytes()


def test_an_empty_remote_and_a_wrong_secret_are_told_apart_in_one_line(shared):
    predict = ("penguins", "predict", str(SAMPLE), "-o", "out.csv", "--model", "main")
    clone = shared.clone()
    (line,) = clone.run(*predict, code=1).splitlines()
    assert "neither the cache nor the DVC remote" in line

    wrong = replace(clone, server=replace(shared.server, variables=dict.fromkeys(shared.server.variables, "wrong")))
    wrong.set_secrets(dict.fromkeys(shared.server.secrets, "wrong"))
    (line,) = wrong.run(*predict, code=1).splitlines()
    assert re.search("the DVC remote (refuses access: .*40[13]|cannot be reached: .*/wrong')", line)
