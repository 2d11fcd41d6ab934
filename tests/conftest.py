"""Baking projects, and running commands in them as a user would, whatever the machine's own settings are."""

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import settings

# The same examples in every run of CI; HYPOTHESIS_PROFILE=default looks for new ones.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project}}"
PACKAGE = PROJECT / "{{cookiecutter.__package}}"
SAMPLE = PROJECT / "_generate" / "sample" / "penguins.csv"


def import_package(name: str) -> None:
    """Import the package of the generated project from the template itself: its files are copied, not rendered."""
    spec = importlib.util.spec_from_file_location(
        name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


# A shell that starts the tests in the background makes them, and what they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.dont_write_bytecode = True  # the template's folder is copied into every project
import_package("example")


def literal(text: str) -> str:
    """A template that renders to `text`: cookiecutter renders what it is given on its command line."""
    return text if re.fullmatch(r"[\w ./-]*", text, re.ASCII) else f"{{{{ {text!a} }}}}"


@dataclass(frozen=True)
class BakedProject:
    """A generated project: its folder, what generating it printed, and a way to run commands in it."""

    path: Path
    output: str

    @property
    def package(self) -> Path:
        return next(folder.parent for folder in self.path.glob("*/stages"))

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """Run a command in the project; return what it printed. Fails where the exit code is another."""
        return run(*command, cwd=self.path, code=code, **variables)

    def dvc(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, code=code)

    def stage(self, name: str, code: int = 0, **variables: str) -> str:
        return self.run(sys.executable, "-m", f"{self.package.name}.stages.{name}", code=code, **variables)

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "--quiet", "-m", message)

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def json(self, name: str):
        return json.loads(self.read(name))


def run(*command: str, cwd: Path, code: int = 0, **variables: str) -> str:
    environment = {**os.environ, "PWD": str(cwd), **variables}
    done = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == code, f"{command} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """No setting of this user counts: not Git's, not DVC's, not cookiecutter's."""
    home = tmp_path_factory.mktemp("home")
    git = home / ".gitconfig"  # which DVC's own Git reads from HOME
    git.write_text('[user]\n  name = Test\n  email = test@localhost\n[protocol "file"]\n  allow = always\n')
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GIT_", "DVC_", "COOKIECUTTER_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(git))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield home


@pytest.fixture(scope="session")
def cookiecutter():
    """Run cookiecutter's command line: `cookiecutter(folder, code=0, **answers)` returns what it printed."""

    def generate(folder: Path, code: int = 0, variables: dict | None = None, **answers: str) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        given = [f"{name}={literal(str(value))}" for name, value in answers.items()]
        command = (sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", *given)
        return run(*command, cwd=folder, code=code, **(variables or {}))

    return generate


@pytest.fixture
def bake(cookiecutter, tmp_path):
    """Generate a project in an empty folder: `bake(**answers)`."""

    def generate(folder: Path = tmp_path, **answers: str) -> BakedProject:
        output = cookiecutter(folder, **answers)
        (project,) = (path.parent for path in folder.glob("*/dvc.yaml"))
        return BakedProject(project, output)

    return generate


@pytest.fixture(scope="session")
def finished(cookiecutter, tmp_path_factory):
    """A project of the sample with its first results committed; shared, so copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    project = BakedProject(folder / "penguins", cookiecutter(folder))
    project.dvc("repro")
    project.commit("First results")
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, cache included, to change at will."""
    return copy_project(finished, tmp_path / "copy")


def copy_project(project: BakedProject, folder: Path) -> BakedProject:
    """Copy a project with what is beside it, and move its DVC remote, whose full path is in .dvc/config, there too."""
    shutil.copytree(project.path.parent, folder, symlinks=True)
    copy = BakedProject(folder / project.path.name, project.output)
    config = copy.path / ".dvc/config"
    config.write_text(config.read_text().replace(str(project.path.parent), str(folder)))
    copy.run("git", "commit", "--quiet", "--all", "--amend", "--no-edit")
    return copy


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The project's params.yaml with a made-up table, in an empty folder; `params(section={...})` schema_diff it."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    size = random.normal(size=120)
    table = pd.DataFrame(
        {
            "size": size,
            "colour": random.choice(["red", "green", None], 120),
            "seen": pd.date_range("2024-01-01", periods=120).strftime("%Y-%m-%d"),
            "site": random.choice(list("abcdefgh"), 120),
            "kind": np.where(size + random.normal(scale=0.5, size=120) > 0, "large", "small"),
            "weight": size * 3 + random.normal(size=120),
        }
    )
    table.loc[::10, "size"] = np.nan
    table.to_csv("table.csv", index=False)
    values = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    values["data"] |= {"path": "table.csv", "target": "kind", "task": "classification"}
    values["prepare"] |= {"split": "random", "split_column": None, "test_size": 0.25}
    values["train"] |= {"model": "random_forest", "scoring": None, "n_splits": 3, "train_sizes": [0.5, 1.0]}
    values["train"]["random_forest"] |= {"n_estimators": 10}

    def change(**sections):
        for name, section in sections.items():
            values[name] |= section
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            yaml.safe_dump(values, file)

    change()
    return change


@pytest.fixture(scope="session")
def module(cookiecutter, tmp_path_factory):
    """A module of a generated project, to call in this process: `module("toolbox.space")`."""
    folder = tmp_path_factory.mktemp("module")
    cookiecutter(folder, project="imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "imported"))
        yield lambda name: importlib.import_module(f"imported.{name}")


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers, in a folder with nothing in it: (address, processes of the workers)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = (sys.executable, "-m", "dask")
    port = address.rpartition(":")[2]
    worker = (*dask, "worker", address, "--nthreads", "1", "--memory-limit", "1GB", "--no-nanny", "--no-dashboard")
    commands = [(*dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"), worker, worker]
    folder = tmp_path / "cluster"
    folder.mkdir()
    with (folder / "log").open("w") as log:
        processes = [subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) for command in commands]
    deadline = time.monotonic() + 120
    while (folder / "log").read_text().count("Registered to:") < 2:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)
    yield address, processes[1:]
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def chromium():
    on_a_mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", on_a_mac)
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        assert "CI" not in os.environ, "CI needs a Chromium"
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return found
