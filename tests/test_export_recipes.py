"""The five exercises in docs/coming-from-mlflow.md, and the fifth with W&B, as a reader would run them."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import TEMPLATE, BakedProject
from quick_project import finish_quickly
from recipes import blocks, join_lines

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("wandb")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export-recipes")]

PAGE = (TEMPLATE / "docs/coming-from-mlflow.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def quick(cookiecutter, tmp_path_factory):
    """A finished project whose stages take seconds; shared, so copy it before changing it."""
    folder = tmp_path_factory.mktemp("exercises")
    cookiecutter(folder)
    return finish_quickly(folder / "penguins")


@pytest.fixture
def own(quick, tmp_path):
    shutil.copytree(quick.path.parent, tmp_path / "work", symlinks=True)
    return BakedProject(tmp_path / "work" / "penguins", "")


def commands(number: int) -> list[str]:
    """The commands of an exercise."""
    (text,) = re.findall(rf"^### {number}\. .*?(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks(text) if block.language == "sh" for line in join_lines(block.text)]


def follow(project: BakedProject, number: int) -> list[str]:
    """Run the commands of an exercise; return the output of each."""
    lines = commands(number)
    assert lines
    return [project.run("sh", "-c", line) for line in lines]


def test_1_track_a_first_experiment(own):
    *_, table = follow(own, 1)
    assert "first" in table


@pytest.mark.nightly
def test_2_compare_parameters(own):
    *_, table = follow(own, 2)
    assert "shallow" in table
    assert "logistic" in table


@pytest.mark.nightly
def test_3_search_hyperparameters(own):
    follow(own, 3)
    assert own.dvc("exp", "list").count("[") == 1


@pytest.mark.nightly
def test_4_version_the_data_and_go_back(own):
    outputs = follow(own, 4)
    assert len(outputs) == 10
    assert own.json("results/prepare/metrics.json")["rows"] == 299
    own.run("git", "switch", "--quiet", "--detach", "HEAD~1")
    own.dvc("checkout", "--quiet")
    assert len(own.read("data/raw/penguins.csv").splitlines()) == 345


@pytest.mark.nightly
def test_5_dvc_and_mlflow_as_one_workflow_and_the_same_with_wandb(own):
    follow(own, 5)
    client = mlflow.MlflowClient(f"sqlite:///{own.path / 'mlflow.db'}")
    version = client.get_model_version_by_alias("penguins", "prod")
    assert version.tags["dvc.commit"] == own.run("git", "rev-parse", "HEAD").strip()
    own.run("sh", "-c", "python -m penguins export wandb --all")
    names = set()
    for folder in own.path.glob("wandb/offline-run-*"):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)]
        names.add(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["name"])
    assert {"forest", "boosting", "linear"} <= names
