"""New rows are read as the training rows were, checked against them, and predicted in chunks."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
from column_cases import COLUMNS, DAYS, ROWS
from example.core import clean, infer, model_file, paths, reader, revisions, schema
from example.core.errors import UserError
from example.stages import evaluate, prepare, train
from example.toolbox import cli, predict

IMPORTANCE = {"n_repeats": 1, "max_samples": 2000, "max_features": 30}
MADE: dict[Path, bytes] = {}  # by training without other params, which is done once


@pytest.fixture
def trained(params, monkeypatch):
    """Train, on another table or with other params: `trained(table, data={...})`; without Git or DVC."""

    def run(table=None, **sections):
        if table is not None:
            table.to_csv("table.csv", index=False)
        plain = table is None and not sections
        params(**{"prepare": {"duplicates": "keep"}, "evaluate": {"importance": IMPORTANCE}} | sections)
        if not (plain and MADE):
            for stage in (prepare, train, evaluate):
                stage.main()
        if plain:
            MADE.update({path: path.read_bytes() for path in Path().glob("*/**/*.*")} if not MADE else {})
            for path, content in MADE.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    monkeypatch.setattr(predict, "CHUNK_ROWS", 50)  # the last chunk has fewer
    return run


def predicted(*words, output="p.parquet"):
    arguments = cli.parser().parse_args(["predict", *map(str, words), "-o", output])
    predict.run(arguments)
    return pd.read_parquet(output) if output.endswith(".parquet") else pd.read_csv(output)


# --- Cells ------------------------------------------------------------------------------------------------------

TYPES = {"years": "%Y", "leading zeros": "category"}
CELLS = {name: cells for name, (cells, _, note) in COLUMNS.items() if not str(note).startswith("left out")}
CELLS |= {"years": [2001, 2002] * 30, "leading zeros": ["01234", "1234"] * 30}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_cell_is_read_as_in_training_whatever_is_beside_it(params, form):
    file = f"table.{form}"
    table = pd.DataFrame(CELLS).assign(y=["p", "q"] * 30)
    for name in table if form == "parquet" else ():
        if len({*map(type, table[name])}) > 1:  # of which Parquet has no column
            table[name] = table[name].map(str, na_action="ignore")
    getattr(table, f"to_{form}")(file, index=False)
    params(data={"path": file, "target": "y", "types": TYPES}, prepare={"duplicates": "keep"})
    prepare.main()
    raw, _ = reader.read(file)
    clean.mask_missing(raw, None)
    decimal = clean.find_decimal_mark(raw)
    chunks = [reader.to_frame(table) for table in reader.read_chunks(file, 7).tables]
    for name in CELLS:
        column = schema.load().column(name)
        expected = infer.infer_type(raw[name], TYPES.get(name), decimal).values
        read = [infer.read_as(chunk[name], column) for chunk in chunks]
        assert (name, [strays.tolist() for _, strays in read]) == (name, [[]] * len(read))
        values = pd.concat([values for values, _ in read], ignore_index=True)
        assert (name, values.dropna().tolist()) == (name, expected.dropna().tolist())
        assert (name, values.isna().tolist()) == (name, expected.isna().tolist())


def test_predictions_of_the_training_file_are_those_of_evaluate(trained, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK_ROWS", 7)
    table = pd.DataFrame({name: cells for name, (cells, *_) in COLUMNS.items()})
    table = table.assign(row=np.arange(ROWS) + 0.5, y=["p", "q"] * 30)
    trained(table, data={"target": "y"})
    tested = pd.read_csv("results/evaluate/predictions.csv").set_index("row")
    result = predicted("table.csv", "--id-column", "row", "--id-column", "y").astype({"row": float}).set_index("row")
    assert result.y.tolist() == table.y.tolist()
    assert 10 < len(tested) < ROWS
    assert result.predicted[tested.index].tolist() == tested.predicted.tolist()
    assert result.iloc[:, -2:].max(axis=1)[tested.index].tolist() == tested.probability.tolist()


def test_predictions_of_numbers(trained):
    trained(data={"target": "weight", "task": "regression"}, train={"model": "ridge"})
    result = predicted("table.csv", "--id-column", "seen", output="p.csv").set_index("seen")
    assert list(result) == ["predicted"]
    tested = pd.read_csv("results/evaluate/predictions.csv").set_index("seen")
    assert result.predicted[tested.index].tolist() == pytest.approx(
        tested.predicted.tolist(), rel=1e-12
    )  # sums of a chunk


# --- Rows that are unlike those of training ---------------------------------------------------------------------

# name: what is done to the table, and the warning
WARNED = {
    "an extra column": (lambda table: table.assign(extra=1, more=2), "extra columns, ignored: 'extra', 'more'"),
    "no target": (lambda table: table.drop(columns="kind"), None),
    "columns in another order": (lambda table: table[table.columns[::-1]], None),
    "an unseen category": (
        lambda table: table.assign(colour=["blue"] * 9 + ["red"] * 51 + ["pink"] * 60),
        "'colour' is a category that training did not have in 69 of 120 rows, such as 'blue', 'pink'",
    ),
    "an unreadable number": (
        lambda table: table.assign(weight=["much", "2", *table["weight"][2:]]),
        "'weight' cannot be read as numbers in 1 of 120 rows, such as 'much'; they count as missing",
    ),
    "a number out of range": (
        lambda table: table.assign(weight=[999, *table["weight"][1:]]),
        "'weight' is outside of its range in training, LOW to HIGH, in 1 of 120 rows, such as 999.0",
    ),
    "an infinite number": (lambda table: table.assign(size=[np.inf, *table["size"][1:]]), "1 of 120 rows, such as inf"),
    "a later date": (
        lambda table: table.assign(seen=["2999-01-01", *table["seen"][1:]]),
        "in 1 of 120 rows, such as 2999-01-01 00:00:00",
    ),
    "a date of another format": (
        lambda table: table.assign(seen=["1/2/24", *table["seen"][1:]]),
        "'seen' cannot be read as dates like ISO8601 in 1 of 120 rows, such as '1/2/24'; they count as missing",
    ),
    "a missing cell": (
        lambda table: table.assign(site=[None, None, *table["site"][2:]]),
        "'site' is missing in 2 of 120 rows; the training data had no missing value",
    ),
    "a missing cell as in training": (lambda table: table.assign(colour=None), None),
    "a question mark": (
        lambda table: table.assign(weight=["?", *table["weight"][1:]]),
        "'weight' is missing in 1 of 120 rows; the training data had no missing value",
    ),
    "sixty numbers that are none": (
        lambda table: table.assign(weight=["x", "1"] * 60),
        "'weight' cannot be read",
    ),
}


@pytest.fixture
def quiet(trained, capsys):
    """Trained on all rows of the table, so that none of them is unlike those of training."""
    trained()
    result = schema.load()
    for column in result.columns:
        values = pd.read_csv("table.csv")[column.name]
        if column.type == "number":
            column.min, column.max = float(values.min()), float(values.max())
        column.min, column.max = ("2024-01-01", "2024-12-31") if column.type == "date" else (column.min, column.max)
    result.save()
    capsys.readouterr()
    return capsys


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("name", WARNED)
def test_what_is_unlike_training_is_named_and_counted(quiet, name, form):
    change, warning = WARNED[name]
    table = change(pd.read_csv("table.csv"))
    table = table.apply(lambda column: column.astype(str) if len({*map(type, column.dropna())}) > 1 else column)
    getattr(table, f"to_{form}")(f"new.{form}", index=False)
    assert len(predicted(f"new.{form}")) == 120
    weight = schema.load().column("weight")
    lines = quiet.readouterr().err.splitlines()
    if warning is None:
        assert lines == []
    else:
        (line,) = lines
        assert line.startswith("warning: ")
        assert warning.replace("LOW", str(weight.min)).replace("HIGH", str(weight.max)) in line
    arguments = ["predict", f"new.{form}", "-o", "p.csv", "--json"]
    predict.run(cli.parser().parse_args(arguments))
    facts = json.loads(quiet.readouterr().out)
    assert facts["rows"] == 120
    assert len(facts["findings"]) + bool(facts["extra"]) == len(lines)


REFUSED = {
    "columns that lack": (
        lambda table: table.drop(columns=["size", "seen"]),
        r"lacks 2 of the 5 columns that the model reads: 'size', 'seen'; it has 'colour', 'site'",
    ),
    "words for numbers": (
        lambda table: table.assign(weight=["x"] * 61 + ["1"] * 59),
        r"most values of a column cannot be read: 'weight' as numbers in 61 of 120 rows, such as 'x'$",
    ),
    "words for numbers beside missing ones": (
        lambda table: table.assign(weight=["x", "y", "3"] + [None] * 117),
        "'weight' as numbers in 2 of 120 rows, such as 'x', 'y'$",
    ),
    "two columns": (
        lambda table: table.assign(weight="x", seen="never"),
        "'seen' as dates like ISO8601 in 120 of 120 rows, such as 'never'; 'weight'|'weight' as numbers .*; 'seen'",
    ),
    "no rows": (lambda table: table.head(0), "has no rows to predict"),
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_last_predictions(trained, monkeypatch, name, form):
    monkeypatch.setattr(predict, "CHUNK_ROWS", 1000)
    trained()
    change, message = REFUSED[name]
    getattr(change(pd.read_csv("table.csv")), f"to_{form}")(f"new.{form}", index=False)
    Path("p.csv").write_text("of yesterday")
    with pytest.raises(UserError, match=message):
        predicted(f"new.{form}", output="p.csv")
    assert Path("p.csv").read_text() == "of yesterday"
    assert [path.name for path in Path().glob("*p.csv*")] == ["p.csv"]


def test_what_is_refused_after_the_first_chunk_leaves_nothing(trained):
    trained()
    table = pd.read_csv("table.csv")
    table.assign(weight=[1.5] * 50 + ["x"] * 70).to_csv("new.csv", index=False)
    with pytest.raises(UserError, match="'weight' as numbers in 70 of 120 rows"):
        predicted("new.csv")
    assert not list(Path().glob("*p.parquet*"))


# --- Decisions, columns and files -------------------------------------------------------------------------------


def test_a_decision_is_the_class_or_unsure_by_the_threshold(trained, capsys):
    trained()
    result = predicted("table.csv")
    assert list(result) == ["predicted", "decision", "probability_large", "probability_small"]
    confidence = result[["probability_large", "probability_small"]].max(axis=1)
    assert (result.decision == np.where(confidence >= 0.7, result.predicted, "unsure")).all()
    assert 0 < (result.decision == "unsure").sum() < 120
    assert f"120 rows predicted, {(result.decision == 'unsure').sum()} unsure (below 0.7)" in capsys.readouterr().out
    metrics = json.loads(Path("results/evaluate/metrics.json").read_text())
    tested = pd.read_csv("results/evaluate/predictions.csv")
    sure = tested[tested.probability >= 0.7]
    assert metrics["test_coverage"] == len(sure) / len(tested)
    assert metrics["test_selective_accuracy"] == (sure.actual == sure.predicted).mean()


def test_a_threshold_that_no_row_reaches(trained):
    trained(evaluate={"confidence_threshold": 1.0}, train={"model": "logistic_regression"})
    metrics = json.loads(Path("results/evaluate/metrics.json").read_text())
    assert metrics["test_coverage"] == 0
    assert "test_selective_accuracy" not in metrics
    assert set(predicted("table.csv").decision) == {"unsure"}


def test_a_class_called_unsure_and_classes_that_are_numbers(trained):
    table = pd.read_csv("table.csv")
    trained(table.assign(kind=table["kind"].replace("large", "unsure")), evaluate={"confidence_threshold": 1.0})
    assert "unsure_" in set(predicted("table.csv").decision)
    trained(table.assign(kind=table["kind"].map({"large": 1, "small": 0})), evaluate={"confidence_threshold": 0.9})
    result = predicted("table.csv")
    assert result.predicted.dtype == np.int64
    assert set(result.decision) == {"0", "1", "unsure"}
    assert list(result)[2:] == ["probability_0", "probability_1"]


def test_kept_columns_are_as_they_were(trained):
    trained()
    table = pd.read_csv("table.csv").assign(code=["007", None, "x"] * 40, number=[2**60 + 1, None] * 60)
    table.to_csv("new.csv", index=False)
    keep = ("--id-column", "code", "--id-column", "number")
    assert predicted("new.csv", *keep).code.tolist()[::3] == ["007"] * 40
    arrow = pa.table({**table, "number": pa.array([2**60 + 1, None] * 60, pa.int64())})
    pq.write_table(arrow, "new.parquet")
    predicted("new.parquet", *keep)
    assert pq.read_table("p.parquet")["number"].equals(arrow["number"])
    predicted("new.parquet", *keep, output="p.csv")
    lines = Path("p.csv").read_text().splitlines()
    assert lines[0].startswith("code,number,predicted")
    assert [line.split(",")[:2] for line in lines[1:3]] == [["007", str(2**60 + 1)], ["", ""]]


def test_predictions_on_the_terminal(trained, capsys):
    trained()
    capsys.readouterr()
    predict.run(cli.parser().parse_args(["predict", "table.csv"]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 121
    assert lines[0] == "predicted,decision,probability_large,probability_small"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope.csv"], "nope.csv: there is no such file"),
        (["table.csv", "-o", "table.csv"], "-o table.csv: is the input; choose another name"),
        (["table.csv", "-o", "link.csv"], "-o link.csv: is the input; choose another name"),
        (["table.csv", "-o", "table.tsv"], "-o table.tsv: use a name that ends in .csv or .parquet"),
        (["table.csv", "-o", "folder.csv"], "-o folder.csv: is a folder; name a file"),
        (["table.csv", "-o", "table.csv/p.csv"], "table.csv/p.csv: cannot be written"),
        (["table.csv", "--json"], "--json: needs -o FILE"),
        (["table.csv", "--id-column", "Colour"], "--id-column 'Colour': is not a column; did you mean 'colour'"),
        (["clash.csv", "--id-column", "decision"], "--id-column 'decision': predict writes a column of that name"),
        (["params.yaml"], "params.yaml: lacks"),
    ],
)
def test_a_mistake_is_said_and_writes_nothing(trained, words, message):
    trained()
    Path("folder.csv").mkdir()
    Path("link.csv").hardlink_to("table.csv")
    pd.read_csv("table.csv").assign(decision=1).to_csv("clash.csv", index=False)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(UserError) as raised:
        predict.run(cli.parser().parse_args(["predict", *words]))
    assert str(raised.value).startswith(message)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


# --- Model files ------------------------------------------------------------------------------------------------


def test_a_schema_of_another_model_is_refused(trained):
    trained()
    columns = paths.SCHEMA.read_text(encoding="utf-8")
    for old, new, what in (
        ('"size",\n      "role": "feature"', '"size",\n      "role": "dropped"', "the columns 'size' differ"),
        (
            '"feature",\n      "type": "category"',
            '"feature",\n      "type": "text"',
            "the columns 'colour', 'site' differ",
        ),
        ('"small"', '"tiny"', "the classes differ"),
    ):
        assert old in columns
        paths.SCHEMA.write_text(columns.replace(old, new), encoding="utf-8")
        with pytest.raises(UserError, match=f"of different runs: {what}; run: dvc repro"):
            predicted("table.csv")


def test_a_damaged_model_file_is_refused(trained):
    trained(train={"model": "logistic_regression"})
    whole = paths.MODEL.read_bytes()
    damaged = [whole[: len(whole) * share // 10] for share in range(10)]
    random = np.random.default_rng(0)
    for place in random.integers(len(whole), size=40):
        damaged.append(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    refused = 0
    for content in damaged:
        paths.MODEL.write_bytes(content)
        try:
            model_file.load()
        except UserError as error:
            assert re.match(rf"{re.escape(str(paths.MODEL))}: (is damaged|cannot be loaded|refused)", str(error))
            refused += 1
    assert refused > 30  # some bytes of a zip, such as the time of a file, may be any


def test_a_model_file_with_another_type_is_refused_by_name(trained):
    trained()
    pipeline = model_file.load()
    pipeline.steps.append(("after", Path("x")))
    skops.io.dump(pipeline, paths.MODEL)
    with pytest.raises(UserError, match=r"model\.skops: refused: it holds pathlib"):
        predicted("table.csv")


def test_predict_runs_in_the_root(trained, monkeypatch):
    trained()
    monkeypatch.chdir("data")
    with pytest.raises(UserError, match="run this in the project's root"):
        predicted("../table.csv")


def test_without_a_revision_the_files_of_the_workspace_are_used():
    assert revisions.resolve(None) is None
    with revisions.files(None, [paths.MODEL]) as folder:
        assert folder == Path()


# --- The names of features --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["y", "n"])
def test_each_input_of_the_estimator_has_a_name_and_a_column(trained, target):
    table = pd.DataFrame({name: cells for name, (cells, *_) in COLUMNS.items()})
    table = table.assign(n=np.arange(ROWS) % 11 / 2, y=["p", "q", "r"] * 20, seen=DAYS)
    trained(table, data={"target": target, "task": "auto"}, train={"model": "random_forest"})
    features = json.loads(paths.FEATURES.read_text(encoding="utf-8"))
    columns, pipeline = schema.load(), model_file.load()
    rows = columns.features(pd.read_parquet(paths.TEST))
    preprocess = pipeline[:-1]
    inputs = preprocess.transform(rows)
    assert len(features) == inputs.shape[1]
    assert {feature["column"] for feature in features} == set(columns.names())
    assert len({feature["name"] for feature in features}) == len(features)
    for name in columns.names():
        shuffled = rows.assign(**{name: rows[name].to_numpy()[::-1]})
        moved = (preprocess.transform(shuffled) != inputs).any(axis=0)
        assert {features[place]["column"] for place in np.flatnonzero(moved)} <= {name}
