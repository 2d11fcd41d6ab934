"""The code as a linter and a type checker read it: of a generated project, and of the hooks as they are rendered."""

import json
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, TEMPLATE, run
from cookiecutter.environment import StrictEnvironment
from cookiecutter.prompt import prompt_for_config

MYPY = (sys.executable, "-m", "mypy", "--config-file", str(TEMPLATE / "pyproject.toml"))


@pytest.fixture
def hooks(tmp_path):
    """The hooks as cookiecutter renders them for the default answers."""
    context = {"cookiecutter": json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))}
    answers = prompt_for_config(context, no_input=True)
    folder = tmp_path / "hooks"
    folder.mkdir()
    for hook in sorted((TEMPLATE / "hooks").glob("*.py")):
        environment = StrictEnvironment(context={"cookiecutter": answers})
        text = environment.from_string(hook.read_text(encoding="utf-8")).render(cookiecutter=answers)
        (folder / hook.name).write_text(text + "\n", encoding="utf-8")
    return folder


def test_rendered_hooks_are_clean(hooks):
    ruff = (sys.executable, "-m", "ruff")
    run(*ruff, "check", "--config", str(TEMPLATE / "pyproject.toml"), str(hooks), cwd=hooks)
    run(*ruff, "format", "--check", "--config", str(TEMPLATE / "pyproject.toml"), str(hooks), cwd=hooks)
    for hook in sorted(hooks.glob("*.py")):
        run(*MYPY, str(hook), cwd=hooks)


def test_types_of_a_generated_project(bake):
    project = bake()
    assert "Success" in project.run(*MYPY, "penguins", MYPYPATH=".")


def test_workflows_are_pinned_and_have_no_rights_that_they_do_not_need():
    """zizmor knows the ways in which a workflow can be attacked; offline it still checks all but known faults of actions."""
    zizmor = Path(sys.executable).with_name("zizmor")
    folders = (TEMPLATE / ".github", PROJECT / ".github/workflows")
    assert "No findings" in run(str(zizmor), "--offline", "--no-progress", *map(str, folders), cwd=TEMPLATE)
