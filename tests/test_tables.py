"""Whatever table is given, a stage either does its work or says in one line why not."""

import csv
import importlib
import io
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ODD = [
    "",
    " ",
    "NA",
    "None",
    "nan",
    "inf",
    "-inf",
    "?",
    "-",
    "#",
    "# x",
    "0",
    "1e400",
    "1,5",
    "1.000",
    "5%",
    "$3",
    "3 kg",
]
ODD += [
    "2024-01-31",
    "31.12.1999",
    "1/2/03",
    "10:30",
    "1 day",
    "P1D",
    "20240131",
    "True",
    "yes",
    "é",
    "😀",
    "a b c d e f",
]
ODD += ['"', "'", "\n", "\r", ";", "\t", "|", ",", "=1+1", "<b>", "{}", "\\", "\x1f", "\u2028", "9" * 30, "x" * 200]
cells = st.sampled_from(ODD) | st.integers(-9, 9).map(str) | st.floats().map(str) | st.text(max_size=5)


@st.composite
def tables(draw) -> bytes:
    """A CSV of up to 8 columns and 40 rows, some of them drawn from few values, in some dialect and encoding."""
    width, height = draw(st.integers(1, 8)), draw(st.integers(0, 40))
    header = draw(st.lists(cells, min_size=width, max_size=width))
    columns = []
    for _ in range(width):
        values = draw(st.lists(cells, min_size=1, max_size=draw(st.sampled_from([2, 3, 40]))))
        columns.append(draw(st.lists(st.sampled_from(values), min_size=height, max_size=height)))
    text = io.StringIO()
    delimiter = draw(st.sampled_from(",;\t|"))
    writer = csv.writer(text, delimiter=delimiter, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])))
    writer.writerows([header, *zip(*columns, strict=True)])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
    return text.getvalue().encode(encoding, errors="replace")


@pytest.fixture(scope="module")
def project(cookiecutter, tmp_path_factory):
    """A project with little to fit, as the current folder, its package to import."""
    folder = tmp_path_factory.mktemp("tables")
    cookiecutter(folder, project="any-table")
    text = (folder / "any-table" / "params.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("data/raw/penguins.csv", "table.csv"),
        ('target: "sex"', "target: null"),
        ("task: classification", "task: auto"),
        ("n_estimators: 100 # trees", "n_estimators: 2"),
        ("n_splits: 5", "n_splits: 2"),
        ("train_sizes: [0.1, 0.3, 1.0]", "train_sizes: [1.0]"),
        ("n_repeats: 5", "n_repeats: 1"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    before = Path.cwd()
    os.chdir(folder / "any-table")
    Path("params.yaml").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    yield
    sys.path.remove(str(Path.cwd()))
    os.chdir(before)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=tables() | st.text(max_size=200).map(lambda text: text.encode(errors="replace")) | st.binary(max_size=200)
)
def test_any_table_is_trained_on_or_refused_in_one_line(project, content):
    errors = importlib.import_module("any_table.core.errors")
    Path("table.csv").write_bytes(content)
    try:
        for stage in ("prepare", "train", "evaluate"):
            importlib.import_module(f"any_table.stages.{stage}").main()
    except errors.UserError as error:
        assert re.match(r"(table\.csv|params\.yaml|only one class|no column is left)\b", str(error))
