"""The three rooms of the generated package: yours (its root and stages/), core/ and toolbox/; names of files."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from conftest import PACKAGE, PROJECT, TEMPLATE, run

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """core, toolbox, or yours."""
    first = path.relative_to(PACKAGE).parts[0]
    return first if first in ("core", "toolbox") else "yours"


def imported(path: Path) -> set[Path]:
    """The modules and packages of the package that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            targets = [folder, *(folder / alias.name for alias in node.names)]
            found |= {target for target in targets if target.with_suffix(".py").exists() or target.is_dir()}
    return found - {PACKAGE}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down_only(path):
    allowed = {"core": {"core"}, "yours": {"core", "yours"}, "toolbox": {"core", "yours", "toolbox"}}
    rooms = {room(target.with_suffix(".py") if target.is_file() else target) for target in imported(path)}
    assert rooms <= allowed[room(path)], f"{path.name} imports {rooms - allowed[room(path)]}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "sniff"], ids=lambda path: path.name)
def test_sniff_needs_the_standard_library_alone(path):
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    heavy = {"numpy", "pandas", "pydantic", "yaml", "sklearn", "dvc", "polars", "duckdb"}
    names = {alias.name.partition(".")[0] for node in tree if isinstance(node, ast.Import) for alias in node.names}
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names |= {(n.module or "").partition(".")[0] for n in tree if isinstance(n, ast.ImportFrom) and not n.level}
    assert not names & heavy


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_what_is_yours_is_small():
    assert sum(lines(path) for path in MODULES if room(path) == "yours") <= 700
    assert lines(PROJECT / "dvc.yaml") <= 120


def test_each_room_introduces_itself():
    for name in ("core", "toolbox"):
        text = (PACKAGE / name / "__init__.py").read_text(encoding="utf-8")
        assert "belongs to the template" in text or "belong to the template" in text


def test_stages_depend_on_core_as_one_folder_and_on_each_file_of_yours():
    text = (PROJECT / "dvc.yaml").read_text(encoding="utf-8").replace("{{cookiecutter.__package}}", "package")
    for stage in yaml.safe_load(text)["stages"].values():
        deps = [dep.removeprefix("package/") for dep in stage["deps"] if dep.startswith("package/")]
        assert "core" in deps
        assert all(room(PACKAGE / dep) == "yours" and (PACKAGE / dep).is_file() for dep in deps if dep != "core")


# --- Other systems ----------------------------------------------------------------------------------------------


def test_no_file_has_a_name_that_windows_refuses():
    """Or two names that differ by case only; macOS refuses these too."""
    if not (TEMPLATE / ".git").exists():
        pytest.skip("not a Git checkout")
    names = run("git", "ls-files", "-z", cwd=TEMPLATE).split("\0")[:-1]
    reserved = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
    for name in names:
        for part in name.split("/"):
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part), name
            assert part.partition(".")[0].lower() not in reserved, name
    assert len({name.lower() for name in names}) == len(names)
    assert max(map(len, names)) < 150  # Windows allows 260 characters, with the folder


def test_the_same_bytes_on_every_system():
    """Line ends count for the hashes of DVC, and for sh."""
    for folder in (TEMPLATE, PROJECT):
        assert "* text=auto eol=lf\n" in (folder / ".gitattributes").read_text()
    if (TEMPLATE / ".git").exists():
        files = run("git", "ls-files", "--eol", "*.py", "*.sh", "*.md", "*.y*ml", "*.json", "*.txt", cwd=TEMPLATE)
        assert all(line.startswith(("i/lf", "i/none")) for line in files.splitlines())
