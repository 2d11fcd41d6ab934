"""The commands, options, links and parameters that READMEs and pages name exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, TEMPLATE
from example.toolbox.cli import COMMANDS, parser

PAGES = [TEMPLATE / "README.md", TEMPLATE / "CONTRIBUTING.md", *sorted((TEMPLATE / "docs").glob("*.md"))]
GENERATED = PROJECT / "README.md"
PACKAGE_NAMES = ("penguins", "{{cookiecutter.__package}}")


def name(path: Path) -> str:
    return path.relative_to(TEMPLATE).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def toolbox_commands(text: str) -> list[str]:
    """The arguments of each `python -m <package>` in a text, up to the end of the command."""
    names = "|".join(map(re.escape, PACKAGE_NAMES))
    return re.findall(rf"python -m (?:{names}) ([a-z].*?)(?=`|\n|$)", text)


def table_commands(text: str) -> list[str]:
    """The commands in the first column of the README's table."""
    return [
        command for row in re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE) for command in re.findall(r"`(.+?)`", row)
    ]


def parses(command: str) -> None:
    words = shlex.split(command, comments=True)
    words = words[: min((words.index(sign) for sign in (">", "|", "&&", "--help") if sign in words), default=None)]
    try:
        parser().parse_args(words)
    except SystemExit as error:
        pytest.fail(f"{command}: {error}")


@pytest.mark.parametrize("path", [path for path in (*PAGES, GENERATED) if toolbox_commands(read(path))], ids=name)
def test_the_commands_of_a_page_parse(path):
    commands = toolbox_commands(read(path))
    assert commands
    for command in commands:
        parses(command)


def test_the_readme_of_a_project_lists_every_command():
    commands = table_commands(read(GENERATED))
    for command in commands:
        parses(command if command not in ("rollback",) else "rollback --stage prod")
    assert {command.split()[0] for command in commands} == set(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", read(path)):
        assert (path.parent / target).exists(), target


def test_the_readme_of_a_project_names_pages_that_exist():
    pages = set(re.findall(r"docs/[\w-]+\.md", read(GENERATED)))
    assert len(pages) >= 8
    for page in pages:
        assert (TEMPLATE / page).exists(), page


@pytest.mark.parametrize("path", [*PAGES, GENERATED], ids=name)
def test_params_that_a_page_sets_exist(path):
    """`-S name=value` sets a key of params.yaml, or of the model that a recipe adds; `-S +name=value` adds one."""
    params = yaml.safe_load(read(PROJECT / "params.yaml"))
    for key in re.findall(r"-S '?([\w.]+)=", read(path)):
        section = params
        for part in key.split("."):
            assert part in section, f"-S {key}"
            section = section[part]


def test_the_readme_of_a_project_fits_on_its_screens(cookiecutter, tmp_path):
    """One screen to start, one to change things, one map: 120 lines."""
    for project, answers in {"box": {"remote_url": "s3://bucket/path"}, "plain": {"toolbox": "false"}}.items():
        cookiecutter(tmp_path, project=project, **answers)
        lines = read(tmp_path / project / "README.md").splitlines()
        assert 60 < len(lines) <= 120
        assert not [line for line in lines if "{%" in line or "{{" in line or "__" in line]
