"""The pins fit every extra, on every Python and system; and the lower bounds of the extras work."""

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from conftest import PROJECT, TEMPLATE, BakedProject

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pins")]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("linux", "macos", "windows")
EXTRAS = (
    "azure",
    "dask",
    "dev",
    "gs",
    "lightgbm",
    "mlflow",
    "report",
    "s3",
    "ssh",
    "sweep",
    "wandb",
    "webdav",
    "xgboost",
)
# Import each package, and do the least that shows that it works.
WORKS = {
    "mlflow": "import mlflow; from mlflow import MlflowClient; MlflowClient('sqlite:///try.db').create_experiment('x')",
    "wandb": "import wandb; wandb.init(mode='offline', project='x').finish()",
}


@pytest.fixture(scope="module")
def baked(cookiecutter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pins")
    cookiecutter(folder)
    return BakedProject(folder / "penguins", "")


def uv(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def versions(pins: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", pins, re.MULTILINE))


def test_every_extra_is_tested(baked):
    project = tomllib.loads(baked.read("pyproject.toml"))["project"]
    assert tuple(sorted(project["optional-dependencies"])) == EXTRAS


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_fits_the_pins_on_every_python_and_system(baked, extra):
    pinned = versions(resolve(baked, "--universal", "--python-version", PYTHONS[0], "--extra", extra))
    assert pinned["dvc"] == versions((PROJECT / "requirements.txt").read_text())["dvc"]
    if extra == "mlflow":
        assert int(pinned["mlflow"].split(".")[0]) >= 3


@pytest.mark.nightly
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_all_extras_fit_the_pins_together(baked, python, system):
    pinned = versions(resolve(baked, "--python-version", python, "--python-platform", system, "--all-extras"))
    assert {
        "mlflow",
        "wandb",
        "dask",
        "lightgbm",
        f"xgboost{'' if system == 'macos' else '-cpu'}",
        "s3fs",
        "gcsfs",
        "adlfs",
        "sshfs",
        "webdav4",
    } <= pinned.keys()


def resolve(baked: BakedProject, *options: str) -> str:
    """The pins of a project with extras, beside those in requirements.txt."""
    files = ("-c", str(PROJECT / "requirements.txt"), str(baked.path / "pyproject.toml"))
    return uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", *options, *files)


def test_the_tests_use_the_pins_of_the_project():
    theirs, ours = (versions((folder / "requirements.txt").read_text()) for folder in (PROJECT, TEMPLATE))
    assert {name: version for name, version in theirs.items() if name in ours and ours[name] != version} == {}
    assert {"mlflow", "wandb"} <= ours.keys()


def test_no_pin_has_an_address():
    for folder in (PROJECT, TEMPLATE):
        assert "://" not in (folder / "requirements.txt").read_text()


@pytest.mark.nightly
@pytest.mark.parametrize("extra", WORKS)
def test_the_lowest_version_of_an_extra_works_beside_the_pins(baked, tmp_path, extra):
    extras = tomllib.loads(baked.read("pyproject.toml"))["project"]["optional-dependencies"]
    (lowest,) = (item.replace(">=", "==") for item in extras[extra] if item.startswith(extra))
    uv("venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    python = shutil.which("python", path=tmp_path / "venv" / "bin")
    pins = str(PROJECT / "requirements.txt")
    uv("pip", "install", "--quiet", "--python", python, "--compile-bytecode", "-c", pins, lowest, "pyarrow", "pandas")
    subprocess.run([python, "-c", WORKS[extra]], check=True, cwd=tmp_path, capture_output=True)
