"""The recipes of the generated README and of docs/: each is applied to a fresh project, and leaves it working."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import PROJECT, SAMPLE, TEMPLATE, BakedProject, copy_project, run
from recipes import Block, apply_diff, blocks, recipes, section

pytestmark = pytest.mark.slow

README = (PROJECT / "README.md").read_text(encoding="utf-8")
CHANGES = list(recipes(section(README, "Change it")))
QUICK = {
    "n_splits: 5": "n_splits: 2",
    "train_sizes: [0.1, 0.3, 1.0]": "train_sizes: [1.0]",
    "n_estimators: 100 # trees": "n_estimators: 10 # trees",
    "n_repeats: 5": "n_repeats: 1",
}


@pytest.fixture(scope="module")
def quick(cookiecutter, tmp_path_factory):
    """A finished project whose stages take seconds; shared, so copy it before changing it."""
    folder = tmp_path_factory.mktemp("quick")
    project = BakedProject(folder / "penguins", cookiecutter(folder))
    text = project.read("params.yaml")
    for old, new in QUICK.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (project.path / "params.yaml").write_text(text, encoding="utf-8")
    project.dvc("repro", "-q")
    project.commit("First results")
    table = pd.read_csv(SAMPLE)
    table.head(300).to_csv(folder / "new.csv", index=False)
    return project


@pytest.fixture
def fresh(quick, tmp_path):
    """A copy of the quick project, with new.csv and the DVC remote beside it."""
    return copy_project(quick, tmp_path / "work")


def feature(project):
    inputs = [entry["name"] for entry in project.json("models/features.json")]
    assert "bill_ratio" in inputs


def model(project):
    assert project.json("models/model.json")["class"].endswith("MLPClassifier")


def metric(project):
    assert {"test_cohen_kappa", "dummy_test_cohen_kappa"} <= project.json("results/evaluate/metrics.json").keys()
    assert "train_cohen_kappa" in project.json("results/train/metrics.json")


def stage(project):
    wrong = pd.read_csv(project.path / "results/mistakes.csv")
    assert (wrong["predicted"] != wrong["actual"]).all()
    assert "mistakes" in project.dvc("dag")


def data(project):
    assert project.json("results/prepare/metrics.json")["rows"] == 300


def task(project):
    scores = project.json("results/evaluate/metrics.json")
    assert 0 < scores["test_rmse"] < scores["dummy_test_rmse"]


def split(project):
    sides = [pd.read_parquet(project.path / f"data/prepared/{side}.parquet")["island"] for side in ("train", "test")]
    assert not set(sides[0]) & set(sides[1])


def remote(project):
    assert list((project.path.parent / "bucket").rglob("*")), "nothing was pushed"
    assert "bucket" in project.read(".dvc/config")


CHECKS = dict(zip(CHANGES, (feature, model, metric, stage, data, task, split, remote), strict=True))


@pytest.mark.parametrize("title", CHANGES)
def test_a_change_by_the_readme_leaves_a_working_project(fresh, title):
    recipe = recipes(section(fresh.read("README.md"), "Change it"))[title]
    for block in recipe.blocks:
        if block.language == "diff":
            apply_diff(block, fresh.path)
    bucket = str(fresh.path.parent / "bucket")
    for command in recipe.commands:
        fresh.run("sh", "-c", command.replace("s3://bucket/penguins", bucket))
    fresh.dvc("repro")
    CHECKS[title](fresh)

    assert "Data and pipelines are up to date." in fresh.dvc("repro")
    fresh.run(sys.executable, "-m", "penguins", "predict", "../new.csv", "-o", "../predictions.csv")
    assert len(pd.read_csv(fresh.path.parent / "predictions.csv")) == 300
    assert " passed" in fresh.run(sys.executable, "-m", "pytest", "-q")
    for check in (("check",), ("format", "--check")):  # what the project's CI runs
        fresh.run("ruff", *check, *(str(path) for path in fresh.package.glob("*.py")), str(fresh.package / "stages"))


# --- How do I -----------------------------------------------------------------------------------------------------


def answer(question: str) -> list[str]:
    """The commands in an answer of the README, in backticks."""
    (text,) = (item for item in section(README, "How do I ...").split("\n- **") if question in item)
    return re.findall(r"`((?:dvc|git|predict|python) [^`]+)`", text.replace("{{cookiecutter.__package}}", "penguins"))


def test_undo_an_applied_experiment(fresh):
    undo, *_ = answer("undo an applied experiment")
    fresh.dvc("exp", "run", "--name", "fewer", "-S", "train.random_forest.n_estimators=5")
    fresh.run("git", "restore", ".")
    fresh.dvc("checkout")
    fresh.dvc("exp", "apply", "fewer")
    (fresh.path / "sweep.yaml").write_text("mine: 1\n")
    assert fresh.json("models/model.json")["parameters"]["n_estimators"] == 5
    fresh.run("sh", "-c", undo)
    assert fresh.json("models/model.json")["parameters"]["n_estimators"] == 10
    assert fresh.run("git", "status", "--porcelain") == ""  # the edit of sweep.yaml is lost, as the README warns
    assert fresh.dvc("status", "-q") == ""
    assert "fewer" in fresh.dvc("exp", "list")


def test_an_edit_by_set_param_stays_after_success_and_after_failure(fresh):
    assert "`git restore params.yaml` undoes it" in README
    fresh.dvc("exp", "run", "-S", "train.random_forest.n_estimators=5")
    assert "n_estimators: 5 " in fresh.read("params.yaml")
    fresh.dvc("exp", "run", "-S", "train.random_forest.n_estimators=-1", code=255)
    assert "n_estimators: -1 " in fresh.read("params.yaml")
    fresh.run("git", "restore", "params.yaml")
    assert "n_estimators: 10 " in fresh.read("params.yaml")


def test_find_out_why_a_metric_changed(fresh):
    shutil.copyfile(fresh.path.parent / "new.csv", fresh.path / "data/raw/penguins.csv")
    fresh.dvc("exp", "run", "-S", "train.random_forest.n_estimators=5")
    metrics, params, outputs, drift = (
        fresh.run("sh", "-c", command.replace("REV", "main")) for command in answer("find out why a metric changed")
    )
    assert "test_accuracy" in metrics
    assert "train.random_forest.n_estimators" in params
    assert "models/model.skops" in outputs
    assert "body_mass_g" in drift


def test_share_an_experiment(fresh, tmp_path):
    push, pull = answer("share an experiment")
    run("git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin"), cwd=tmp_path)
    fresh.run("git", "remote", "add", "origin", str(tmp_path / "origin"))
    fresh.run("git", "push", "-q", "-u", "origin", "main")
    fresh.dvc("exp", "run", "--name", "fewer", "-S", "train.random_forest.n_estimators=5")
    fresh.run("sh", "-c", push.replace("NAME", "fewer"))
    clone = fresh.path.with_name("clone")
    run("git", "clone", "-q", str(tmp_path / "origin"), str(clone), cwd=tmp_path)
    colleague = BakedProject(clone, "")
    colleague.run("sh", "-c", pull.replace("NAME", "fewer"))
    colleague.dvc("exp", "apply", "fewer")
    assert colleague.json("models/model.json")["parameters"]["n_estimators"] == 5


def test_use_the_model_of_last_month_beside_the_one_of_today(fresh):
    predict, log = answer("use last month's model")
    past = "2020-01-01T00:00:00"
    dates = {"GIT_AUTHOR_DATE": past, "GIT_COMMITTER_DATE": past}
    fresh.run("git", "commit", "--amend", "--no-edit", "--quiet", "--date", past, **dates)
    fresh.dvc("repro", "-q")
    fresh.dvc("exp", "run", "-S", "train.random_forest.n_estimators=5")
    fresh.commit("Fewer trees")
    rev = fresh.run("sh", "-c", log).strip()
    assert rev != fresh.run("git", "rev-parse", "--short", "HEAD").strip()
    fresh.run("sh", "-c", f"python -m penguins {predict.replace('REV', rev).replace('new', '../new')} -o ../then.csv")
    script = f"""
from penguins import Predictor
then, now = Predictor.load(rev={rev!r}), Predictor.load()
print(len(then.pipeline["model"].estimators_), len(now.pipeline["model"].estimators_))
then.predict("../new.csv").to_csv("../by_script.csv", index=False)
"""
    assert fresh.run(sys.executable, "-c", script) == "10 5\n"
    by_command, by_script = (pd.read_csv(fresh.path.parent / name) for name in ("then.csv", "by_script.csv"))
    pd.testing.assert_frame_equal(by_command, by_script)


# --- docs/remotes.md ----------------------------------------------------------------------------------------------


def remote_commands(heading: str, folder: Path) -> list[str]:
    """The commands of a recipe, with a folder in the place of the bucket."""
    (block,) = blocks(section((TEMPLATE / "docs/remotes.md").read_text(encoding="utf-8"), heading))
    assert "s3://bucket/penguins" in block.text
    return block.text.replace("s3://bucket/penguins", str(folder)).splitlines()


@pytest.fixture
def two_versions(fresh):
    """A project with two commits of data and an experiment, all of it in the DVC remote."""
    fresh.dvc("exp", "run", "--name", "fewer", "-S", "train.random_forest.n_estimators=5")
    fresh.run("git", "restore", ".")
    fresh.dvc("checkout")
    fresh.dvc("push")
    shutil.copyfile(fresh.path.parent / "new.csv", fresh.path / "data/raw/penguins.csv")
    fresh.dvc("add", "data/raw/penguins.csv")
    fresh.commit("New data")
    fresh.dvc("push")
    return fresh


def test_a_second_remote_takes_the_place_of_the_first(two_versions, tmp_path):
    project, old, new = two_versions, two_versions.path.parent / "penguins-remote", tmp_path / "bucket"
    for command in remote_commands("A second remote", new):
        printed = project.run("sh", "-c", command)
    assert printed.endswith("Cache and remote 'backup' are in sync.\n")
    for command in remote_commands("A move to another remote", new):
        project.run("sh", "-c", command)
    old.rename(tmp_path / "old")

    run("git", "clone", "--quiet", str(project.path), str(tmp_path / "clone"), cwd=tmp_path)
    clone = BakedProject(tmp_path / "clone", "")
    clone.run("sh", "-c", remote_commands("A move to another remote", new)[1])
    clone.dvc("fetch", "--all-commits")
    clone.run("git", "switch", "--quiet", "--detach", "HEAD~2")  # before the new data
    clone.dvc("checkout")
    assert clone.dvc("status", "--quiet") == ""

    shutil.rmtree(project.path / ".dvc/cache")
    experiment = project.run("git", "for-each-ref", "--format=%(objectname)", "refs/exps/*/*/fewer").strip()
    project.run("git", "switch", "--quiet", "--detach", experiment)
    project.dvc("pull", "--force")
    assert project.json("models/model.json")["parameters"]["n_estimators"] == 5


@pytest.mark.nightly
def test_a_push_to_a_remote_that_earlier_commits_do_not_name_skips_them(two_versions, tmp_path):
    """The reason for `--local` in the recipe; if DVC changes this, the page may change."""
    two_versions.dvc("remote", "add", "backup", str(tmp_path / "bucket"))
    assert "failed to collect" in two_versions.dvc("push", "--all-commits", "--remote", "backup")
    assert "new:" in two_versions.dvc("status", "--cloud", "--all-commits", "--remote", "backup")


# --- docs/deploy.md -----------------------------------------------------------------------------------------------


DEPLOY = (TEMPLATE / "docs/deploy.md").read_text(encoding="utf-8")


def files(heading: str) -> list[Block]:
    """The blocks of a section that begin with a comment: the name of the file they are."""
    return [block for block in blocks(section(DEPLOY, heading)) if re.match(r"# [\w.]+\n", block.text)]


def write(block: Block, folder: Path) -> None:
    name, _, text = block.text.removeprefix("# ").partition("\n")
    (folder / name).write_text(text, encoding="utf-8")


def install(project: BakedProject, source: str, site: Path) -> None:
    """pip install, without a network: what the package needs is here."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(site))
    run(sys.executable, "-m", "pip", "install", *options, source, cwd=project.path.parent)


@pytest.fixture
def elsewhere(fresh):
    """A folder beside the project, with rows to predict."""
    folder = fresh.path.with_name("elsewhere")
    folder.mkdir()
    shutil.copyfile(fresh.path.parent / "new.csv", folder / "new.csv")
    return folder


@pytest.mark.parametrize("address", ["folder", "repository"])
def test_deploy_from_a_script_in_another_folder(fresh, elsewhere, tmp_path, address):
    section_text = section(DEPLOY, "A script in another folder")
    assert "pip install -c ../penguins/requirements.txt ../penguins        # or: git+ADDRESS\n" in section_text
    source = str(fresh.path) if address == "folder" else f"git+{fresh.path.as_uri()}"
    install(fresh, source, tmp_path / "site")
    assert fresh.run("git", "status", "--porcelain") == ""
    fresh.run(sys.executable, "-m", "penguins", "predict", "../new.csv", "-o", "../expected.csv")
    expected = pd.read_csv(fresh.path.parent / "expected.csv")
    by_path, by_folder = files("A script in another folder")
    (copy_model,) = (line for line in section_text.splitlines() if line.startswith("cp "))
    for script, preparation in ((by_path, "true"), (by_folder, f"mkdir model && {copy_model}")):
        write(script, elsewhere)
        run("sh", "-c", preparation, cwd=elsewhere)
        output = run(sys.executable, "score.py", "new.csv", cwd=elsewhere, PYTHONPATH=str(tmp_path / "site"))
        pd.testing.assert_frame_equal(pd.read_csv(StringIO(output)), expected)
    shutil.rmtree(fresh.path)  # the folder of the model is enough
    run(sys.executable, "score.py", "new.csv", cwd=elsewhere, PYTHONPATH=str(tmp_path / "site"))


def test_deploy_as_a_container(fresh, tmp_path):
    """Without docker: what the COPY lines name is in an empty folder, and the command of the image runs there."""
    for block in files("A container"):
        write(block, fresh.path)
    dockerfile = fresh.read("Dockerfile")
    app = tmp_path / "app"
    app.mkdir()
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", dockerfile, re.MULTILINE):
        place = app / target
        if (fresh.path / source).is_dir():
            shutil.copytree(fresh.path / source, place)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(fresh.path / source, place)
    port = free_port()
    serve = (app / "serve.py").read_text(encoding="utf-8")
    (app / "serve.py").write_text(serve.replace("8000", str(port)), encoding="utf-8")
    command = json.loads(re.search(r"^CMD (.+)$", dockerfile, re.MULTILINE)[1])
    (body,) = re.findall(r"curl --data '(.+?)' ", DEPLOY)
    (batch,) = re.findall(r"penguins (python -m penguins predict) /data/new.csv -o /data/out.csv", DEPLOY)
    with subprocess.Popen([sys.executable, *command[1:]], cwd=app) as server:
        try:
            assert ask(port, body) == (200, run_batch(batch, body, app))
            status, answer = ask(port, '[{"species": "Gentoo"}]')
            assert status == 400
            assert "bill_length_mm" in answer["error"]
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def ask(port: int, body: str) -> tuple[int, Any]:
    """The status and the answer of the service, once it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}", data=body.encode()) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def run_batch(command: str, body: str, app: Path) -> list[dict[str, Any]]:
    """The same rows by the command line in the image."""
    pd.DataFrame(json.loads(body)).to_csv(app / "new.csv", index=False)
    run("sh", "-c", f"{command} new.csv -o out.csv", cwd=app)
    return json.loads(pd.read_csv(app / "out.csv").to_json(orient="records"))
