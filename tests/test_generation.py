"""What comes out of the template, file by file, and what is refused before anything is written."""

import ast
import bz2
import configparser
import csv
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from configobj import ConfigObj
from conftest import PACKAGE, SAMPLE, TEMPLATE, run
from example.core.sniff.text import DROPPED
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

FILES = [
    ".ci/drift.sh",
    ".ci/install.sh",
    ".ci/results.sh",
    ".ci/summary.sh",
    ".ci/unreachable.py",
    ".ci/version.sh",
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots/confusion_matrix.json",
    ".dvc/plots/curve.json",
    ".dvc/plots/page.html",
    ".dvc/plots/parallel.json",
    ".dvc/plots/slices_categories.json",
    ".dvc/plots/slices_numbers.json",
    ".dvcignore",
    ".gitattributes",
    ".githooks/check_staged.py",
    ".githooks/post-checkout",
    ".githooks/pre-commit",
    ".githooks/pre-push",
    ".githooks/push.py",
    ".github/workflows/ci.yml",
    ".github/workflows/drift.yml",
    ".github/workflows/version.yml",
    ".gitignore",
    "LICENSE",
    "MLproject",
    "README.md",
    "data/raw/.gitignore",
    "data/raw/README.md",
    "data/raw/penguins.csv",
    "data/raw/penguins.csv.dvc",
    "dvc.yaml",
    "params.yaml",
    "pyproject.toml",
    "python_env.yaml",
    "requirements.txt",
    "sweep.yaml",
    "tests/test_pipeline.py",
]
# The package is copied as it is.
FILES += [
    f"penguins/{path.relative_to(PACKAGE).as_posix()}"
    for path in PACKAGE.rglob("*.*")
    if path.is_file() and "__pycache__" not in path.parts
]
TOOLBOX_ONLY = ("MLproject", "__main__.py", "parallel.json", "python_env.yaml", "sweep.yaml")
TOOLBOX_ONLY += ("drift.sh", "drift.yml", "version.sh", "version.yml")
TOOLBOX = {file for file in FILES if "/toolbox/" in file or "slices" in file or Path(file).name in TOOLBOX_ONLY}
PAGES = {
    ".dvc/plots/page.html",
    "penguins/toolbox/report/report.html",
    "penguins/toolbox/report/report.md",
}  # with braces of their own
GITHUB = {file for file in FILES if file.startswith(".github/")}
CI = {file for file in FILES if file.startswith(".ci/")}

# name: answers, files fewer than FILES, files more
OPTIONS = {
    "defaults": ({}, set(), set()),
    "gitlab": ({"ci": "gitlab"}, GITHUB, {".gitlab-ci.yml"}),
    "no CI": ({"ci": "none"}, GITHUB | CI, set()),
    "pipeline only": ({"toolbox": "no"}, TOOLBOX, set()),
    "no licence": ({"license": "none"}, {"LICENSE"}, set()),
    "BSD": ({"license": "BSD-3-Clause", "author_name": "Ada"}, set(), set()),
    "Apache": ({"license": "Apache-2.0"}, set(), set()),
    "least": ({"license": "none", "ci": "none", "toolbox": "no"}, {"LICENSE"} | GITHUB | CI | TOOLBOX, set()),
    "own data": ({"data_path": str(SAMPLE), "target": "species"}, {"data/raw/README.md"}, set()),
}


def files_of(project):
    found = {path.relative_to(project.path).as_posix() for path in project.path.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".git/")}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_gives_these_files_and_they_parse(bake, name):
    answers, fewer, more = OPTIONS[name]
    project = bake(**answers)
    assert files_of(project) == (set(FILES) - fewer) | more
    for file in sorted(files_of(project) - PAGES):
        text = project.read(file)
        braces = "" if file.startswith("penguins/") else r"(?<!\$)\{\{|\{%|"  # of f-strings
        assert not re.search(braces + r'\bcookiecutter\.|"__[A-Z]+__"', text), file
        parse(project.path / file)
    run(sys.executable, "-m", "ruff", "check", ".", cwd=project.path)
    run(sys.executable, "-m", "ruff", "format", "--check", ".", cwd=project.path)
    assert project.run("git", "status", "--porcelain") == ""
    assert project.run("git", "log", "--format=%s") == "Create penguins from the template\n"


def parse(file: Path) -> None:
    parsers = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
        ".dvc": yaml.safe_load,
        "": lambda text: configparser.ConfigParser().read_string(text) if file.name == "config" else text,
    }
    parsers.get(file.suffix, str)(file.read_text(encoding="utf-8"))


def test_a_tag_of_a_git_url_gives_the_same_project(bake, cookiecutter, tmp_path):
    """As `cookiecutter gh:org/template --checkout v1` does."""
    url = tmp_path / "template"
    shutil.copytree(
        TEMPLATE, url, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    )
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "v1"), ("tag", "v1")):
        run("git", *command, cwd=url)
    (url / "cookiecutter.json").write_text("broken after v1")
    run("git", "commit", "-q", "-a", "-m", "later", cwd=url)

    (tmp_path / "from-git").mkdir()
    command = ("cookiecutter", f"file://{url}", "--checkout", "v1", "--no-input")
    run(sys.executable, "-m", *command, cwd=tmp_path / "from-git")
    here = bake(tmp_path / "here")
    there = tmp_path / "from-git" / "penguins"
    for name in files_of(here):  # .dvc/config has the full path of the remote
        text = (there / name).read_text(encoding="utf-8").replace(str(there.parent), str(here.path.parent))
        assert text == here.read(name), name


def test_the_pointer_is_the_one_that_dvc_writes(bake):
    project = bake()
    content = SAMPLE.read_bytes()
    assert (project.path / "data/raw/penguins.csv").read_bytes() == content
    (out,) = yaml.safe_load(project.read("data/raw/penguins.csv.dvc"))["outs"]
    md5 = hashlib.md5(content).hexdigest()
    assert out == {"md5": md5, "size": len(content), "hash": "md5", "path": "penguins.csv"}
    assert "data/raw/penguins.csv\n" not in project.run("git", "ls-files")


# --- What is inferred -------------------------------------------------------------------------------------------

TABLES = {
    "text": ("a,y\n1,x\n2,z\n3,x\n", "y", "classification"),
    "two numbers": ("a,y\n1,0\n2,1\n3,1\n", "y", "classification"),
    "few whole numbers": ("a,y\n" + "1,1\n2,2\n3,3\n" * 30, "y", "classification"),
    "many whole numbers": ("a,y\n" + "".join(f"1,{i}\n" for i in range(60)), "y", "regression"),
    "fractions": ("a,y\n1,0.5\n2,1.5\n3,NA\n4,2\n", "y", "regression"),
    "last column by default": ("a,y\n1,x\n2,z\n3,x\n", "", "classification"),
    "semicolon and quotes": ('a;y\n"1;5";x\n2;z\n3;x\n', "y", "classification"),
    "tab": ("a\ty\n1,5\tx\n2\tz\n3\tx\n", "y", "classification"),
    "pipe": ("a|y\n1|x\n2|z\n3|x\n", "y", "classification"),
    "newline in a cell": ('a,y\n"1\n2",x\n2,z\n3,x\n', "y", "classification"),
    "spaces around names": (" a , y \n1,x\n2,z\n3,x\n", "y", "classification"),
    "a title, and no name for the index": ("Sales\n\n,a,y\n0,1,x\n1,2,z\n2,3,x\n", "y", "classification"),
    "columns of one name": ("y,y\n1,x\n2,z\n3,x\n", "y", "regression"),
    "a question mark among numbers": ("a,y\n" + "".join(f"1,{i}.5\n" for i in range(60)) + "1,?\n", "y", "regression"),
    "decimal commas": ("a;y\n" + "".join(f"1;{i},5\n" for i in range(60)), "y", "regression"),
}


def section_of(file, task):
    """The section `data` of params.yaml, with the target y."""
    given = {"path": f"data/raw/{file}", "target": "y", "task": task}
    return given | {"positive": None, "missing": None, "types": {}, "drop": []}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_task_is_inferred(bake, tmp_path, name, encoding):
    text, target, task = TABLES[name]
    (tmp_path / "table.csv").write_text(text.replace("z", "é"), encoding=encoding)
    data = yaml.safe_load(bake(data_path="table.csv", target=target).read("params.yaml"))["data"]
    assert data == section_of("table.csv", task)


COMPRESSED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("suffix", [*COMPRESSED, "zip"])
def test_a_compressed_table_is_looked_into(bake, tmp_path, suffix):
    file = tmp_path / f"table.csv.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("table.csv", "a,y\n1,x\n2,z\n3,x\n")
    else:
        file.write_bytes(COMPRESSED[suffix](b"a,y\n1,x\n2,z\n3,x\n"))
    data = yaml.safe_load(bake(data_path=file.name).read("params.yaml"))["data"]
    assert (data["target"], data["task"]) == ("y", "classification")


PARQUET = {
    "boolean": ([True, False] * 30, "classification"),
    "text, told apart by prepare": (["a", "b"] * 30, "auto"),
    "numbers, told apart by prepare": ([i / 7 + 0.01 for i in range(60)], "auto"),
}


@pytest.mark.parametrize("name", PARQUET)
def test_the_task_of_a_parquet_file(bake, tmp_path, name):
    values, task = PARQUET[name]
    pd.DataFrame({"a": range(60), "nested": [[1]] * 60, "y": values}).to_parquet(
        tmp_path / "t.parquet", row_group_size=25
    )
    data = yaml.safe_load(bake(data_path="t.parquet").read("params.yaml"))["data"]
    assert data == section_of("t.parquet", task)


# --- What is refused --------------------------------------------------------------------------------------------

GOOD = "a,y\n1,x\n2,z\n3,x\n"
REFUSED = {
    "no file": ({"data_path": "missing.csv"}, None, "there is no file 'missing.csv'"),
    "a folder around the project": (
        {"data_path": "."},
        None,
        "is a folder around the new project; give a folder with only data",
    ),
    "a pattern of nothing": ({"data_path": "*.parquet"}, None, "there is no file '*.parquet'"),
    "an empty file": ({}, "", "is empty"),
    "a header only": ({}, "a,y\n", "has a header and no rows"),
    "a target that is not there": ({"target": "Yy"}, GOOD, "has no column 'Yy' to predict; did you mean 'y'?"),
    "a target unlike any": ({"target": "price"}, GOOD, "has no column 'price' to predict; it has 'a', 'y'"),
    "a row with more cells": ({}, GOOD + "4,x,7\n", "has 3 fields in the row that ends at line 5"),
    "a target of dates": ({}, "a,y\n1,2024-01-31\n2,2024-02-29\n", "has dates in the target column 'y'"),
    "a web page": ({}, "<!DOCTYPE html><p>Not found", "is a web page or XML"),
    "JSON": ({}, '{"a": [1, 2]}', "is JSON"),
    "a target that is all missing": ({}, "a,y\n1,\n2,NA\n", "has no value in the target column 'y'"),
    "a target of one value": ({}, "a,y\n1,x\n2,x\n", "has one value, 'x', in the target column 'y'"),
    "a target that never recurs": (
        {},
        "a,y\n1,p\n2,q\n3,r\n",
        "has 3 different values in 3 rows of the target column 'y'",
    ),
    "one column": ({}, "y\nx\nz\nx\n", "has one column, 'y', and nothing to predict it from"),
    "a package that a package needs": ({"project": "joblib"}, GOOD, "project: 'joblib' is taken"),
    "a binary file": ({}, b"\x89PNG\r\n" + bytes(range(32)) * 9, "is neither text nor Parquet"),
    "a cut gzip": ({}, gzip.compress(b"a,y\n1,x\n" * 99)[:30], "cannot be read"),
    "a cut Parquet": ({}, b"PAR1 and no end", "is cut off"),
    "a damaged Parquet": (
        {},
        b"PAR1" + b"\x19\x99" * 9 + (18).to_bytes(4, "little") + b"PAR1",
        "has a damaged Parquet footer",
    ),
    "a path for a name": ({"project": "../x"}, GOOD, "project: '../x' cannot name a folder"),
    "an unusable name": ({"project": "My Project"}, GOOD, "project: 'My Project' cannot name a folder"),
    "a package's name": ({"project": "pandas"}, GOOD, "project: 'pandas' is taken"),
    "a keyword": ({"project": "lambda"}, GOOD, "project: 'lambda' is taken"),
    "another package": ({"__package": "../evil"}, GOOD, "__package: '../evil' is not the package of 'penguins'"),
    "a remote with a password": ({"remote_url": "https://jane:s3cret@host/x"}, GOOD, "remote_url: holds a password"),
    **{
        f"a password for {scheme}": (
            {"remote_url": f"{scheme}://jane:s3cret@host/x"},
            GOOD,
            "remote_url: holds a password",
        )
        for scheme in ("s3", "gs", "azure", "ssh", "webdav", "webdavs", "http", "ftp")
    },
    "a password with a slash": ({"remote_url": "ssh://jane:s3cret/@host/x"}, GOOD, "remote_url: holds a password"),
    "a remote that DVC does not know": (
        {"remote_url": "ftp://host/x"},
        GOOD,
        "remote_url: 'ftp://host/x' is neither a folder nor",
    ),
    "an address of scp": (
        {"remote_url": "jane@host:/x"},
        GOOD,
        "remote_url: 'jane@host:/x' is neither a folder nor",
    ),
    "a remote with a token": ({"remote_url": "https://host/x?sig=s3cret"}, GOOD, "remote_url: holds a password"),
    "a host with a password": ({"remote_url": "jane:s3cret@host:/x"}, GOOD, "remote_url: holds a password"),
    "a private key": ({}, "-----BEGIN PRIVATE KEY-----\ns3cret,\n", "is a key or a certificate"),
    "a token": ({}, "sk_live_s3cret_" + "x" * 60 + "\n", "has one column, with a long name"),
    "a device": ({"data_path": "/dev/zero"}, None, "/dev/zero is a pipe or a device"),
    "a name that controls the terminal": ({"target": "\x1b[31m\u202e"}, GOOD, r"has no column '\x1b[31m\u202e'"),
    "a remote that the config cannot hold": ({"remote_url": "a\nb"}, GOOD, "remote_url: 'a\\nb' holds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_input_is_refused_before_anything_is_written(cookiecutter, tmp_path, name):
    answers, content, message = REFUSED[name]
    if content is not None:
        (tmp_path / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(tmp_path.rglob("*"))
    output = cookiecutter(tmp_path, code=1, **{"data_path": "table.csv", **answers})
    # What follows the line is cookiecutter's own account of a hook that refused.
    printed, _, _ = output.partition("ERROR: Stopping generation")
    assert message in printed
    assert printed.count("\n") == 1
    assert "s3cret" not in printed and printed.strip().isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("s3://bucket/x", "s3"),
        ("gs://bucket/x", "gs"),
        ("azure://container/x", "azure"),
        ("ssh://jane@host:22/a@b", "ssh"),
        ("webdav://host/x", "webdav"),
        ("webdavs://host:8443/a@b", "webdav"),
        ("https://host/x", None),
        ("hdfs://host/x", None),
        ("", None),
    ],
)
def test_the_package_of_a_remote_is_in_the_next_steps_and_the_dependencies(bake, url, extra):
    project = bake(remote_url=url)
    install = "python -m pip install -r requirements.txt"
    command = f'{install} "dvc[{extra}]"' if extra else install
    assert f"  {command}\n" in project.output
    assert f"    {command} " in project.read("README.md")
    dependencies = tomllib.loads(project.read("pyproject.toml"))["project"]["dependencies"]
    assert [name for name in dependencies if re.match(r"dvc\b", name)] == [
        f"dvc[{extra}]>=3.60" if extra else "dvc>=3.60"
    ]
    assert ("docs/remotes.md lists them" in project.read("README.md")) == bool(url)
    if url:
        assert ConfigObj(str(project.path / ".dvc/config"))['remote "storage"']["url"] == url


def test_a_folder_that_exists_is_left_alone(cookiecutter, tmp_path):
    (tmp_path / "penguins").mkdir()
    (tmp_path / "penguins" / "mine").write_text("mine")
    output = cookiecutter(tmp_path, code=1)
    assert "already exists" in output
    assert [path.name for path in (tmp_path / "penguins").iterdir()] == ["mine"]


# --- Any text ---------------------------------------------------------------------------------------------------

HOSTILE = [
    "'",
    '"',
    "\\",
    "{{ x }}",
    "{% if %}",
    "{# #}",
    "\n",
    "\t",
    "😀",
    "שלום",
    "é",
    ": ",
    "# ",
    "- ",
    "[a]",
    "'''",
    '"""',
]
HOSTILE += [
    "&x",
    "*x",
    "!!python",
    "null",
    "yes",
    "1e3",
    "%(a)s",
    "${x}",
    "`id`",
    "$(id)",
    "\u2028",
    "\x7f",
    "\ufeff",
    "=",
    ",",
]
texts = st.lists(
    st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4), max_size=6
)


@settings(
    max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(description=texts.map("".join), author=texts.map("".join), target=texts.map("".join), remote=texts.map("".join))
def test_any_text_is_carried_unchanged(bake, tmp_path_factory, description, author, target, remote):
    folder = tmp_path_factory.mktemp("hostile")
    # The reader drops some characters, and takes a tiny file with several control characters for a binary one.
    target = re.sub(f"[{DROPPED}\\x01-\\x08\\x0e-\\x1f]", "", target).strip() or "y"
    pd.DataFrame({"a": [1, 2, 3], target if target != "a" else "y": [0, 1, 1]}).to_csv(
        folder / "t.csv", index=False, quoting=csv.QUOTE_ALL
    )
    target = target if target != "a" else "y"
    remote = "".join(c for c in remote if c.isprintable() and c != '"').replace("%(", "").strip()
    project = bake(
        folder,
        project_name=f"x {description}",
        project="hostile",
        description=description,
        author_name=author,
        data_path=str(folder / "t.csv"),
        target=target,
        remote_url=f"s3://{remote}",
    )
    metadata = tomllib.loads(project.read("pyproject.toml"))["project"]
    assert metadata["description"] == description
    assert [a["name"] for a in metadata.get("authors", [])] == ([author] if author.strip() else [])
    assert yaml.safe_load(project.read("params.yaml"))["data"]["target"] == target
    config = ConfigObj(str(project.path / ".dvc/config"), encoding="utf-8")
    assert config['remote "storage"']["url"] == f"s3://{remote}"
    for file in files_of(project) - {".dvc/plots/page.html"}:
        parse(project.path / file)


@pytest.mark.parametrize(
    ("name", "package"),
    [("2024 Sales", "p2024_sales"), ("Ma Thèse: 1", "ma_these_1"), ("A--B", "a_b"), ("!?", "project")],
)
def test_a_name_becomes_a_package(bake, name, package):
    assert bake(project_name=name).package.name == package


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("rows", "model"), [(49_999, "random_forest"), (50_000, "hist_gradient_boosting")])
def test_the_model_to_start_with_fits_the_number_of_rows(bake, tmp_path, suffix, rows, model):
    table = pd.DataFrame({"a": range(rows), "y": ["no", "yes"] * (rows // 2) + ["no"] * (rows % 2)})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    project = bake(data_path=f"t.{suffix}")
    assert yaml.safe_load(project.read("params.yaml"))["train"]["model"] == model
    assert f"-S train.{model}." in project.output


@pytest.fixture
def parts(tmp_path):
    """The sample in a folder of four CSV files, beside files that are no data."""
    folder = tmp_path / "my parts"
    (folder / "late").mkdir(parents=True)
    header, *rows = SAMPLE.read_text().splitlines(keepends=True)
    for number, name in enumerate(["a.csv", "b.csv", "c.csv", "late/d é.csv"]):
        (folder / name).write_text(header + "".join(rows[number::4]))
    for name in ("_SUCCESS", ".gitignore", "a.csv.dvc", "empty.csv"):
        (folder / name).touch()
    return folder


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_files_becomes_a_folder_of_the_project(bake, parts):
    project = bake(data_path=str(parts), target="sex")
    data = yaml.safe_load(project.read("params.yaml"))["data"]
    assert (data["path"], data["task"]) == ("data/raw/my-parts", "classification")
    assert files_below(project.path / data["path"]) == {"a.csv", "b.csv", "c.csv", "late/d é.csv"}
    assert project.read("data/raw/.gitignore") == "/my-parts\n"
    (out,) = yaml.safe_load(project.read("data/raw/my-parts.dvc"))["outs"]
    assert (out["nfiles"], out["path"]) == (4, "my-parts")


def test_the_files_of_a_pattern_become_a_folder_of_the_project(bake, parts):
    project = bake(data_path=f"{parts}/[ab].csv", target="sex")
    assert yaml.safe_load(project.read("params.yaml"))["data"]["path"] == "data/raw/my-parts"
    assert files_below(project.path / "data/raw/my-parts") == {"a.csv", "b.csv"}


def test_parquet_files_of_a_folder_are_looked_at_together(bake, tmp_path):
    (tmp_path / "parts").mkdir()
    for number, label in enumerate(["no", "yes"]):  # one value in each file
        rows = pd.DataFrame({"a": range(30_000), "y": [label] * 30_000})
        rows.to_parquet(tmp_path / f"parts/{number}.parquet")
    train = yaml.safe_load(bake(data_path="parts").read("params.yaml"))["train"]
    assert train["model"] == "hist_gradient_boosting"


@pytest.mark.slow
def test_dvc_finds_a_folder_of_data_as_generation_tracked_it(bake, parts):
    project = bake(data_path=str(parts), target="sex")
    pointer = project.read("data/raw/my-parts.dvc")
    project.dvc("commit", "data/raw/my-parts.dvc")  # which would ask if the folder were not the one in the pointer
    assert project.read("data/raw/my-parts.dvc") == pointer
    assert "read 344 rows" in project.dvc("repro", "prepare")
    assert "didn't change, skipping" in project.dvc("repro", "prepare")
    (project.path / "data/raw/my-parts/a.csv").unlink()
    assert "read 258 rows" in project.dvc("repro", "prepare")


# --- Where it is generated --------------------------------------------------------------------------------------


def test_generation_needs_cookiecutter_and_git_alone(bake, tmp_path, cookiecutter):
    """With every package of the generated project hidden, and a PATH that holds no more than git and what it needs."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(
        "import sys\n"
        "for name in ('dvc', 'dvclive', 'numpy', 'pandas', 'pyarrow', 'sklearn', 'skops', 'pydantic'):\n"
        "    sys.modules[name] = None\n"
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git"))
    variables = {"PYTHONPATH": str(tmp_path / "hide"), "PATH": str(tmp_path / "bin")}
    cookiecutter(tmp_path / "out", variables=variables, data_path=str(SAMPLE), target="sex")
    assert (tmp_path / "out/penguins/.git").is_dir()


def test_a_terminal_that_cannot_show_a_name(cookiecutter, tmp_path):
    (tmp_path / "t.csv").write_text("a,目\n1,x\n2,z\n3,x\n", encoding="utf-8")
    output = cookiecutter(tmp_path, variables={"PYTHONIOENCODING": "ascii"}, data_path="t.csv")
    assert "predicts \\u76ee" in output


def test_pins_have_no_address():
    """And a marker at most: the same file for every Python and system."""
    for file in (TEMPLATE / "requirements.txt", TEMPLATE / "{{cookiecutter.project}}" / "requirements.txt"):
        for line in file.read_text().splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [^/]+)?", line), line


def test_without_git(cookiecutter, tmp_path):
    (tmp_path / "bin").mkdir()
    output = cookiecutter(tmp_path, variables={"PATH": str(tmp_path / "bin")})
    assert "Git is not installed" in output
    assert not (tmp_path / "penguins/.git").exists()


def test_inside_a_git_repository_nothing_is_committed(bake, tmp_path):
    run("git", "init", "-q", cwd=tmp_path)
    project = bake()
    assert f"inside the Git repository {tmp_path.resolve()}" in project.output
    assert not (project.path / ".git").exists()
    assert run("git", "status", "--porcelain", cwd=tmp_path) == "?? penguins/\n"


def test_generated_again_over_a_project_nothing_is_committed(bake, tmp_path):
    project = bake()
    (project.path / "mine").write_text("mine")
    command = ("cookiecutter", str(TEMPLATE), "--no-input", "--overwrite-if-exists", "ci=none")
    assert "nothing was committed" in run(sys.executable, "-m", *command, cwd=tmp_path)
    assert "?? mine" in project.run("git", "status", "--porcelain")
    assert len(project.run("git", "log", "--format=%s").splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="groups of processes are of Unix")
def test_a_generation_that_was_killed_is_finished_by_another(bake, tmp_path):
    command = (sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input")
    folder = tmp_path / "killed"
    folder.mkdir()
    with subprocess.Popen(command, cwd=folder, start_new_session=True) as process:
        while not (folder / "penguins/_generate").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    assert not (folder / "penguins/.git").exists()
    run(*command, "--overwrite-if-exists", cwd=folder)
    whole = bake(tmp_path / "whole")
    assert run("git", "ls-tree", "-r", "--name-only", "HEAD", cwd=folder / "penguins") == whole.run(
        "git", "ls-tree", "-r", "--name-only", "HEAD"
    )


@pytest.mark.parametrize("killed_in", ["git init", "git add", "git branch"])
def test_a_repository_that_a_killed_generation_left_is_finished(bake, tmp_path, killed_in):
    whole = bake(tmp_path / "whole")
    folder = tmp_path / "penguins"
    branch = "unfinished-generation"  # the name until the commit is made
    folder.mkdir()
    if killed_in == "git init":
        (folder / ".git").mkdir()
    elif killed_in == "git add":
        run("git", "init", "--quiet", f"--initial-branch={branch}", cwd=folder)
        (folder / ".git/index.lock").write_text("")
    else:
        shutil.copytree(whole.path, folder, dirs_exist_ok=True)
        run("git", "branch", "--move", branch, cwd=folder)
    command = ("cookiecutter", str(TEMPLATE), "--no-input", "--overwrite-if-exists")
    run(sys.executable, "-m", *command, cwd=tmp_path)
    for words in (("ls-tree", "-r", "--name-only", "HEAD"), ("for-each-ref", "--format=%(refname)")):
        assert run("git", *words, cwd=folder) == whole.run("git", *words)


def test_without_a_git_identity(cookiecutter, tmp_path):
    (tmp_path / "gitconfig").write_text("[user]\n  useConfigOnly = true\n")
    output = cookiecutter(tmp_path, variables={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}, author_name="Ada")
    assert "Git knows no user.name and user.email" in output
    author = run("git", "log", "--format=%an <%ae>", cwd=tmp_path / "penguins")
    assert author == "Ada <nobody@localhost>\n"
    assert run("git", "config", "user.name", cwd=tmp_path / "penguins") == "Ada\n"


@pytest.mark.parametrize(
    ("author", "signature"),
    [
        ("Jane Doe <jane@example.org>", "Jane Doe <jane@example.org>"),
        ("Jane >Doe< <<jane@example.org>>", "Jane Doe <jane@example.org>"),
        ("<jane@example.org>", "nobody <jane@example.org>"),
        ("Jane <ja ne@example.org", "Jane <jane@example.org>"),
        (" <> ", "nobody <nobody@localhost>"),
    ],
)
def test_an_author_with_an_address_is_an_identity_that_git_can_hold(cookiecutter, tmp_path, author, signature):
    (tmp_path / "gitconfig").write_text("[user]\n  useConfigOnly = true\n")
    variables = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    cookiecutter(tmp_path, variables=variables, author_name=author)
    assert run("git", "log", "--format=%an <%ae>", cwd=tmp_path / "penguins") == f"{signature}\n"


def test_the_users_git_settings_do_no_harm(cookiecutter, tmp_path):
    """Signing without a key, hooks that refuse, a line-ending rule: the first commit is made all the same."""
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = (
        "[user]\n name = A\n email = a@b\n[commit]\n gpgsign = true\n[core]\n autocrlf = true\n safecrlf = true\n"
    )
    (tmp_path / "gitconfig").write_text(f"{settings} hooksPath = {tmp_path / 'hooks'}\n")
    cookiecutter(tmp_path, variables={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
    assert run("git", "log", "--format=%s", cwd=tmp_path / "penguins") == "Create penguins from the template\n"


def test_a_path_relative_to_the_user_with_another_output_folder(tmp_path):
    shutil.copy(SAMPLE, tmp_path / "mine.csv")
    (tmp_path / "out").mkdir()
    command = ("cookiecutter", str(TEMPLATE), "--no-input", "-o", "out", "data_path=mine.csv", "target=sex")
    run(sys.executable, "-m", *command, cwd=tmp_path)
    assert (tmp_path / "out/penguins/data/raw/mine.csv").read_bytes() == SAMPLE.read_bytes()


def test_a_strange_file_name_is_made_plain(bake, tmp_path):
    shutil.copy(SAMPLE, tmp_path / "1. données $(x) 'é'.csv")
    project = bake(data_path="1. données $(x) 'é'.csv", target="sex")
    assert yaml.safe_load(project.read("params.yaml"))["data"]["path"] == "data/raw/table-1.-donn-es-x-.csv"
    assert (project.path / "data/raw/table-1.-donn-es-x-.csv").exists()


def test_the_prompts_are_at_most_ten_and_for_people():
    context = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    visible = [name for name in context if not name.startswith("_")]
    assert len(visible) <= 10
    assert set(context["__prompts__"]) == set(visible)


def test_answers_typed_at_the_prompts(tmp_path):
    """Each question answered with Enter, but for the name, which holds what cookiecutter renders on a command line."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE)]
    done = subprocess.run(
        command, check=False, input="A {{ b }} c\n\n\n\n\n\n\n\n\n\n", cwd=tmp_path, env={**os.environ, "PWD": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a-b-c/README.md").read_text().startswith("# A {{ b }} c\n")
