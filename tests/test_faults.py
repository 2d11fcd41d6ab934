"""Faults of the machine: full disks, folders that cannot be written, clocks, locales, two commands at once, dead writers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
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
