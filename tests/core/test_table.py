"""What is made of a table: files as people write them, columns of every kind, and what is message of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from column_cases import COLUMNS, DAYS, ROWS
from example.core import paths, reader, schema, schema_diff
from example.core.errors import UserError
from example.stages import evaluate, prepare, train


@pytest.fixture
def prepared(params, capsys):
    """Run prepare on a column `a` of 60 cells beside others; return its schema and what was printed."""

    def run(cells, name="a", **data):
        table = pd.DataFrame({name: cells, "b": [1.5, 2.5, 3.5, 4.5] * 15, "y": ["p", "q"] * 30})
        table.to_csv("table.csv", index=False)
        params(data={"target": "y", **data}, prepare={"duplicates": "keep"})
        prepare.main()
        return schema.load().column(name), capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", COLUMNS)
def test_what_a_column_is_and_what_is_message_of_it(prepared, name):
    cells, kind, message = COLUMNS[name]
    column, output = prepared(cells)
    assert column.type == kind
    assert (column.note or (f"left out, {column.reason}" if column.reason else None)) == message
    assert (f"{message}: 'a'\n" in output) if message else (": 'a'\n" not in output)
    assert ("a" in pd.read_parquet(paths.TRAIN)) == (column.role == "feature")


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting", "logistic_regression"])
def test_columns_of_all_kinds_together(params, model):
    table = pd.DataFrame({name: cells for name, (cells, _, _) in COLUMNS.items()}).assign(y=["p", "q"] * 30)
    table.to_csv("table.csv", index=False)
    params(
        data={"target": "y"},
        train={"model": model, "hist_gradient_boosting": {"max_iter": 5}},
        evaluate={"importance": {"n_repeats": 1, "max_samples": 100, "max_features": 5}},
    )
    for stage in (prepare, train, evaluate):
        stage.main()
    for name, (_, kind, message) in COLUMNS.items():
        column = schema.load().column(name)
        assert (column.type, column.role == "feature") == (kind, not str(message).startswith("left out"))


def test_the_values_that_are_read(prepared):
    for cells, values in (
        (["-$1,234.50", "$7"] * 30, {-1234.5, 7}),
        (["1.234,50 €", "-7 €"] * 30, {1234.5, -7}),
        (["1h 5min", "10:30"] * 30, {3900, 37800}),
        (["USD 1,234", "USD 7"] * 30, {1234, 7}),
        (["1'234.5", "7"] * 30, {1234.5, 7}),
        (["2 billion", "1.5 million"] * 30, {2e9, 1.5e6}),
        (["€600K", "€1.5M", "€0"] * 20, {600_000, 1_500_000, 0}),
        (["(1,234.50)", "7.00-", "\u22123"] * 20, {-1234.5, -7, -3}),
        (["None", "x"] * 30, {"None", "x"}),
        (["31.12.2023", "01.02.2024"] * 30, {pd.Timestamp("2023-12-31"), pd.Timestamp("2024-02-01")}),
    ):
        prepared(cells)
        assert set(pd.read_parquet(paths.TRAIN)["a"]) == values


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([101, 102, 103] * 20, "category", {"101", "102", "103"}),
        (["01/02/2024", "03/04/2024"] * 30, "%d/%m/%Y", {pd.Timestamp("2024-02-01"), pd.Timestamp("2024-04-03")}),
        (["01234", "1234"] * 30, "category", {"01234", "1234"}),
        (["01022024", "11022024"] * 30, "%d%m%Y", {pd.Timestamp("2024-02-01"), pd.Timestamp("2024-02-11")}),
        ([2001, 2002] * 30, "%Y", {pd.Timestamp("2001-01-01"), pd.Timestamp("2002-01-01")}),
        (["1", "many", "2"] * 20, "number", {1, 2}),
        (["a b c", "d e"] * 30, "text", {"a b c", "d e"}),
        (range(ROWS), "number", None),  # kept, though it is the number of the row
    ],
)
def test_a_type_message_in_params(prepared, cells, kind, values):
    column, _ = prepared(cells, types={"a": kind})
    assert column.role == "feature"
    assert column.type == ("date" if "%" in kind else kind)
    if values:
        assert set(pd.read_parquet(paths.TRAIN)["a"].dropna()) == values


def test_a_column_dropped_in_params(prepared):
    column, output = prepared([1, 2, 3] * 20, drop=["a"])
    assert (column.role, column.reason) == ("dropped", "data.drop lists it")
    assert "left out, data.drop lists it: 'a'\n" in output


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"types": {"aa": "number"}}, r"data\.types: 'aa': is not a column; did you mean 'a'\?"),
        ({"types": {"a": "numbers"}}, r"data\.types\.a: 'numbers': should be number, date, category, text"),
        (
            {"types": {"a": "number"}},
            r"data\.types: 'a': 'number': does not fit most of its values, such as 'x'",
        ),
        ({"types": {"a": "%d.%m.%Y"}}, r"data\.types: 'a': '%d\.%m\.%Y': does not fit most of its values"),
        ({"types": {"a": "%Q"}}, r"data\.types\.a: '%Q': should be number"),
        ({"types": {"b": "%d.%d.%Y"}}, r"data\.types\.b: '%d\.%d\.%Y': should be number"),
        ({"types": {"y": "number"}}, r"data\.types: 'y': 'number': does not fit most of its values, such as 'p'"),
        ({"drop": ["y"]}, r"data\.drop: 'y': is the target"),
        ({"drop": ["zzz"]}, r"data\.drop: 'zzz': is not a column; it has 'a', 'b', 'y'"),
        ({"drop": "a"}, r"data\.drop: 'a': input should be a valid list"),
        ({"drop": ["a"], "types": {"a": "text"}}, r"data\.drop: 'a': has a type in data\.types as well"),
    ],
)
def test_what_params_say_of_columns_is_checked_against_the_table(prepared, data, message):
    with pytest.raises(UserError, match=message):
        prepared(["x", "z"] * 30, **data)


# --- Names and files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["index", "class", "__index_level_0__", "a.b", "a/b", "it's", 'say "a"', "größe, 😀", "{a}", "a\nb", "0"]
)
def test_names_of_every_kind(prepared, name):
    column, _ = prepared([0.5, 1.5, 2.5] * 20, name=name)
    assert column.role == "feature"
    assert name in pd.read_parquet(paths.TRAIN)


def test_a_target_of_any_name_with_classes_of_any_name(params):
    table = pd.DataFrame({"a": [1.5, 2.5] * 30, "target": [2.5, 3.5, 4.5] * 20, "index/é": ["a.b/c", '"d" '] * 30})
    table.to_csv("table.csv", index=False)
    params(data={"target": "index/é"}, prepare={"duplicates": "keep"})
    for stage in (prepare, train, evaluate):
        stage.main()
    assert schema.load().classes == ['"d"', "a.b/c"]


BODY = "".join(f"{i % 7}.5,{i % 5},{'xz'[i % 2]}\n" for i in range(40))
FILES = {
    "a title": ("Sales of 2024\n\na,b,y\n" + BODY, "a b y", "skipped the 2 lines above the header"),
    "comments": ("# by us, in 2024, for you, all\n# so there\na,b,y\n" + BODY, "a b y", "skipped the 2 lines"),
    "comments within": ("a,b,y\n" + BODY + "# the end\n", "a b y", None),
    "a hash in the header": ("#a,b,y\n" + BODY, "#a b y", None),
    "sep=": ("sep=;\na;b;y\n" + BODY.replace(",", ";"), "a b y", "skipped the 1 lines"),
    "no header": (BODY, "column_1 column_2 column_3", "there is no header: the columns are column_1 to column_3"),
    "years in the header": ("2019,2020,y\n" + BODY, "2019 2020 y", None),
    "no header, whole numbers": (
        "".join(f"{20 + i},{'xz'[i % 2]},{'pq'[i % 2]}\n" for i in range(40)),
        "column_1 column_2 column_3",
        "there is no header: the columns are column_1 to column_3",
    ),
    "numbers that rise in the header": (
        "400.5,401.5,402.5,403.5,404.5,y\n" + "1.5,2,3,4,5,x\n2,2,3,4,5,z\n" * 20,
        None,
        None,
    ),
    "a padded title": (
        "Report,2024-01-01,,\nBy:,Anna,,\na,b,c,y\n" + "1,2,3,x\n2,2,3,z\n" * 20,
        "a b c y",
        "skipped the 2",
    ),
    "quotes after spaces": ('"a", "b", "y"\n' + '1.5, "p", "x, 1"\n2, "q", "z"\n' * 20, "a b y", None),
    "quotes after backslashes": ("a,y,b\n" + r'1.5,p,"say \"hi\", ok"' + "\n" + "2,q,z\n" * 39, "a y b", None),
    "a header again": ("a,b,y\n" + BODY + "a,b,y\n", "a b y", None),
    "line ends of all infer": ("a,b,y\r\n" + BODY.replace("\n", "\r", 3), "a b y", None),
    "a unit behind a comma": ("Höhe, m;Masse;y\n1,5;20,3;p\n" + "1,5;2,3;q\n" * 39, "Höhe, m Masse y", None),
    "names of the rows": (
        "b,y\n" + "".join(f"row {i},{i % 7},{'xz'[i % 2]}\n" for i in range(40)),
        "column_1 b y",
        "the header lacks a name for the first column",
    ),
    "an index of pandas": (",b,y\n" + BODY, "column_1 b y", None),
    "delimiters at the end": (
        "a,b,y\n" + BODY.replace("\n", ",\n"),
        "a b y column_4",
        "the header lacks a name for the last column",
    ),
    "columns of one name": ("a,a,y\n" + BODY, "a a.1 y", "renamed columns of the same name: 'a.1'"),
    "spaces": (" a ,b , y\n" + BODY.replace(",", " , "), "a b y", None),
    "newlines in quotes": ('a,"b\nc",y\n' + BODY, "a b\nc y", None),
    "pipes": (BODY.replace(",", "|").join(["a|b|y\n", ""]), "a b y", None),
    "blank lines": ("\n\na,b,y\n\n" + BODY, "a b y", None),
}


@pytest.mark.parametrize("name", FILES)
def test_files_as_people_write_them(params, capsys, name):
    text, names, message = FILES[name]
    Path("table.csv").write_text(text, encoding="utf-8", newline="")
    table, notes = reader.read("table.csv")
    names = names or text.partition("\n")[0].replace(",", " ")
    assert " ".join(table) == names
    assert len(table) == 40
    assert (message is None and not notes) or any(note.startswith(message) for note in notes)
    target = "column_3" if name.startswith("no header") else "y"
    params(data={"target": target}, prepare={"duplicates": "keep"})
    prepare.main()
    assert schema.load().notes == notes
    assert message is None or message in capsys.readouterr().out


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".gz", {}),
        (".zip", {"sep": "\t"}),
        (".zst", {"sep": ";"}),
        (".csv", {"encoding": "cp1252"}),
        (".csv", {"encoding": "utf-8-sig"}),
        (".csv", {"encoding": "utf-16-le"}),
        (".csv", {"encoding": "utf-16-be", "sep": "|"}),
        (".csv", {"encoding": "utf-16", "lineterminator": "\r"}),
    ],
)
def test_encodings_and_compression(params, suffix, arguments):
    table = pd.read_csv("table.csv").replace("red", "très rouge")
    if suffix == ".zst":
        with pa.output_stream("other.zst", compression="zstd") as stream:
            stream.write(table.to_csv(index=False, **arguments).encode())
    else:
        table.to_csv(f"other{suffix}", index=False, **arguments)
    params(data={"path": f"other{suffix}"})
    prepare.main()
    assert schema.load().columns[1].categories == ["green", "très rouge"]
    latin = arguments.get("encoding") == "cp1252"
    assert schema.load().notes == (["the file is not UTF-8: read as cp1252"] if latin else [])


def test_parquet_of_every_type(params):
    table = pa.table(
        {
            "decimal": pa.array([None, *map(int, "12345" * 12)][:ROWS], pa.int64()).cast(pa.decimal128(30, 2)),
            "dictionary": pa.array(["x", "z", None] * 20).dictionary_encode(),
            "zone": pa.array(DAYS.tz_localize("Europe/Vienna")),
            "nested": pa.array([[1, 2], [3]] * 30),
            "struct": pa.array([{"k": 1}, {"k": 2}] * 30),
            "duration": pa.array(pd.to_timedelta(np.arange(ROWS) % 7, "h")),
            "large": pa.array([2**64 - 1, 1, 2] * 20, pa.uint64()),
            "y": ["p", "q"] * 30,
            "__index_level_0__": pa.array(range(ROWS)),
        }
    )
    pq.write_table(table, "t.parquet")
    params(data={"path": "t.parquet", "target": "y"}, prepare={"duplicates": "keep"})
    for stage in (prepare, train, evaluate):
        stage.main()
    infer = {column.name: column.type for column in schema.load().columns}
    numbers = dict.fromkeys(["decimal", "duration", "large"], "number")
    words = dict.fromkeys(["dictionary", "nested", "struct", "y"], "category")
    assert infer == {**numbers, **words, "zone": "date"}
    moments = {*pd.read_parquet(paths.TRAIN)["zone"], *pd.read_parquet(paths.TEST)["zone"]}
    assert min(moments) == pd.Timestamp("2024-01-14 23:00")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,2,x\n3,4,z\n1,2\n", "has 3 fields in the row that ends at line 2 and 2 columns"),
        ("a,y\n" + "1,x\n" * 9 + "1,2,3,z\n", "has 4 fields in the row that ends at line 11 and 2 columns"),
        ("a,y\n1,x\n<<<<<<< HEAD\n2,z\n=======\n3,z\n>>>>>>> new\n", "has a merge conflict"),
        ("", "is empty"),
        ("a,y\n", "has a header and no rows"),
        ("<!DOCTYPE html>\n<html></html>", "is a web page or XML"),
        ('[{"a": 1, "y": 2}]', "is JSON"),
        ("@RELATION t\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n", "is an ARFF file of Weka"),
        ("a  y\n1  x\n2  z\n", "spaces separate its 2 columns"),
        ('"a" "y"\n"1" 5 x\n"2" 7 z\n', "spaces separate its 2 columns"),  # as R writes it
        ("version 1 git-lfs\noid sha256:0\n", "is a pointer of Git LFS"),
        ('a,y\n1,"x"\n"2,z\n3,x\n', "lines 3 to 4: a stray quote"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(params, text, message):
    Path("table.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        prepare.main()


# --- Targets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "task", "note"),
    [
        (["1,5", "2,5", "3,7"] * 20, "regression", "numbers written like 1.234,5"),
        (["1.5", "2.5", "?", "3.5"] * 15, "regression", "15 values such as '?' count as missing"),
        (["None", "some", "all"] * 20, "classification", None),
        ([1, 2, "other"] * 20, "classification", None),
    ],
)
def test_what_a_target_is(params, cells, task, note):
    pd.DataFrame({"a": np.arange(60) % 7 + 0.5, "y": cells}).to_csv("table.csv", index=False)
    params(data={"target": "y", "task": "auto"}, prepare={"duplicates": "keep"})
    prepare.main()
    found = schema.load()
    assert (found.task, found.column("y").note) == (task, note)


def test_a_target_of_dates_is_refused(params):
    pd.DataFrame({"a": np.arange(60) % 7, "y": DAYS.strftime("%d.%m.%Y")}).to_csv("table.csv", index=False)
    params(data={"target": "y", "task": "auto"})
    with pytest.raises(UserError, match="has dates in the target column 'y'"):
        prepare.main()


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting", "logistic_regression"])
def test_rare_classes_and_imbalance_are_message_and_trained(params, capsys, model):
    rows = 15_000 if model == "hist_gradient_boosting" else 300  # it would stop early with more than 10,000
    classes = np.array(["common"] * rows, dtype=object)
    classes[:3] = ["once", "twice", "twice"]
    pd.DataFrame({"a": np.arange(rows) % 11, "b": np.arange(rows) % 7, "y": classes}).to_csv("table.csv", index=False)
    params(data={"target": "y"}, prepare={"duplicates": "keep"}, train={"model": model})
    for stage in (prepare, train, evaluate):
        stage.main()
    output = capsys.readouterr().out
    (message,) = (line for line in output.splitlines() if line.startswith("classes with fewer than 5 training rows"))
    assert "'once (1)'" in message
    assert "of the rows are 'common': accuracy means little" in output


# --- Leaks, and what is new -------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_a_leak_is_suspected_and_message(params, capsys, target):
    table = pd.read_csv("table.csv")
    code = table["kind"].map({"large": 17, "small": 4}) if target == "kind" else np.log(table["weight"] + 100)
    table.assign(code=code).to_csv("table.csv", index=False)
    params(data={"target": target, "task": "auto"})
    prepare.main()
    message = [line for line in capsys.readouterr().out.splitlines() if line.startswith("may leak the target")]
    assert len(message) == 1
    assert f"'code' alone predicts '{target}'" in message[0]
    assert schema.load().column("code").single_feature_score > 0.99


def test_what_is_new_in_a_table(params):
    prepare.main()
    before = schema.load()
    assert schema_diff.compare(before, before) == []
    table = pd.read_csv("table.csv").drop(columns="site").assign(extra=np.arange(120) % 4)
    table["size"] = np.where(table["size"] > 0, "tall", "low")
    table.loc[3, "colour"] = "blue"
    table.loc[:40, "kind"] = "huge"
    table.to_csv("table.csv", index=False)
    prepare.main()
    assert schema_diff.compare(before, schema.load()) == [
        "new columns since the last run: 'extra'",
        "columns lost since the last run: 'site'",
        "'size' holds categories now, and held numbers in the last run",
        "new categories of 'colour' since the last run: 'blue'",
        "new classes since the last run: 'huge'",
    ]


def test_a_very_wide_table(params):
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(100, 500))).add_prefix("c")
    table["y"] = np.where(table["c7"] > 0, "p", "q")
    table.to_csv("table.csv", index=False)
    params(data={"target": "y"}, evaluate={"importance": {"n_repeats": 1, "max_samples": 100, "max_features": 3}})
    for stage in (prepare, train, evaluate):
        stage.main()
    assert len(schema.load().names()) == 500
