"""Sweeps for real: trials, experiments, kills, a Dask cluster."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from browser import plots_drawn
from conftest import TEMPLATE, BakedProject
from recipes import blocks, join_lines

CHEAP = {"n_estimators": {"min": 2, "max": 9}, "max_depth": {"min": 2, "max": 9}, "criterion": {"value": "entropy"}}
SLOW = {"n_estimators": {"min": 150, "max": 250}}


def write_sweep(project: BakedProject, parameters: dict, method: str = "random", **keys) -> None:
    """Write sweep.yaml and commit it."""
    (project.path / "sweep.yaml").write_text(yaml.dump({"method": method, "parameters": parameters, **keys}))
    project.run("git", "commit", "-q", "-a", "-m", "Sweep")


def sweep(project: BakedProject, *arguments: str, code: int = 0, **variables: str) -> str:
    return project.run(sys.executable, "-m", "penguins", "sweep", *arguments, code=code, **variables)


def start(project: BakedProject, *arguments: str) -> subprocess.Popen:
    """Start a sweep in the background, which Ctrl-C can stop."""
    command = (sys.executable, "-m", "penguins", "sweep", "--top", "0", *arguments)
    return subprocess.Popen(command, cwd=project.path, stderr=subprocess.PIPE, text=True, start_new_session=True)


def study(project: BakedProject) -> Path:
    """The folder of the newest study."""
    return max((project.path / "results/sweep").iterdir(), key=lambda folder: (folder / "inputs.json").stat().st_mtime)


def journal(project: BakedProject) -> list[dict]:
    """The trials in the newest study's journal, of whole lines."""
    journals = list((project.path / "results/sweep").glob("*/journal.log"))
    lines = max(journals, key=os.path.getmtime).read_text().split("\n")[:-1] if journals else []
    return [entry for entry in map(json.loads, lines) if entry["op_code"] == 4]


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
def test_from_a_sweep_to_experiments_and_a_record(project):
    """The best become experiments with the score that the sweep saw; DVC knows when the sweep is out of date."""
    write_sweep(project, CHEAP | {"data.drop": {"values": [[], ["year"]]}}, "bayes", metric={"name": "roc_auc"})
    command = (sys.executable, "-m", "penguins", "sweep", "--trials", "8", "--top", "1", "--json")
    facts = json.loads(subprocess.run(command, cwd=project.path, stdout=subprocess.PIPE, check=True).stdout)
    trials = pd.read_csv(study(project) / "trials.csv")
    assert len(trials) == facts["trials"] == 8
    assert set(trials["train.random_forest.criterion"]) == {"entropy"}
    assert facts["best"]["cv_mean"] == trials.value.max()
    assert facts["best"]["params"] == yaml.safe_load((study(project) / "best.yaml").read_text())["params"]

    (commit,) = (c for c in json.loads(project.dvc("exp", "show", "--json")) if c["name"] == "main")
    known = {group["revs"][0]["name"]: group["revs"][0]["data"] for group in commit["experiments"]}
    assert list(known) == facts["experiments"]
    for name in facts["experiments"]:
        number = int(re.fullmatch(r"hyperparameter_tuning\.random_forest\.[0-9a-f]{6}-(\d+)", name)[1])
        data = known[name]
        assert data["metrics"]["results/train/metrics.json"]["data"]["cv_mean"] == trials.value[number]
        params = data["params"]["params.yaml"]["data"]
        assert params["experiment"]["purpose"] == "hyperparameter_tuning"
        assert params["train"]["scoring"] == "roc_auc_ovr"
        assert params["train"]["random_forest"]["criterion"] == "entropy"
    assert project.run("git", "status", "--porcelain").splitlines() == ["?? sweep/"]

    project.commit("Record of the sweep")
    assert "up to date" in project.dvc("status")
    assert "sweep" not in project.dvc("repro")
    output = sweep(project, "--trials", "8", "--top", "1")  # nothing is run again
    assert "8 trials so far" in output
    assert "running the pipeline" not in output
    project.dvc("push", "-q")
    before = study(project).name
    params = project.read("params.yaml").replace("n_splits: 5", "n_splits: 3")
    (project.path / "params.yaml").write_text(params)
    assert "sweep/dvc.yaml:sweep" in project.dvc("status")
    sweep(project, "--trials", "2", "--top", "0")
    assert study(project).name != before
    project.run("git", "checkout", "-q", ".")
    project.dvc("checkout", "-q")
    assert [folder.name for folder in (project.path / "results/sweep").iterdir()] == [before]
    assert "sweep" not in project.dvc("status")


@pytest.mark.slow
def test_search_compare_choose_report_by_the_recipe(project, chromium, tmp_path):
    """Line by line, with fewer trials; the plots of the sweep are on the page of plots."""
    space = project.path / "sweep.yaml"
    space.write_text(space.read_text(encoding="utf-8").replace("run_cap: 50", "run_cap: 6"), encoding="utf-8")
    project.commit("Six trials")
    page = (TEMPLATE / "docs/sweep.md").read_text(encoding="utf-8")
    commands = join_lines(blocks(page)[0].text)
    assert [command.split()[3] for command in commands] == ["sweep", "compare", "best", "report"]
    outputs = [project.run("sh", "-c", command) for command in commands]
    search, compare, best, _ = outputs
    names = set(re.findall(r"hyperparameter_tuning\.\w+\.[0-9a-f]{6}-\d{3}", search))
    assert names  # three, or fewer if most trials were pruned
    assert all(name in compare for name in names)
    assert "cv_mean" in best
    assert all(name in project.read("report.html") for name in names)
    assert project.run("git", "status", "--porcelain").splitlines() == ["?? sweep/"]
    assert plots_drawn(project, chromium, tmp_path) > 8


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_where_it_was(project):
    write_sweep(project, CHEAP)
    seen: list[dict] = []
    for jobs, wait_a_moment in (("1", 0.0), ("1", 0.03), ("1", 0.07), ("2", 0.05)):
        with start(project, "--trials", "1000", "--jobs", jobs) as process:
            wait_for(lambda seen=seen: len(journal(project)) >= len(seen) + 2)
            time.sleep(wait_a_moment)
            process.send_signal(signal.SIGKILL)
        after = journal(project)
        assert after[: len(seen)] == seen
        seen = after
    with (study(project) / "journal.log").open("a") as file:
        file.write('{"op_code":4,"worker')  # a line that was being written
    sweep(project, "--trials", str(len(seen) + 5), "--top", "0")
    after = journal(project)
    assert after[: len(seen)] == seen
    trials = pd.read_csv(study(project) / "trials.csv")
    assert list(trials.trial) == list(range(len(seen) + 5))
    assert set(trials.state) == {"COMPLETE"}
    # Random search draws other points each time it goes on: with the same seed, most would be there twice.
    points = trials[["train.random_forest.n_estimators", "train.random_forest.max_depth"]]
    assert points.duplicated().mean() < 0.5


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_a_second_sweep_waits(project):
    write_sweep(project, SLOW)
    with start(project, "--jobs", "2") as process:
        wait_for(lambda: len(journal(project)) >= 2)
        assert "another sweep is running" in sweep(project, "--top", "0", code=1)
        os.killpg(process.pid, signal.SIGINT)
        output = process.stderr.read()
    assert process.returncode == 130
    assert re.search(r"stopped; \d+ trials are kept", output)
    assert "Traceback" not in output
    assert len(pd.read_csv(study(project) / "trials.csv")) == len(journal(project)) >= 2


@pytest.mark.slow
def test_a_dask_cluster_that_loses_a_worker_loses_no_trial(project, cluster):
    address, workers = cluster
    write_sweep(project, SLOW, early_terminate={"type": "hyperband", "min_iter": 4})
    with start(project, "--trials", "6", "--dask", address) as process:
        wait_for(lambda: len(journal(project)) >= 1)
        workers[0].kill()
        output = process.stderr.read()
    assert process.returncode == 0, output
    trials = pd.read_csv(study(project) / "trials.csv")
    assert list(trials.trial) == list(range(6))
    assert set(trials.state) <= {"COMPLETE", "PRUNED"}
    best = float(trials.value[trials.state == "COMPLETE"].max())
    # What a worker without this project's code has scored is what this machine scores.
    (params,) = (yaml.safe_load((study(project) / "best.yaml").read_text())["params"],)
    write_sweep(project, {key: {"value": value} for key, value in params.items()})
    sweep(project, "--trials", "1", "--top", "0", DASK_SCHEDULER_ADDRESS="")
    assert pd.read_csv(study(project) / "trials.csv").value[0] == best


@pytest.mark.slow
def test_a_trial_that_fails_is_one_trial_less_and_all_are_an_error(project):
    write_sweep(project, {"max_depth": {"values": [3, -1]}, "n_estimators": {"value": 3}}, "grid")
    output = sweep(project, "--top", "0")
    assert "1 complete, 1 fail" in output
    assert "'max_depth' parameter of RandomForestClassifier must be" in (study(project) / "trials.csv").read_text()
    write_sweep(project, {"max_depth": {"values": [3, -1, -2, -3]}, "n_estimators": {"value": 3}})
    shutil.move(project.path / "sweep.yaml", project.path / "my sweep.yaml")
    sweep(project, "my sweep.yaml", "--trials", "4", "--top", "0")
    assert len(pd.read_csv(study(project) / "trials.csv")) == 4
    assert "sweep 'my sweep.yaml'\n" in project.read("sweep/dvc.yaml")
    assert "up to date" in project.dvc("status", "sweep/dvc.yaml")
    write_sweep(project, {"max_depth": {"min": -9, "max": -1}})
    assert "error: all 5 trials failed; the last error: params.yaml" in sweep(project, code=1)
    write_sweep(project, {"max_depth": {"values": [-1, -2]}}, "grid")
    for _ in range(2):  # again, although no trial is left to run
        output = sweep(project, code=1)
        assert "error: all 2 trials failed; the last error: params.yaml: train.random_forest: The 'max_depth'" in output
        assert (study(project) / "trials.csv").read_text().count("FAIL") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "install"),
    [("optuna", "-r requirements.txt"), ("distributed", '-c requirements.txt "dask[distributed]"')],
)
def test_a_missing_extra_is_named(project, tmp_path, module, install):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules['{module}'] = None\n")
    output = sweep(project, "--dask", "tcp://127.0.0.1:1", code=1, PYTHONPATH=str(tmp_path))
    assert f"error: the package {module.replace('distributed', 'dask')} is not installed" in output
    assert output.endswith(f"run: python -m pip install {install}\n")


@pytest.mark.slow
def test_files_that_experiments_would_miss_are_listed_first(project):
    (project.path / "penguins" / "more.py").write_text("")
    output = sweep(project, code=1)
    assert output.startswith("error: penguins/more.py: experiments would miss them; git add them first")
    assert not (project.path / "results/sweep").exists()


@pytest.mark.slow
def test_truth_values_are_searched_twice(project):
    write_sweep(
        project, CHEAP | {"bootstrap": {"values": [True, False]}, "max_features": {"values": ["sqrt", 0.5, None]}}
    )
    for trials in ("4", "5"):
        sweep(project, "--trials", trials, "--top", "0")
    points = json.loads((study(project) / "plots/parallel.json").read_text())
    values = {point["axis"]: {other["is"] for other in points if other["axis"] == point["axis"]} for point in points}
    assert values["train.random_forest.bootstrap"] <= {"true", "false"}
    assert all(0 <= point["place"] <= 1 for point in points)


@pytest.mark.slow
def test_a_shallow_clone_is_refused_before_any_trial(project, tmp_path):
    clone = tmp_path / "shallow"
    project.run("git", "clone", "--quiet", "--depth", "1", project.path.as_uri(), str(clone))
    project.run("git", "commit", "--quiet", "--allow-empty", "-m", "x")
    output = sweep(BakedProject(clone, ""), code=1)
    assert output == "error: this clone is shallow, and DVC experiments need the history; run: git fetch --unshallow\n"


@pytest.mark.slow
def test_a_change_of_code_anywhere_begins_another_study(project):
    write_sweep(project, CHEAP)
    names = set()
    for path in (None, "core/folds.py", "features.py", "model.py"):
        if path:
            with (project.package / path).open("a") as file:
                file.write("\n# changed\n")
        output = sweep(project, "--trials", "1", "--top", "0")
        assert ": 0 trials so far" in output or "0 trials so far" in output
        names.add(study(project).name)
    assert len(names) == 4


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["garbage", "conflict", "no study", "folder", "zeros"])
def test_a_damaged_journal_loses_nothing_that_can_be_read(project, damage):
    write_sweep(project, CHEAP)
    sweep(project, "--trials", "4", "--top", "0")
    path = study(project) / "journal.log"
    lines = path.read_text().splitlines(keepends=True)
    table = (study(project) / "trials.csv").read_text()
    content = {
        "garbage": "".join([*lines[:2], "garbage \x1b[31m\n", *lines[2:], "[1, 2]\n"]),
        "conflict": "".join(["<<<<<<< ours\n", *lines[:3], "=======\n", *lines[3:], ">>>>>>> theirs\n"]),
        "no study": "".join(lines[1:]),
        "zeros": "".join(lines) + "\0" * 4096 + "\n",
    }
    if damage == "folder":
        path.unlink()
        path.mkdir()
        output = sweep(project, "--trials", "4", "--top", "0", code=1)
        assert "journal.log: is a folder; move it away and run this again\n" in output
        assert (study(project) / "trials.csv").read_text() == table
        return
    path.write_text(content[damage])
    output = sweep(project, "--trials", "4", "--top", "0")
    assert "4 trials are kept, the old file is" in output
    assert (study(project) / "journal-damaged-1.log").read_text() == content[damage]
    assert (study(project) / "trials-damaged-1.csv").read_text() == table
    assert list(pd.read_csv(study(project) / "trials.csv").value) == list(pd.read_csv(StringIO(table)).value)
