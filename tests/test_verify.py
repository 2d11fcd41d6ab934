"""verify: a result is verified, or the differences are named, and nothing in the project changes."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import psutil
import pytest
import yaml
from commands import set_param
from conftest import BakedProject
from example.core.errors import UserError
from example.core.temporary import remove_abandoned_folders
from example.toolbox import verify as module

OUTPUTS = [
    ("prepare", "data/prepared/schema.json"),
    ("train", "models/model.skops"),
    ("train", "models/environment.json"),
    ("train", "results/train/metrics.json"),
    ("train", "results/train/plots/metrics/cv_mean.tsv"),
    ("evaluate", "results/evaluate/metrics.json"),
    ("evaluate", "results/evaluate/predictions.csv"),
    ("evaluate", "results/evaluate/plots/custom/roc.json"),
]


def verify(project: BakedProject, *arguments: str, code: int = 0) -> tuple[str, str]:
    """What it printed on stdout and stderr. Fails if a temporary file is left, or the project was changed."""
    temporary = project.path.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    before = state(project)
    done = subprocess.run(
        [sys.executable, "-m", "penguins", "verify", *arguments],
        cwd=project.path,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert not list(temporary.glob("dvc-project-*"))
    assert state(project) == before
    return done.stdout, done.stderr


def state(project: BakedProject) -> dict[str, float]:
    """When each file of the project, its cache and its branches was written, without the temporary files of DVC."""
    own = (".dvc/tmp", "__pycache__", ".git/index")
    files = [path for path in project.path.rglob("*") if path.is_file()]
    return {str(path): path.stat().st_mtime for path in files if not any(part in path.as_posix() for part in own)}


@pytest.mark.slow
def test_a_fresh_project_is_verified(project):
    facts, progress = verify(project, "--json")
    facts = json.loads(facts)
    assert "Running stage 'train'" in progress
    assert facts["identical"]
    assert facts["raw"] == [{"path": "data/raw/penguins.csv", "from": "the cache of this machine"}]
    files = {(file["stage"], file["path"]): file for file in facts["files"]}
    assert set(OUTPUTS) < files.keys()
    assert all(file["identical"] and file["now"] == file["recorded"] for file in files.values())
    assert (facts["metrics"], facts["environment"], facts["outdated"]) == ([], [], [])


@pytest.mark.slow
def test_what_differs_is_named_with_metrics_and_environment(project):
    """As on another machine: another model, another score, another Python."""
    curve = project.path / "results/evaluate/plots/custom/roc.json"
    curve.write_text("[]")
    project.dvc("commit", "-q", "-f", "evaluate")
    lock = project.read("dvc.lock")
    other = json.dumps(project.json("models/environment.json") | {"python": "3.1.4"}).encode()
    scores = project.read("results/evaluate/metrics.json")
    (accuracy,) = re.findall(r'^    "test_accuracy": (.*),', scores, re.MULTILINE)
    (project.path / "results/evaluate/metrics.json").write_text(scores.replace(accuracy, "0.5"))
    (project.path / "environment").write_bytes(other)
    for path, file in (
        ("models/environment.json", "environment"),
        ("results/evaluate/metrics.json", "results/evaluate/metrics.json"),
        ("models/model.skops", "params.yaml"),
    ):
        old, new = md5_in(lock, path), md5_of(project.path / file)
        lock = lock.replace(old, new)
        cached = project.path / ".dvc/cache/files/md5" / new[:2] / new[2:]
        cached.parent.mkdir(exist_ok=True)
        shutil.copyfile(project.path / file, cached)
    (project.path / "environment").unlink()
    (project.path / "dvc.lock").write_text(lock)
    project.commit("Made elsewhere")
    project.dvc("push", "-q", "data/raw/penguins.csv")

    output, _ = verify(project, code=2)
    lines = output.splitlines()
    assert lines[0] == "raw data  from the DVC remote: data/raw/penguins.csv"
    assert re.search(r"^train +differs +models/model.skops \(.{7} -> .{7}\)$", output, re.MULTILINE)
    assert re.search("^prepare +identical data/prepared/train.parquet$", output, re.MULTILINE)
    assert re.search(r"^evaluate +differs +results/evaluate/plots/custom/roc.json \(", output, re.MULTILINE)
    assert re.search("^evaluate +identical results/evaluate/plots/custom/confusion.json$", output, re.MULTILINE)
    assert "  results/evaluate/metrics.json test_accuracy: 0.5 -> 0.9254 (+0.43)" in lines
    assert f"  python: 3.1.4 -> {'.'.join(map(str, sys.version_info[:3]))}" in lines
    assert re.match("not verified: 4 of .* files of .* differ: in another environment bits may differ", lines[-1])


def md5_in(lock: str, path: str) -> str:
    outs = [out for stage in yaml.safe_load(lock)["stages"].values() for out in stage["outs"]]
    return next(out["md5"] for out in outs if out["path"] == path)


def md5_of(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.mark.slow
def test_one_line_for_what_cannot_be_verified(project, monkeypatch):
    monkeypatch.chdir(project.path)
    for rev, message in (
        ("nope", "'nope': is not a commit, branch, tag or experiment; dvc exp list -A and git log list their names"),
        ("HEAD~1", ".{7}: has no results to verify: dvc.lock is not in it; run: dvc repro, and commit"),
    ):
        with pytest.raises(UserError, match=f"^{message}$"):
            module.run(Namespace(rev=rev, json=False))
    (project.path / "dvc.lock").write_text("stages: [")
    project.commit("A damaged lock")
    with pytest.raises(UserError, match=r"^dvc\.lock: is damaged; restore it with Git, or run: dvc repro"):
        module.run(Namespace(rev=None, json=False))
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    shutil.rmtree(project.path / ".dvc/cache")
    _, errors = verify(project, code=1)
    why = "neither the DVC remote nor the cache has it; where it is, run: dvc push data/raw/penguins.csv"
    assert errors.splitlines()[1:] == [f"error: data/raw/penguins.csv: {why}"]


@pytest.mark.slow
def test_an_experiment_is_cloned_and_an_interrupted_run_leaves_nothing(project, tmp_path):
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 77 # trees")
    project.dvc("exp", "save", "-n", "unrun")
    project.run("git", "checkout", "-q", "params.yaml")
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "penguins", "verify", "unrun"],
        cwd=project.path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
    )
    while "Running stage 'prepare'" not in process.stderr.readline():
        assert process.poll() is None
    (clone,) = (tmp_path / "temporary").glob("dvc-project-*/content/clone")
    assert "n_estimators: 77" in (clone / "params.yaml").read_text()
    time.sleep(0.5)  # the stage is loading its packages
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.endswith("stopped\n")
    assert "Traceback" not in errors
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")
def test_killed_its_processes_end_and_its_folder_is_removed_later(project, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "penguins", "verify"],
        cwd=project.path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while "Running stage 'prepare'" not in process.stderr.readline():
        assert process.poll() is None
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    remove_abandoned_folders()
    (folder,) = temporary.iterdir()  # in use
    assert running_in(folder)
    process.kill()
    process.wait()
    process.stderr.close()
    deadline = time.monotonic() + 20
    while running_in(folder):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    remove_abandoned_folders()
    assert not list(temporary.iterdir())


def running_in(folder: Path) -> list[psutil.Process]:
    """The processes whose working directory is in a folder."""
    processes = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
        except (psutil.Error, OSError):  # ended, or of another user
            continue
    return processes


def test_the_verdict_says_only_what_the_comparison_shows():
    same, other = ({"path": "m", "identical": identical} for identical in (True, False))
    python = [{"name": "python", "recorded": "3.11.1", "now": "3.11.2"}]
    cases = [
        ([same, same], [], [], "verified: all 2 files of 1234567 are identical"),
        ([same, other], python, [], "not verified: 1 of 2 files of 1234567 differ: in another environment bits may"),
        ([same, other], [], [], "not verified: .*: with the same versions on the same system; either dvc.lock was"),
        ([same, other], None, [], "not verified: .*: the environment that they were made in is not in the cache"),
        ([same, other], python, ["a.py"], r"not verified: .*: dvc.lock does not match the commit \(a.py\); run"),
    ]
    for files, environment, outdated, verdict in cases:
        facts = {"commit": "1234567890", "files": files, "environment": environment, "outdated": outdated}
        assert re.match(verdict, module.format_verdict(facts | {"identical": other not in files}))
    record = {"path": module.ENVIRONMENT, "identical": False}
    facts = {"commit": "1234567890", "files": [same, record], "environment": python, "outdated": [], "identical": True}
    assert module.format_verdict(facts) == "verified: the results of 1234567 are identical, in another environment"
