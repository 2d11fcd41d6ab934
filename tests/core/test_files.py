"""A table in many files is the same table as in one."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SAMPLE
from example.core import paths, reader
from example.core.errors import UserError
from example.stages import prepare

PREPARED = (paths.TRAIN, paths.TEST, paths.SCHEMA, paths.PROFILE, paths.PREPARE_METRICS)


def split_into(folder, n_files, suffix=".csv"):
    """The sample in files of equal size, named by number."""
    table = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    typed = pd.read_csv(SAMPLE)
    Path(folder).mkdir()
    for i in range(n_files):
        rows = slice(i * len(table) // n_files, (i + 1) * len(table) // n_files)
        if suffix == ".csv":
            table.iloc[rows].to_csv(f"{folder}/part-{i:02}.csv", index=False)
        else:
            typed.iloc[rows].to_parquet(f"{folder}/part-{i:02}.parquet", index=False)


def prepare_bytes(params, path):
    """What prepare writes from a table, by path."""
    shutil.rmtree("data", ignore_errors=True)
    params(data={"path": path, "target": "sex"}, prepare={"split": "hash"})
    prepare.main()
    return {file: file.read_bytes() for file in PREPARED}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_in_one_file_or_in_ten_are_prepared_to_the_same_bytes(params, suffix):
    split_into("one", 1, suffix)
    split_into("ten", 10, suffix)
    one = prepare_bytes(params, "one")
    assert prepare_bytes(params, "ten") == one
    assert prepare_bytes(params, f"one/part-00{suffix}") == one


def test_files_without_rows_of_the_table_are_left_out(params):
    split_into("parts", 3)
    before = prepare_bytes(params, "parts")
    for name in ("_SUCCESS", "empty.csv", ".hidden.csv"):
        Path("parts", name).touch()
    Path("parts/.gitignore").write_text("*.csv\n")
    Path("parts/part-00.csv.dvc").write_text("outs: []\n")
    Path("parts/README.md").write_text("# About the data\n")
    Path("parts/_delta_log").mkdir()
    Path("parts/_delta_log/0.json").write_text("{}")
    Path("parts/part-01b.csv").write_text(Path("parts/part-01.csv").read_text().partition("\n")[0] + "\n")
    assert prepare_bytes(params, "parts") == before


def test_subfolders_and_patterns_are_read_in_the_order_of_names(params):
    split_into("parts", 4)
    before = prepare_bytes(params, "parts")
    assert prepare_bytes(params, "parts/*.csv") == before
    Path("parts/part-02").mkdir()
    shutil.move("parts/part-02.csv", "parts/part-02/rows.csv")
    assert prepare_bytes(params, "parts") == before


def test_columns_may_have_another_order_and_files_another_dialect(params):
    split_into("parts", 3)
    before = prepare_bytes(params, "parts")
    for name, separator in (("part-01.csv", ";"), ("part-02.csv", "\t")):
        table = pd.read_csv(f"parts/{name}", dtype=str, keep_default_na=False)
        table[[*table][::-1]].to_csv(f"parts/{name}", sep=separator, index=False)
    assert prepare_bytes(params, "parts") == before


def test_a_part_whose_header_could_be_data_is_read_as_the_first_file(tmp_path):
    (tmp_path / "a.csv").write_text("kind,place\n" + "red,north\nblue,south\nred,south\nblue,north\n" * 8)
    (tmp_path / "b.csv").write_text("kind,place\nkind,place\nred,north\n")
    (tmp_path / "c.csv").write_text("kind,place\n1,2\n")
    assert len(reader.read(tmp_path)[0]) == 34
    for name in ("a.csv", "b.csv", "c.csv"):  # no header in any of them
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("kind,place\n", "").replace("red", "3").replace("blue", "4"))
    table, _ = reader.read(tmp_path)
    assert list(table) == ["column_1", "column_2"]
    assert table.astype(str).value_counts()["1", "2"] == 1


def test_parquet_files_of_several_types_are_cast_to_one_that_holds_both(tmp_path):
    parts = {"a": pa.array([1, 2]), "b": pa.array([2.5]), "c": pa.nulls(1), "d": pa.array([7], pa.int8())}
    for name, values in parts.items():
        text = pa.array(["x"] * len(values)).dictionary_encode()
        pq.write_table(pa.table({"number": values, "text": text}), tmp_path / f"{name}.parquet")
    table, _ = reader.read(tmp_path)
    assert table["number"].fillna(-1).tolist() == [1.0, 2.0, 2.5, -1.0, 7.0]
    assert len(list(reader.read_chunks(tmp_path, 10).tables)) == 4


REFUSED = {
    "other columns": ({"b.csv": "x,z\n1,2\n"}, r"b\.csv: lacks 'y' and adds 'z', compared with a\.csv; give all files"),
    "another format": ({"b.csv": pa.table({"x": [1], "y": [2]})}, r"b\.csv: is not csv, as a\.csv is; give all"),
    "a damaged file": (
        {"b.csv": "x,y\n1,2\n1,2,3,4\n"},
        r"b\.csv: has 4 fields in the row that ends at line 3 and 2 columns",
    ),
    "a folder named after a value": (
        {"y=1/b.csv": "x\n1\n"},
        "has a folder 'y=1', named after a value; make it a column",
    ),
    "types that do not fit": (
        {"a.csv": pa.table({"x": [1], "y": [2]}), "b.parquet": pa.table({"x": ["one"], "y": [2]})},
        r"b\.parquet: has string in 'x', and the files before it have int64; give the column one type",
    ),
}


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_files_that_are_no_table_together_are_refused_in_one_line(tmp_path, files, message):
    for name, content in {"a.csv": "x,y\n1,2\n3,4\n", **files}.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            file.write_text(content)
        else:
            pq.write_table(content, file)
    with pytest.raises(UserError, match=message) as caught:
        reader.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_data_is_refused(tmp_path):
    (tmp_path / ".gitignore").write_text("*\n")
    with pytest.raises(UserError, match="has no file with data in it"):
        reader.read(tmp_path)


def test_a_note_names_its_files_unless_it_is_of_all(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.csv").write_bytes("x,y\nRhône,1\nSaône,2\n".encode("latin-1"))
    assert reader.read(tmp_path)[1] == ["the file is not UTF-8: read as cp1252"]
    (tmp_path / "d.csv").write_text("x,y\nRhône,1\n")
    assert reader.read(tmp_path)[1] == ["a.csv, b.csv, c.csv: the file is not UTF-8: read as cp1252"]
