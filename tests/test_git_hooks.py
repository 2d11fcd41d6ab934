"""The Git hooks of a generated project, which one command switches on: git config core.hooksPath .githooks"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import BakedProject, copy_project
from quick_project import finish_quickly

SECRETS = {
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY" + "-----",
    "an AWS key": "key = AKIA" + "Z" * 16,
    "a token": "ghp_" + "a" * 36,
    "a password in an address": "url = https://jane:" + "hunter2@host/x",
}


@pytest.fixture
def hooked(bake):
    return switch_on(bake())


def switch_on(project: BakedProject) -> BakedProject:
    project.run("git", "config", "core.hooksPath", ".githooks")
    return project


def commit(project: BakedProject, name: str, content: str | bytes, code: int, **variables: str) -> str:
    """Try to commit a file; return what the hook printed."""
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    project.run("git", "add", "--", name)
    return project.run("git", "commit", "-q", "-m", "Try", code=code, **variables)


def path_without(program: str) -> str:
    """A PATH without the folders that have a program."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not Path(folder, program).exists())


def test_hooks_are_off_until_they_are_switched_on(bake):
    commit(bake(), "bad.py", "import os\n", code=0)


def test_every_file_of_a_new_project_passes(hooked):
    hooked.run("git", "checkout", "-q", "--orphan", "again")
    hooked.run("git", "commit", "-q", "-m", "All files again")


@pytest.mark.parametrize("content", ["import os\n", "x = [1,2]\n"], ids=["check", "format"])
def test_staged_python_is_checked_by_ruff(hooked, content):
    output = commit(hooked, "tools/my file.py", content, code=1)
    assert "pre-commit: tools/my file.py: ruff " in output
    (hooked.path / "tools/my file.py").write_text("x = [1, 2]\n")  # and not staged
    assert "ruff" in hooked.run("git", "commit", "-q", "-m", "Try", code=1)
    hooked.run("git", "commit", "-q", "--no-verify", "-m", "I know")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_refused_and_not_printed(hooked, secret):
    output = commit(hooked, "notes.txt", f"first line\n{SECRETS[secret]}\n", code=1)
    assert f"pre-commit: notes.txt:2: holds {secret}; take it out" in output
    assert SECRETS[secret][:20] not in output


def test_a_secret_in_the_config_of_dvc_is_refused(hooked):
    config = hooked.read(".dvc/config") + "    password = hunter2\n"
    output = commit(hooked, ".dvc/config", config, code=1)
    assert "holds a secret of a DVC remote; use dvc remote modify --local" in output
    assert "hunter2" not in output


def test_a_large_file_is_refused_with_what_to_run(hooked):
    output = commit(hooked, "big.bin", b"\0" * 6_000_000, code=1)
    assert "big.bin: is too large for Git (6.0 MB); run: git rm --cached 'big.bin' && dvc add 'big.bin'" in output
    commit(hooked, "big.bin", b"\0" * 4_000_000, code=0)


def test_without_dvc_and_ruff_on_path_the_hooks_do_not_fail(hooked, tmp_path):
    bare = tmp_path / "python"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(bare)), check=True)
    path = f"{bare / 'bin'}{os.pathsep}{path_without('dvc')}"
    commit(hooked, "bad.py", "import os\n", code=0, PATH=path)
    hooked.run("git", "init", "-q", "--bare", "../origin.git")
    hooked.run("git", "remote", "add", "origin", "../origin.git")
    output = hooked.run("git", "push", "-q", "origin", "main", PATH=path)
    assert "pre-push: DVC is not in this environment: data and results were not pushed" in output
    hooked.run("git", "switch", "-q", "--create", "other", "HEAD~1", PATH=path)


@pytest.mark.slow
def test_git_push_pushes_data_too_and_what_a_killed_push_left_behind(bake, tmp_path):
    project = switch_on(bake())
    finish_quickly(project.path)
    project.run("git", "init", "-q", "--bare", "../origin.git")
    project.run("git", "remote", "add", "origin", "../origin.git")
    project.run("git", "push", "-q", "origin", "main")
    remote = tmp_path / "penguins-remote/files/md5"
    lock = yaml.safe_load(project.read("dvc.lock"))
    (folder,) = (out["md5"] for out in lock["stages"]["train"]["outs"] if out["path"] == "results/train/plots")
    listed = project.path / ".dvc/cache/files/md5" / folder[:2] / folder[2:]
    md5 = yaml.safe_load(listed.read_text())[0]["md5"]
    lost = remote / md5[:2] / md5[2:]
    assert lost.exists()

    lost.unlink()  # as a push that was killed leaves it
    assert "Everything is up to date." in project.dvc("push")
    assert not lost.exists()
    project.run("git", "commit", "-q", "--allow-empty", "-m", "Next")
    assert "pushed what an earlier push had left behind: results/train/plots/" in project.run(
        "git", "push", "-q", "origin", "main"
    )
    assert lost.exists()

    other = copy_project(project, tmp_path / "copy")
    (other.path / "params.yaml").write_text(other.read("params.yaml").replace("n_estimators: 5", "n_estimators: 6"))
    other.run("git", "switch", "-q", "--create", "more")
    other.dvc("repro", "-q")
    other.commit("More")
    after = other.read("models/model.json")
    other.run("git", "switch", "-q", "main")
    assert other.read("models/model.json") != after  # post-checkout ran dvc checkout
