"""A table that `dvc import` or `dvc import-url` got, or that lies elsewhere: every command knows its version."""

import json
import shutil
import sys

import pytest
from commands import MANY, set_param
from conftest import SAMPLE, BakedProject, copy_project, run
from example.core.lock import find_path
from example.core.revisions import file_md5
from quick_project import finish_quickly

PATH = 'path: "data/raw/penguins.csv"'
WAYS = {
    "import of a file": ("data/raw/birds.csv", "dvc import ../source data/birds.csv -o data/raw/birds.csv"),
    "import of a folder": ("data/shared/birds.csv", "dvc import ../source data -o data/shared"),
    "import of an address": ("data/raw/birds.csv", 'dvc import-url "$PWD/../elsewhere/birds.csv" data/raw/birds.csv'),
    "a copy of a file elsewhere": ("data/raw/birds.csv", "dvc add ../elsewhere/birds.csv -o data/raw/birds.csv"),
    "another folder": (
        "tables/birds.csv",
        "mkdir tables && cp ../elsewhere/birds.csv tables && dvc add tables/birds.csv",
    ),
    "a file in Git": ("tables/birds.csv", "mkdir tables && cp ../elsewhere/birds.csv tables"),
    "outside the project": ("../elsewhere/birds.csv", "true"),
    "outside, by its full path": ("{elsewhere}/birds.csv", "true"),
}


@pytest.mark.parametrize(
    ("dvc", "given"),
    [
        ("data/raw/a.csv", "./data/raw/a.csv"),
        ("ml/data/raw/a.csv", "data\\raw\\a.csv"),
        ("../tables/a.csv", "../tables/a.csv"),
        ("tables/a.csv", "../tables/a.csv"),
        ("mnt/tables/a.csv", "/mnt/tables/a.csv"),
    ],
)
def test_a_path_is_found_however_dvc_writes_it(dvc, given):
    assert find_path(["penguins/core", dvc], given) == dvc
    assert find_path(["penguins/core", "data/raw/aa.csv", f"{dvc}.gz"], given) is None


def test_a_full_path_is_found_beside_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_path(["../tables/a.csv"], str(tmp_path.parent / "tables/a.csv")) == "../tables/a.csv"


@pytest.fixture(scope="module")
def beside(cookiecutter, tmp_path_factory):
    """A project, a repository of DVC with a table, and a folder with the same table; shared, so copy it."""
    folder = tmp_path_factory.mktemp("imports")
    cookiecutter(folder)
    project = finish_quickly(folder / "penguins")
    (folder / "elsewhere").mkdir()
    (folder / "source/data").mkdir(parents=True)
    table = "".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:180])
    for place in ("elsewhere", "source/data"):
        (folder / place / "birds.csv").write_text(table, encoding="utf-8")
    script = "git init -q -b main && dvc init -q && dvc add -q data/birds.csv && git add -A && git commit -q -m Birds"
    run("sh", "-c", script, cwd=folder / "source")
    return project


def take(project: BakedProject, way: str) -> None:
    """Get the table by one of the ways, make it the project's, run the stages, and commit the results."""
    path, command = WAYS[way]
    project.run("sh", "-c", command)
    set_param(project, PATH, f'path: "{path.format(elsewhere=project.path.parent / "elsewhere")}"')
    project.dvc("repro", "--quiet")
    project.commit("Other data")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_hash_of_the_table_is_known(beside, tmp_path, way):
    project = copy_project(beside, tmp_path / "copy")
    take(project, way)
    expected = file_md5(project.path.parent / "elsewhere/birds.csv")
    commands = json.dumps([["model-card", "--json"], ["compare", "--json"]])
    card, rows = map(json.loads, json.loads(project.run(sys.executable, "-c", MANY, commands).splitlines()[-1]))
    assert card["data"]["md5"] == expected
    assert [row["data"] for row in rows if row["kind"] in ("workspace", "commit")] == [expected] * 2
    assert "Data and pipelines are up to date." in project.dvc("status")


@pytest.mark.slow
def test_an_imported_table_is_registered_and_verified(beside, tmp_path):
    """Also from the cache, if its repository is not within reach."""
    project = copy_project(beside, tmp_path / "copy")
    take(project, "import of a folder")
    project.dvc("push")
    penguins = (sys.executable, "-m", "penguins")
    printed = project.run(*penguins, "register")
    assert "penguins v0.0.1 is commit" in printed
    assert "note: data/shared is imported from ../source; others need that repository for it\n" in printed

    source = project.path.parent / "source"  # which is not beside the temporary clone of verify
    assert "raw data  from the cache of this machine: data/shared/birds.csv\n" in project.run(*penguins, "verify")
    pointer = project.path / "data/shared.dvc"
    pointer.write_text(pointer.read_text().replace("../source", str(source)))
    project.commit("A full address")
    assert f"raw data  from {source}: data/shared/birds.csv\n" in project.run(*penguins, "verify")
    source.rename(tmp_path / "moved")
    shutil.rmtree(project.path / ".dvc/cache")
    lost = project.run(*penguins, "verify", code=1).splitlines()[-1]
    assert lost.startswith(f"error: data/shared/birds.csv: neither {source} nor the cache has it; ")


@pytest.mark.slow
def test_a_table_outside_the_project_has_no_version_to_verify(beside, tmp_path):
    project = copy_project(beside, tmp_path / "copy")
    take(project, "outside the project")
    printed = project.run(sys.executable, "-m", "penguins", "verify", code=1).splitlines()[-1]
    assert printed.startswith("error: ../elsewhere/birds.csv: is outside the project, and DVC keeps no version of it; ")
