"""Every file that a command reads, damaged in every way: one line that names the file, and no traceback."""

import json
import os
import sys
from pathlib import Path

import pytest
from conftest import SAMPLE, BakedProject, copy_project
from example.core.config import read_params
from example.core.errors import UserError, reading
from quick_project import finish_quickly

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="tries are forks, so that each starts in no time"),
    pytest.mark.xdist_group("damage"),  # one worker, so that the shared project is made once
]

KINDS = ["empty", "truncated", "binary", "a list", "a number", "another object", "conflict markers", "a folder"]
# Each file, and the commands that read it.
READERS = {
    "data/prepared/train.parquet": ["stage train", "stage evaluate"],
    "data/prepared/test.parquet": ["stage evaluate"],
    "data/prepared/schema.json": [
        "stage train", "stage evaluate", "model-card", "predict rows.csv", "drift rows.csv",
    ],
    "data/prepared/profile.json": ["drift rows.csv"],
    "models/model.skops": ["stage evaluate", "predict rows.csv"],
    "models/model.json": ["model-card"],
    "models/environment.json": ["model-card"],
    "results/prepare/metrics.json": ["model-card"],
    "results/train/metrics.json": ["stage evaluate", "model-card"],
    "results/evaluate/metrics.json": ["model-card"],
    "params.yaml": ["stage prepare", "stage train", "predict rows.csv", "drift rows.csv", "model-card"],
    "sweep.yaml": ["sweep --trials 1 --top 0"],
    "dvc.yaml": ["registry", "model-card"],
    "dvc.lock": ["model-card", "stage prepare"],
    ".dvc/config": ["registry"],
    ".gto": ["registry"],
    "data/raw/penguins.csv": ["stage prepare"],
    "rows.csv": ["predict rows.csv", "drift rows.csv"],
}  # fmt: skip
# What is a file of its kind still, if not the one that it was.
READABLE = {
    ("models/environment.json", "another object"),
    ("results/evaluate/metrics.json", "another object"),
    (".dvc/config", "empty"),
    (".dvc/config", "truncated"),
    (".gto", "empty"),
    (".gto", "a folder"),
    *((file, "truncated") for file in ("dvc.lock", "params.yaml")),
    *((table, "truncated") for table in ("data/raw/penguins.csv", "rows.csv")),
}
# Runs each command in a fork of one process, which has imported everything, and prints its exit code and output.
TRIES = """
import json, os, signal, sys, tempfile
from importlib import import_module
from penguins.toolbox import cli
sys.path[:0] = [sys.argv[2]]
from test_damage import READERS, KINDS, damaged
for name in ("predict", "drift.drift", "model_card", "registry.registry", "sweep.sweep"):
    import_module(f"penguins.toolbox.{name}")
stages = {name: import_module(f"penguins.stages.{name}") for name in ("prepare", "train", "evaluate")}

def call(words):
    if words[0] == "stage":
        stages[words[1]].main()
    else:
        sys.argv = ["penguins", *words]
        cli.main()

def attempt(command):
    output = tempfile.TemporaryFile()
    child = os.fork()
    if not child:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        signal.alarm(60)
        code = 0
        try:
            call(command.split())
        except SystemExit as error:
            code = error.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    output.seek(0)
    return [code, output.read().decode(errors="replace")]

results = []
for file, commands in READERS.items():
    for kind in KINDS:
        with damaged(file, kind):
            results += [[file, kind, command, *attempt(command)] for command in commands]
with open(sys.argv[1], "w") as file:
    json.dump(results, file)
"""


class damaged:
    """A file of the current folder is damaged within the block."""

    def __init__(self, name: str, kind: str) -> None:
        self.path, self.kind = Path(name), kind

    def __enter__(self) -> None:
        self.content = self.path.read_bytes() if self.path.exists() else None
        whole = self.content or b"stages: {prod: \n"
        self.path.unlink(missing_ok=True)  # it may be a link to DVC's cache
        if self.kind == "a folder":
            self.path.mkdir()
            return
        self.path.write_bytes(
            {
                "empty": b"",
                "truncated": whole[: len(whole) * 2 // 3],
                "binary": bytes(range(256)) * 4,
                "a list": b"[1, 2]\n",
                "a number": b"3\n",
                "another object": b'{"a": {"b": 1}}\n',
                "conflict markers": b"<<<<<<< HEAD\n" + whole + b"\n=======\n" + whole + b"\n>>>>>>> theirs\n",
            }[self.kind]
        )

    def __exit__(self, *_: object) -> None:
        self.path.rmdir() if self.path.is_dir() else self.path.unlink()
        if self.content is not None:
            self.path.write_bytes(self.content)


@pytest.fixture(scope="module")
def quick(cookiecutter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    cookiecutter(folder)
    project = finish_quickly(folder / "penguins")
    (project.path / "rows.csv").write_bytes(SAMPLE.read_bytes())
    return project


@pytest.fixture(scope="module")
def tries(quick, tmp_path_factory):
    """The exit code and the output of each try, by file and kind of damage."""
    project = copy_project(quick, tmp_path_factory.mktemp("tries") / "copy")
    results = project.path.parent / "results.json"
    here = str(Path(__file__).parent)
    project.run(
        sys.executable,
        "-c",
        TRIES,
        str(results),
        here,
        PYTHONPATH=f"{project.path}{os.pathsep}{here}",
        OMP_NUM_THREADS="1",
    )
    tries: dict = {}
    for file, kind, command, code, output in json.loads(results.read_text()):
        tries.setdefault((file, kind), []).append((command, code, output))
    return tries


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", READERS)
def test_a_damaged_file_is_named_in_one_line(tries, file, kind):
    for command, code, output in tries[file, kind]:
        assert "Traceback" not in output, command
        assert code in ((0, 1, 2) if (file, kind) in READABLE else (1,)), f"{command}: {output}"
        if code == 1:
            errors = [line for line in output.splitlines() if line.startswith("error: ")]
            assert len(errors) == 1, f"{command}: {output}"
            assert Path(file).name in errors[0], command


# --- The one place ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "read", "problem"),
    [
        (None, Path.read_text, "is missing"),
        (b"{", lambda path: json.loads(path.read_text()), "is damaged"),
        (b"\xff", lambda path: path.read_text(encoding="utf-8"), "is damaged"),
        (b"[" * 100_000, lambda path: json.loads(path.read_text()), "is damaged"),
        (b"9" * 5000, lambda path: json.loads(path.read_text()), "is damaged"),
        (b"[]", lambda path: json.loads(path.read_text())["rows"], "is damaged"),
        (
            b"<<<<<<< a\n1\n=======\n2\n>>>>>>> b\n",
            lambda path: json.loads(path.read_text()),
            "has the conflict markers",
        ),
    ],
)
def test_what_reading_raises_becomes_one_line_without_a_word_of_the_file(tmp_path, content, read, problem):
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error, reading(path, "run: dvc repro", called="results/file.json"):
        read(path)
    assert str(error.value).startswith(f"results/file.json: {problem}")
    assert str(error.value).endswith("; run: dvc repro")


def test_an_error_of_the_code_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), reading(tmp_path):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x [*x]", "a value holds itself"),
        ("a: &x {b: *x}", "a value holds itself"),
        ("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ), "has more than 100,000 items"),
        ("a: !!timestamp 2024-01-31", "2024-01-31: is a date; put it in quotes"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: " + "[" * 5000, "is nested more than"),
        ("3", "should hold the sections"),
    ],
)  # fmt: skip
def test_params_that_json_could_not_hold_are_refused(tmp_path, text, problem):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml: ") as error:
        read_params(tmp_path / "params.yaml")
    assert problem in str(error.value)


# --- Neither file nor commit ------------------------------------------------------------------------------------------


def toolbox(project: BakedProject, *words: str, code: int = 1) -> str:
    return project.run(sys.executable, "-m", "penguins", *words, code=code)


def is_one_line(output: str) -> bool:
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    return len(errors) == 1 and "Traceback" not in output


def test_output_that_cannot_be_written_is_one_line(quick):
    for words in (["registry"], ["predict", "rows.csv"]):
        command = f"{sys.executable} -m penguins {' '.join(words)} > /dev/full"
        output = quick.run("sh", "-c", command, code=1)
        assert is_one_line(output) and "the disk is full" in output
    assert toolbox(quick, "model-card", "-o", ".") == "error: -o .: is a folder; name a file\n"


def test_a_project_without_git_says_so(quick, tmp_path):
    project = copy_project(quick, tmp_path / "copy")
    (project.path / ".git").rename(tmp_path / "git")
    for words in (["compare"], ["model-card"], ["verify"]):
        output = toolbox(project, *words)
        assert is_one_line(output) and "git init" in output
    assert "Traceback" not in toolbox(project, "predict", "rows.csv", code=0)
    assert "this folder is not in a Git repository" in project.stage("prepare")


def test_results_that_is_a_file_is_named(quick, tmp_path):
    project = copy_project(quick, tmp_path / "copy")
    (project.path / "results").rename(tmp_path / "results")
    (project.path / "results").write_text("")
    for stage in ("prepare", "train"):
        output = project.stage(stage, code=1)
        assert is_one_line(output) and "error: results/" in output


@pytest.mark.parametrize("rev", ["HEAD:params.yaml", "HEAD^{tree}", "x" * 5000])
def test_a_revision_that_is_no_commit_is_refused(quick, rev):
    for words in (["model-card"], ["drift", "--reference"]):
        output = toolbox(quick, *words, rev)
        assert is_one_line(output) and "is not a commit" in output


@pytest.mark.parametrize("thing", ["HEAD:params.yaml", "HEAD:results"])
def test_a_version_that_is_no_commit_is_named(quick, tmp_path, thing):
    project = copy_project(quick, tmp_path / "copy")
    project.run("git", "tag", "-a", "-m", "x", "penguins@v1.0.0", thing)
    for words in (["registry"], ["model-card", "penguins@v1.0.0"], ["rollback", "--stage", "prod"]):
        output = toolbox(project, *words)
        assert is_one_line(output) and "penguins@v1.0.0" in output, output
