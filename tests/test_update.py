"""A project takes over a later state of the template: what the user wrote stays, what both changed is a conflict."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import SAMPLE, TEMPLATE, BakedProject, run
from quick_project import QUICK

CRUFT = (sys.executable, "-m", "cruft")
PROJECT = "{{cookiecutter.project}}"
PACKAGE = f"{PROJECT}/{{{{cookiecutter.__package}}}}"
FEATURE = '    frame["bill_ratio"] = frame["bill_length_mm"] / frame["bill_depth_mm"]\n    return frame\n'
# What an earlier state of the template had: file, text now, text then.
EARLIER = (
    (f"{PACKAGE}/core/paths.py", "from pathlib import Path\n", "from pathlib import Path\n\nEARLIER = True\n"),
    (f"{PACKAGE}/features.py", '"""', '"""Earlier: '),
    (f"{PROJECT}/params.yaml", "# folds of the cross-validation", "# number of folds"),
    (f"{PROJECT}/README.md", "## The daily loop", "## Day by day"),
)
NEW_FILE, LOST_FILE = f"{PROJECT}/.dvcignore", f"{PACKAGE}/core/earlier.py"


@pytest.fixture
def template(tmp_path):
    """A repository with two states of the template: the tag v1, made up of the present one, and v2, the present one."""
    folder = tmp_path / "template"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(TEMPLATE, folder, ignore=ignored)
    run("git", "init", "-q", cwd=folder)
    new = {path: (folder / path).read_text(encoding="utf-8") for path, _, _ in EARLIER}
    for path, now, then in EARLIER:
        assert now in new[path]
        (folder / path).write_text(new[path].replace(now, then, 1), encoding="utf-8")
    new[NEW_FILE] = (folder / NEW_FILE).read_text(encoding="utf-8")
    (folder / NEW_FILE).unlink()
    (folder / LOST_FILE).write_text('"""A module that v2 does not have."""\n', encoding="utf-8")
    for command in (("add", "-A"), ("commit", "-q", "-m", "v1"), ("tag", "v1")):
        run("git", *command, cwd=folder)
    for path, text in new.items():
        (folder / path).write_text(text, encoding="utf-8")
    (folder / LOST_FILE).unlink()
    for command in (("add", "-A"), ("commit", "-q", "-m", "v2"), ("tag", "v2")):
        run("git", *command, cwd=folder)
    return folder


def create(template: Path, folder: Path, **answers: str) -> BakedProject:
    """Make a project of v1 with cruft."""
    folder.mkdir()
    context = ("--no-input", "--checkout", "v1", "--extra-context", json.dumps(answers))
    run(*CRUFT, "create", str(template), *context, cwd=folder)
    project = BakedProject(folder / "penguins", "")
    project.commit("cruft's record of the template and its version")
    return project


def work(project: BakedProject) -> None:
    """What a user does: a feature, a parameter, other data."""
    features = project.package / "features.py"
    text = features.read_text(encoding="utf-8")
    features.write_text(text.replace("    return frame\n", FEATURE, 1), encoding="utf-8")
    params = (
        project.read("params.yaml").replace("n_splits: 5", "n_splits: 3").replace("test_size: 0.2", "test_size: 0.3")
    )
    (project.path / "params.yaml").write_text(params, encoding="utf-8")
    raw = project.path / "data/raw/penguins.csv"
    pd.read_csv(raw).iloc[:300].to_csv(raw, index=False)


def conflicts(project: BakedProject) -> list[str]:
    return project.run("git", "diff", "--name-only", "--diff-filter=U").split()


def check_update(project: BakedProject) -> None:
    """What the template changed arrived, what the user changed stayed, and the line that both changed is a conflict."""
    assert "EARLIER" not in project.read("penguins/core/paths.py")
    assert not (project.path / "penguins/core/earlier.py").exists()
    assert (project.path / ".dvcignore").exists()
    assert "## The daily loop" in project.read("README.md")
    features = project.read("penguins/features.py")
    assert FEATURE in features
    assert "Earlier" not in features
    assert conflicts(project) == ["params.yaml"]
    text = project.read("params.yaml")
    assert "<<<<<<<" in text
    assert "n_splits: 3 # number of folds" in text
    assert "n_splits: 5 # folds of the cross-validation" in text
    assert "test_size: 0.3" in text


def resolve_conflict(project: BakedProject) -> None:
    """Keep the user's side, as `git checkout --ours` does."""
    project.run("git", "checkout", "--ours", "params.yaml")
    project.run("git", "add", "-A")


def test_an_update_without_a_conflict_changes_nothing_else(template, tmp_path):
    shutil.copy(SAMPLE, tmp_path / "mine.csv")
    project = create(template, tmp_path / "work", data_path=str(tmp_path / "mine.csv"), target="species")
    project.run(*CRUFT, "update", "--skip-apply-ask")
    assert conflicts(project) == []
    assert yaml.safe_load(project.read("params.yaml"))["data"]["target"] == "species"
    changed = {line[3:] for line in project.run("git", "status", "--porcelain").splitlines()}
    names = {path.replace(PACKAGE, "penguins").replace(f"{PROJECT}/", "") for path, _, _ in EARLIER}
    assert changed == names | {".cruft.json", ".dvcignore", "penguins/core/earlier.py"}
    assert len(project.run("git", "log", "--format=%s").splitlines()) == 2


def test_an_update_by_hand_is_a_merge(template, tmp_path):
    """As docs/update.md describes it, without cruft."""
    answers = ("--no-input", f"remote_url={tmp_path / 'remote'}")
    generate = (sys.executable, "-m", "cookiecutter", f"git+{template.as_uri()}", *answers)
    run(*generate, "--checkout", "v1", cwd=tmp_path)
    project = BakedProject(tmp_path / "penguins", "")
    work(project)
    project.commit("Work")

    project.run("git", "branch", "template", project.run("git", "rev-list", "--max-parents=0", "HEAD").strip())
    project.run("git", "worktree", "add", "-q", "../template-branch", "template")
    branch = tmp_path / "template-branch"
    run(*generate, "--checkout", "v2", "--output-dir", "../new", cwd=project.path)
    run("git", "rm", "-rq", ".", cwd=branch)
    shutil.rmtree(tmp_path / "new/penguins/.git")
    shutil.copytree(tmp_path / "new/penguins", branch, dirs_exist_ok=True)
    run("git", "add", "-A", cwd=branch)
    run("git", "commit", "-q", "-m", "Template v2", cwd=branch)
    project.run("git", "merge", "-q", "template", code=1)
    check_update(project)


@pytest.mark.slow
def test_a_project_with_work_and_results_is_updated_and_runs_on(template, tmp_path):
    project = create(template, tmp_path / "work")
    work(project)
    for old, new in QUICK.items():
        (project.path / "params.yaml").write_text(project.read("params.yaml").replace(old, new), encoding="utf-8")
    project.dvc("repro", "-q")
    project.commit("Work")
    project.run(*CRUFT, "update", "--skip-apply-ask")
    check_update(project)

    resolve_conflict(project)
    raw = "data/raw/penguins.csv"
    assert raw not in project.dvc("status")
    assert "penguins/core" in project.dvc("status")  # the template's code changed, so the stages run again
    project.dvc("repro", "-q")
    project.commit("Template v2")
    assert "up to date" in project.dvc("status")
    project.run(sys.executable, "-m", "pytest", "-q", "tests")
    assert len(pd.read_csv(project.path / raw)) == 300
