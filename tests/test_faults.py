"""Faults of the machine: full disks, folders that cannot be written, clocks, locales, two commands at once, dead writers."""

import hashlib
import json
import locale
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from conftest import BakedProject
from example.core import reader
from example.core.config import read_params
from example.core.errors import UserError
from example.core.files import atomic_write
from example.core.revisions import resolve
from example.core.temporary import temporary_folder

# --- Files that are written -----------------------------------------------------------------------------------------


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, dead):
    target = tmp_path / "out.csv"
    left = tmp_path / f".out.csv.{dead}.0a1b2c3d.1.tmp"
    of_this_container = tmp_path / f".out.csv.{os.getpid()}.0a1b2c3d.1.tmp"  # the same number, an earlier process
    of_another_file = tmp_path / f".other.csv.{dead}.0a1b2c3d.1.tmp"
    for path in (left, of_this_container, of_another_file):
        path.write_text("half")
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", of_another_file.name}


def test_what_another_process_is_writing_stays(tmp_path):
    of_another = tmp_path / f".out.csv.{os.getppid()}.0a1b2c3d.1.tmp"
    of_another.write_text("half")
    with atomic_write(tmp_path / "out.csv") as temporary:
        temporary.write_text("whole")
    assert of_another.exists()


@pytest.mark.parametrize("name", [".", "..", "folder"])
def test_a_folder_is_not_written_as_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(UserError, match=r"is a folder; name a file$"), atomic_write(name):
        pass


def test_a_temporary_folder_of_a_killed_process_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "dvc-project-x"
    left.mkdir()
    (left / "lock").write_text("")  # which nobody holds
    with temporary_folder() as outer, temporary_folder() as inner:
        assert not left.exists()
        assert outer.exists() and inner.exists()
    assert not list(tmp_path.iterdir())


# --- Files that are read ----------------------------------------------------------------------------------------------


def overwrite(path: Path) -> None:
    path.write_text("a,b\n" + "7,8\n" * 50)


def replace(path: Path) -> None:
    """By a file of the same size and time, as rsync does."""
    other = path.with_name("other")
    shutil.copy2(path, other)
    os.replace(other, path)


def remove(path: Path) -> None:
    path.unlink()


def ruin(path: Path) -> None:
    """So that it can no longer be parsed."""
    path.write_bytes(b'a,b\n"1,2\n' * 9)


CHANGED = r"changed while it was read; wait until it is written, and run this again$"


@pytest.mark.parametrize("change", [overwrite, replace, remove, ruin])
def test_a_table_that_changes_while_prepare_reads_it_is_refused(tmp_path, monkeypatch, change):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "1,2\n" * 50)
    detect = reader.dialect.detect

    def slowly(name):
        form = detect(name)
        change(path)
        return form

    monkeypatch.setattr(reader.dialect, "detect", slowly)
    with pytest.raises(UserError, match=CHANGED):
        reader.read(str(path))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_that_changes_between_two_parts_is_refused(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table = pd.DataFrame({"a": range(100), "b": range(100)})
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    chunks = reader.read_chunks(path, 10)
    next(chunks.tables)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    with pytest.raises(UserError, match=CHANGED):
        list(chunks.tables)


def test_a_table_that_changes_while_prepare_works_on_it_is_refused(params, monkeypatch, module):
    prepare = module("stages.prepare")
    describe = prepare.split_and_describe

    def slowly(*arguments):
        overwrite(Path("table.csv"))
        return describe(*arguments)

    monkeypatch.setattr(prepare, "split_and_describe", slowly)
    with pytest.raises(Exception, match=f"^table.csv: {CHANGED}") as error:
        prepare.main()
    assert type(error.value).__name__ == "UserError"


# --- Values that no machine can hold ----------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [20, 400])
def test_a_number_with_too_many_digits_is_refused_by_its_key(tmp_path, digits):
    path = tmp_path / "params.yaml"
    path.write_text(f"train: {{forest: {{n_estimators: {'9' * digits}}}}}\n")
    with pytest.raises(UserError, match=r"^params\.yaml: train\.forest\.n_estimators: has \d+ bits"):
        read_params(path)


@pytest.mark.parametrize("rev", ["", " "])
def test_an_empty_revision_is_refused(rev):
    with pytest.raises(UserError, match=rf"^'{rev}': is empty; name a commit"):
        resolve(rev)


# --- The disk ---------------------------------------------------------------------------------------------------------

COMMANDS = ["stage prepare", "stage train", "stage evaluate", "predict rows.csv -o out.csv", "model-card -o card.md"]
# Runs each command in a fork, where no file may grow beyond a few bytes, and prints its exit code and output.
ON_A_FULL_DISK = """
import json, os, resource, sys
from importlib import import_module
from penguins.core.errors import install_excepthook
from penguins.toolbox import cli, model_card, predict
stages = {name: import_module(f"penguins.stages.{name}") for name in ("prepare", "train", "evaluate")}
results = []
for command in sys.argv[1:]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        words = command.split()
        sys.argv = ["penguins", *words]
        install_excepthook()
        try:
            stages[words[1]].main() if words[0] == "stage" else cli.main()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with open(reader) as output:
        printed = output.read()
    results.append([command, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed])
print(json.dumps(results))
"""


def outputs(project: BakedProject) -> dict[str, str]:
    """The MD5 of each file of the pipeline."""
    files = [path for name in ("data", "models", "results") for path in (project.path / name).rglob("*")]
    return {
        path.relative_to(project.path).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def is_one_line(output: str) -> bool:
    return output.count("error: ") == 1 and "Traceback" not in output


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of a process are of Unix")
def test_on_a_full_disk_a_command_ends_in_one_line_and_leaves_no_half_of_a_file(project):
    shutil.copy(project.path / "data/raw/penguins.csv", project.path / "rows.csv")
    (project.path / "out.csv").write_text("of before")
    results = json.loads(project.run(sys.executable, "-c", ON_A_FULL_DISK, *COMMANDS).splitlines()[-1])
    for command, code, output in results:
        assert code == 1, (command, output)
        assert is_one_line(output), (command, output)
        assert re.search("File too large|a database cannot be written", output), (command, output)
    assert project.read("out.csv") == "of before"
    assert not list(project.path.rglob("*.tmp"))


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_named_in_one_line(project):
    folder = project.path / "data/prepared"
    if subprocess.run(["chattr", "+i", folder], check=False, capture_output=True).returncode:
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            pytest.skip("permissions do not bind root, and this file system has no immutable folders")
        folder.chmod(0o555)
    try:
        output = project.stage("prepare", code=1)
        assert is_one_line(output)
        assert re.search(r"error: data/prepared/train.parquet: cannot be written \(.*(permitted|denied)", output)
    finally:
        subprocess.run(["chattr", "-i", folder], check=False, capture_output=True)
        folder.chmod(0o755)


# --- Two at once --------------------------------------------------------------------------------------------------------


def together(project: BakedProject, *command: str) -> list[tuple[int, str]]:
    """Run a command twice at once: the exit code and the output of each."""
    both = [
        subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in both]
    return [(process.returncode, output) for process, output in zip(both, printed, strict=True)]


@pytest.mark.slow
def test_of_two_dvc_repro_at_once_one_waits_or_is_refused(project):
    before = outputs(project)
    ended = together(project, sys.executable, "-m", "dvc", "repro", "--force", "evaluate", "--single-item")
    assert 0 in [code for code, _ in ended]
    for code, output in ended:
        assert code == 0 or "Unable to acquire lock" in output or ".dvc/tmp/rwlock" in output
        assert "Traceback" not in output
    assert outputs(project) == before
    assert "up to date" in project.dvc("status")


@pytest.mark.slow
def test_of_two_predictions_into_one_file_each_is_whole_and_one_stays(project):
    rows = project.path / "data/raw/penguins.csv"
    command = (sys.executable, "-m", "penguins", "predict", str(rows), "-o", "out.csv")
    assert [code for code, _ in together(project, *command)] == [0, 0]
    whole = project.read("out.csv")
    project.run(*command)
    assert project.read("out.csv") == whole
    assert not list(project.path.glob(".out.csv*"))


# --- The remote and the cache ---------------------------------------------------------------------------------------


class DyingStore(BaseHTTPRequestHandler):
    """A DVC remote on HTTP that breaks its connections after some files."""

    files: dict[str, bytes] = {}  # noqa: RUF012 - replaced by each test
    left = 0  # files until it dies

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        content = self.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if body and content:
            self.wfile.write(content if self.is_alive() else content[: len(content) // 2])

    def do_POST(self) -> None:
        content = self.read_chunks()
        if self.is_alive():
            self.files[self.path] = content
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def is_alive(self) -> bool:
        type(self).left -= 1
        self.close_connection = self.left < 0
        return not self.close_connection

    def read_chunks(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store():
    DyingStore.files, DyingStore.left = {}, 3
    server = ThreadingHTTPServer(("127.0.0.1", 0), DyingStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/store"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_remote_that_dies_within_a_push_or_a_pull_is_completed_by_the_next(project, store):
    project.dvc("remote", "add", "--force", "storage", store)
    whole = outputs(project)
    assert "ERROR" in project.dvc("push", code=1)
    DyingStore.left = 1000
    project.dvc("push")
    for path, content in DyingStore.files.items():
        md5 = re.fullmatch(r"/store/files/md5/(..)/(.{30})(\.dir)?", path)
        assert hashlib.md5(content).hexdigest() == md5[1] + md5[2]

    shutil.rmtree(project.path / ".dvc/cache")
    shutil.rmtree(project.path / "models")
    DyingStore.left = 2
    assert "ERROR" in project.dvc("pull", code=255)
    DyingStore.left = 1000
    project.dvc("pull")
    assert outputs(project) == whole


@pytest.mark.slow
def test_a_remote_that_is_gone_or_no_folder_is_named_and_nothing_is_lost(project):
    whole = outputs(project)
    remote = project.path.parent / "penguins-remote"
    remote.write_text("not a folder")
    assert "ERROR" in project.dvc("push", code=255)
    assert outputs(project) == whole
    remote.unlink()
    project.dvc("push")
    remote.rename(remote.with_name("elsewhere"))
    shutil.rmtree(project.path / ".dvc/cache")
    assert "Missing cache files" in project.dvc("pull", code=1)
    remote.with_name("elsewhere").rename(remote)
    project.dvc("pull")
    assert outputs(project) == whole


@pytest.mark.slow
def test_a_truncated_file_of_the_cache_is_named_and_comes_back_from_the_remote(project):
    project.dvc("push")
    md5 = hashlib.md5((project.path / "models/model.skops").read_bytes()).hexdigest()
    cached = project.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    whole = cached.read_bytes()
    cached.chmod(0o644)
    cached.write_bytes(whole[:1000])
    predict = (sys.executable, "-m", "penguins", "predict", "data/raw/penguins.csv", "--model", "HEAD")
    output = project.run(*predict, code=1)
    assert is_one_line(output)
    assert f"the content of {cached} was changed; delete that file, and run this again" in output
    cached.unlink()
    project.run(*predict)
    project.dvc("fetch")
    assert cached.read_bytes() == whole


# --- Clock, locale, time zone, umask ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("year", [1970, 2100])
def test_files_of_another_time_are_the_same_files(project, year):
    when = time.mktime((year, 1, 2, 0, 0, 0, 0, 0, 0))
    for path in (
        path for name in ("data", "models", "results", "penguins") for path in (project.path / name).rglob("*")
    ):
        os.utime(path, (when, when))
    assert "up to date" in project.dvc("status")
    assert "didn't change, skipping" in project.dvc("repro")


def has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_ALL, before)
    return True


ALL_STAGES = """
import os
from penguins.stages import evaluate, prepare, train
os.umask(0o077)
for stage in (prepare, train, evaluate):
    stage.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "zone"), [("C", "Pacific/Kiritimati"), ("tr_TR.UTF-8", "America/Adak")])
def test_another_locale_time_zone_and_umask_give_the_same_bytes(project, name, zone):
    if not has_locale(name):
        pytest.skip(f"this machine has no locale {name}")
    before = outputs(project)
    variables = {"LC_ALL": name, "TZ": zone, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    project.run(sys.executable, "-c", ALL_STAGES, **variables)
    assert outputs(project) == before
