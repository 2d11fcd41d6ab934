"""predict: by the model of an experiment, a revision or the registry, also from a clone that never trained; any table."""

import importlib
import json
import re
import shutil
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from commands import MANY, QUICK
from conftest import TEMPLATE, BakedProject, copy_project, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.xdist_group("predict")  # one worker, so that what they share is made once

RAW = "data/raw/penguins.csv"


def predict(project: BakedProject, *given: tuple[str, ...]) -> list[str]:
    """What each command prints, its one line for a mistake included; warnings stand before all of it."""
    words = json.dumps([("predict", *words) for words in given])
    return json.loads(project.run(sys.executable, "-c", MANY, words).splitlines()[-1])


# --- With DVC and Git -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(finished, tmp_path_factory):
    """A project with a version v1.0.0 in stage prod, a later commit with another model, and its clone that has no data."""
    folder = tmp_path_factory.mktemp("shared") / "copy"
    project = copy_project(finished, folder)
    project.run("git", "tag", "-a", "-m", "first", "penguins@v1.0.0")
    project.run("git", "tag", "-a", "-m", "to production", "penguins#prod#1")
    project.dvc("push", "-q")
    changes = ("-S", "train.model=logistic_regression", "-S", "evaluate.confidence_threshold=0.95", *QUICK)
    project.dvc("exp", "run", "-q", "-n", "linear", *changes)
    project.commit("Linear")
    run("git", "clone", "-q", str(project.path), "clone", cwd=folder)
    return SimpleNamespace(project=project, clone=BakedProject(folder / "clone", ""), input=finished.path / RAW)


def state(project: BakedProject) -> set[str]:
    """The files of the workspace, and what Git says of them."""
    files = {path.relative_to(project.path).as_posix() for path in project.path.rglob("*") if path.is_file()}
    return {file for file in files if not file.startswith((".git/", ".dvc/")) and "__pycache__" not in file} | {
        project.run("git", "status", "--porcelain", "--ignored=no")
    }


@pytest.mark.slow
def test_a_clone_that_never_trained_predicts_by_the_registry(shared, finished, tmp_path):
    before = state(shared.clone)
    assert "models/model.skops" not in before
    names = ("penguins@prod", "penguins@v1.0.0", "penguins#prod", "HEAD~1")
    (expected,) = predict(finished, (RAW, "-o", str(tmp_path / "expected.csv")))
    files = [str(tmp_path / f"{number}.csv") for number in range(len(names))]
    words = [(str(shared.input), "-o", file, "--model", name) for file, name in zip(files, names, strict=True)]
    for file, output in zip(files, predict(shared.clone, *words), strict=True):
        assert output.replace(file, str(tmp_path / "expected.csv")) == expected
        assert Path(file).read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert state(shared.clone) == before


@pytest.mark.slow
def test_the_model_of_an_experiment_and_a_revision_has_the_threshold_of_its_own_params(shared, tmp_path):
    files = [str(tmp_path / f"{number}.parquet") for number in range(4)]
    models = (("--model", "linear"), ("--model", "main"), ("--json",), ("--json", "--model", "HEAD~1"))
    printed = predict(shared.project, *[(RAW, "-o", file, *which) for file, which in zip(files, models, strict=True)])
    found = [pd.read_parquet(file) for file in files]
    assert all("unsure (below 0.95)" in output for output in printed[:2])
    assert json.loads(printed[2])["commit"] is None
    assert json.loads(printed[3])["commit"] == shared.project.run("git", "rev-parse", "HEAD~1").strip()
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert not found[0].equals(found[3])


@pytest.mark.slow
def test_a_model_that_cannot_be_had_gives_one_line(shared, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(shared.clone.path.parent, folder, symlinks=True)
    clone = BakedProject(folder / "clone", "")
    clone.run("git", "tag", "-a", "-m", "withdrawn", "penguins#prod!#2", "penguins@v1.0.0^{}")
    cases = {
        "penguins@prod": "penguins@prod: is not in the registry; it has v1.0.0 (no stage)",
        "penguins@v2.0.0": "penguins@v2.0.0: is not in the registry; it has v1.0.0 (no stage)",
        "pinguins@prod": "pinguins@prod: the registry has no version of that name; are its tags here? git fetch --tags",
        "nope": "'nope': is not a commit, branch, tag or experiment",
        "": "'': is empty; name a commit, branch, tag or experiment",
        "HEAD~2": "models/model.skops: dvc.lock of",
    }
    words = [(str(shared.input), "--model", name) for name in cases]
    for line, message in zip(predict(clone, *words, (str(shared.input),)), [*cases.values(), HERE], strict=True):
        assert line.startswith(f"error: {message}")
        assert line.count("\n") == 1
    clone.dvc("remote", "modify", "--local", "storage", "url", str(tmp_path / "empty"))
    shutil.rmtree(clone.path / ".dvc" / "cache", ignore_errors=True)
    (line,) = predict(clone, (str(shared.input), "--model", "penguins@v1.0.0"))
    assert "neither the cache nor the DVC remote" in line or "nor the remote" in line, line
    assert "where it was made, run: dvc push" in line


HERE = "models/model.skops: there is no such model; run dvc repro, or fetch it with dvc pull"


def test_a_project_within_a_repository_has_its_folder_in_the_registry(bake, tmp_path):
    run("git", "init", "-q", "-b", "main", cwd=tmp_path)
    project = bake()
    project.commit("Add penguins")
    project.run("git", "tag", "-a", "-m", "first", "penguins=penguins@v1.0.0")
    resolve = "from penguins.core.revisions import resolve; print(resolve('penguins@v1.0.0'))"
    assert project.run(sys.executable, "-c", resolve) == project.run("git", "rev-parse", "HEAD")


# --- The pages -------------------------------------------------------------------------------------------------------


def test_what_a_run_leaves_is_declared_or_in_git(bake):
    project = bake()
    pipeline = yaml.safe_load(project.read("dvc.yaml"))["stages"]
    declared = set(project.run("git", "ls-files").split()) | {"dvc.lock"}
    for stage in pipeline.values():
        for out in [*stage["outs"], *stage["metrics"]]:
            declared.add(out if isinstance(out, str) else next(iter(out)))
    table = (TEMPLATE / "docs/results.md").read_text(encoding="utf-8").partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    paths = [path for cells in rows for path in re.findall(r"[\w./]+", cells[0].strip("| "))]
    assert len(paths) > 12
    for path in paths:
        assert path in declared or any(path.startswith(f"{out}/") for out in declared), path
    for out in declared - {"dvc.lock"}:
        if out.startswith(("models/", "results/")):
            assert any(path == out or path.startswith(out) for path in paths), out


# --- Any table --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(cookiecutter, tmp_path_factory):
    """The modules of a baked project, whose model was trained on columns of every kind, in its folder."""
    folder = tmp_path_factory.mktemp("predicting")
    days = pd.date_range("2024-01-15", periods=90)
    table = pd.DataFrame(
        {
            "number": np.arange(90) % 17 / 2,
            "truth": [True, False, None] * 30,
            "money": ["1.234,50 €", "7 €", "-3,5 €"] * 30,
            "marked": ["1", "2", "?"] * 30,
            "clock": ["10:30", "23:05", "1:00"] * 30,
            "day": days.strftime("%d.%m.%Y"),
            "moment": days.strftime("%Y-%m-%d"),
            "compact": days.strftime("%Y%m%d"),
            "colour": ["red", "green", None] * 30,
            "many": [f"c{i % 40}" for i in range(90)],
            "remark": [f"a word of it {i} is new" for i in range(90)],
            "y": ["p", "q"] * 45,
        }
    )
    table.to_csv(folder / "table.csv", index=False)
    cookiecutter(folder, project="predicting", data_path=str(folder / "table.csv"), target="y")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "predicting")
        patch.syspath_prepend(str(folder / "predicting"))
        text = Path("params.yaml").read_text()
        text = text.replace("model: random_forest", "model: logistic_regression").replace("0.1, 0.3, ", "")
        Path("params.yaml").write_text(text)
        for stage in ("prepare", "train"):
            importlib.import_module(f"predicting.stages.{stage}").main()
        names = ("predicting.toolbox.predict", "predicting.toolbox.cli", "predicting.core.errors")
        modules = {name.rpartition(".")[2]: importlib.import_module(name) for name in names}
        yield SimpleNamespace(**modules)


def predicted(trained, source: str) -> int | None:
    """The number of rows, None where the input is refused in one line."""
    output = Path("p.parquet")
    output.unlink(missing_ok=True)
    try:
        trained.predict.run(trained.cli.parser().parse_args(["predict", source, "-o", str(output)]))
    except trained.errors.UserError as error:
        assert "\n" not in str(error)
        assert not output.exists()
        return None
    found = pd.read_parquet(output)
    assert found.predicted.isin(["p", "q"]).all()
    assert np.allclose(found.probability_p + found.probability_q, 1)
    return len(found)


NAMES = ["number", "truth", "money", "marked", "clock", "day", "moment", "compact", "colour", "many", "remark"]
ODD = [
    "",
    "?",
    "NA",
    "None",
    "1e999",
    "-inf",
    "0x1F",
    "1_000",
    "1,5",
    "1.234,5 €",
    "5 %",
    "True",
    "false",
    "24:00",
    "99:99:99",
]
ODD += [
    "31.12.9999",
    "1.1.1",
    "0001-01-01",
    "2024-02-30",
    "2024-01-01T00:00:00+14:00",
    "20240131",
    "0",
    "99991231.0",
    "red",
]
ODD += ["c3", "ß" * 300, "a\nb", "#", " ", "-", "'", "9" * 400, "1e-400", "10000 days", "\u2212", "\u0663", "\ud7ff"]
cells = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\\"), max_size=8)
TYPED = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(),
    pa.float32(): st.floats(width=32),
    pa.bool_(): st.booleans(),
    pa.string(): cells,
    pa.binary(): st.binary(max_size=3),
    pa.decimal128(20, 3): st.decimals(-(10**9), 10**9, places=3),
    pa.date32(): st.dates(date(1, 1, 1), date(9999, 12, 31)),
    pa.timestamp("us", "UTC"): st.integers(-(10**16), 10**17),
    pa.timestamp("ns"): st.integers(-(2**63) + 1, 2**63 - 1),
    pa.duration("s"): st.integers(-(10**9), 10**9),
    pa.time32("s"): st.integers(0, 86_399),
    pa.list_(pa.int64()): st.lists(st.integers(0, 9), max_size=2),
    pa.null(): st.none(),
}
no_limits = settings(deadline=None, max_examples=40, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@given(st.lists(st.lists(cells, min_size=len(NAMES), max_size=len(NAMES)), max_size=4), st.sampled_from([2, 100_000]))
@no_limits
def test_any_csv_is_predicted_row_by_row_or_refused_in_one_line(trained, rows, chunk):
    comments = [row for row in rows if row[0].startswith("#") and not any(cell.strip() for cell in row[1:])]
    rows = [row for row in rows if row not in comments]
    pd.DataFrame(rows, columns=NAMES).to_csv("any.csv", index=False)
    trained.predict.CHUNK_ROWS = chunk
    assert predicted(trained, "any.csv") in (None, len(rows))


@given(st.data(), st.integers(0, 4), st.sampled_from([2, 100_000]))
@no_limits
def test_any_parquet_is_predicted_row_by_row_or_refused_in_one_line(trained, data, rows, chunk):
    columns = {}
    for name in NAMES:
        kind = data.draw(st.sampled_from(list(TYPED)))
        values = data.draw(st.lists(st.none() | TYPED[kind], min_size=rows, max_size=rows))
        columns[name] = pa.array(values, kind)
    pq.write_table(pa.table(columns), "any.parquet")
    trained.predict.CHUNK_ROWS = chunk
    assert predicted(trained, "any.parquet") in (None, rows)
