"""Kinds of faults of real tables: labels, digits, missing-value words, numbers, decimals and remarks."""

import time
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example.core import clean, infer, leakage, profile, reader, remarks, schema, split
from example.core.errors import UserError
from example.core.sniff import literals, task
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = 60


@pytest.fixture
def cleaned(tmp_path):
    """Write a table as CSV (or Parquet), read and clean it: `cleaned({"a": values, ...}, **arguments)`."""

    def run(columns, parquet=False, target="y", types=None, **arguments):
        columns = {"x": [float(i % 7) + 0.5 for i in range(ROWS)], **columns}
        path = tmp_path / ("table.parquet" if parquet else "table.csv")
        if parquet:
            pq.write_table(pa.table(columns), path)
        else:
            pd.DataFrame(columns).to_csv(path, index=False)
        table, _ = reader.read(str(path))
        result = clean.clean(table, target=target, types=types, duplicates="keep", **arguments)
        return result, clean.type_columns(result, types or {})

    return run


def repeated(values):
    return (list(values) * ROWS)[:ROWS]


# --- Labels ---------------------------------------------------------------------------------------------------------

CODES = {
    "leading zeros": ["01", "1", "2"],
    "versions": ["1.1", "1.10", "1.2"],
    "exponents": ["1E2", "100", "3"],
    "scales": ["1B", "1000000000"],
    "signs": ["+1", "1", "-1"],
    "units": ["5 kg", "5kg", "7 kg"],
    "thousands": ["1,000", "1000", "2"],
    "digits after the decimal point": ["1.5", "1.50"],
}


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("kind", CODES)
def test_different_texts_are_different_classes(cleaned, kind, parquet):
    labels = repeated(CODES[kind])
    result, _ = cleaned({"y": labels}, parquet=parquet)
    assert result.task == "classification"
    assert result.table["y"].tolist() == labels
    assert task.infer_task("y", Counter(labels)) == "classification"  # in the hook, too


@pytest.mark.parametrize("labels", [["1", "2", "3"], ["0", "1"], ["-1", "1"], ["1.0", "2.0"]])
def test_plain_whole_numbers_stay_numbers(cleaned, labels):
    result, _ = cleaned({"y": repeated(labels)})
    assert result.task == "classification"
    assert result.table["y"].tolist() == [int(float(label)) for label in repeated(labels)]


def test_declared_text_stays_text(cleaned):
    columns = {"code": repeated(["007", "012", "100"]), "y": repeated(["1", "2", "3"])}
    result, typed = cleaned(columns, parquet=True)
    assert result.table["y"].tolist() == columns["y"]
    assert (typed["code"].type, typed["code"].values.tolist()) == ("category", columns["code"])


def test_leading_zeros_of_a_csv_are_numbers_as_before(cleaned):
    _, typed = cleaned({"zip": repeated(["01234", "02345", "12345"]), "y": repeated(["1.5", "2.5", "3.7"])})
    assert (typed["zip"].type, typed["zip"].values[0]) == ("number", 1234)


def test_duplicates_are_found_before_labels_become_numbers(tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({"x": [1] * 40, "y": ["01", "1"] * 20}).to_csv(path, index=False)
    result = clean.clean(reader.read(str(path))[0], target="y", duplicates="drop")
    assert (result.duplicates, result.table["y"].tolist()) == (38, ["01", "1"])


@pytest.mark.parametrize(
    ("wanted", "task_", "first"), [("category", "classification", "1"), ("number", "regression", 1.0)]
)
def test_data_types_covers_the_target(cleaned, wanted, task_, first):
    values = [*map(str, range(1, 31)), *map(str, range(1, 31))]
    result, typed = cleaned({"y": values}, types={"y": wanted})
    assert (result.task, result.table["y"].iloc[0]) == (task_, first)
    assert typed["y"].type == wanted


def test_data_types_refuses_a_target_that_it_does_not_fit(cleaned):
    with pytest.raises(UserError, match=r"data\.types: 'y': 'number': does not fit most of its values, such as 'p'"):
        cleaned({"y": repeated("pq")}, types={"y": "number"})


@settings(max_examples=60, deadline=None)
@given(st.sets(st.from_regex(r"[-+]?[0-9]{1,4}([.,][0-9]{1,3})?([eE][0-9])?", fullmatch=True), min_size=2, max_size=6))
def test_classes_are_never_merged(texts):
    labels = sorted(texts)
    table = pd.DataFrame({"x": [str(i) for i in range(20 * len(labels))], "y": labels * 20}, dtype="str")
    result = clean.clean(table, target="y", task="classification", duplicates="keep")
    pairs = {(a, b) for a, b in zip(labels * 20, result.table["y"], strict=True)}
    numbers = {text.lstrip("+").removesuffix(".0") for text in labels}
    assert len({b for _, b in pairs}) in (len(labels), len(numbers))  # 1 and 1.0 are the same number


# --- Digits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("blank", [False, True])
def test_whole_numbers_keep_their_digits(cleaned, parquet, blank):
    ids = [479386071891505150 + 3 * i for i in range(ROWS)]
    ids = [None if blank and i % 7 == 3 else number for i, number in enumerate(ids)]
    values = ids if parquet else ["" if number is None else str(number) for number in ids]
    _, typed = cleaned({"a": values, "y": repeated("pq")}, parquet=parquet)
    column = typed["a"].values
    assert typed["a"].type == "number"
    assert [None if pd.isna(value) else int(value) for value in column] == ids


def test_long_ids_that_recur_are_categories(cleaned):
    ids = repeated([str(2**60 + i) for i in range(5)])
    _, typed = cleaned({"a": ids, "y": repeated("pq")})
    assert (typed["a"].type, typed["a"].values.tolist()) == ("category", ids)


def test_groups_of_long_ids_are_hashed_apart():
    ids = pd.DataFrame({"a": [str(2**60 + i) for i in range(100)]})
    assert len(set(split.hash_rows(ids, 0))) == 100
    assert (split.hash_rows(ids, 0) == split.hash_rows(ids.astype("int64"), 0)).all()


# --- Missing-value words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    "labels",
    [["NA", "EU", "AS", "AF"], ["nan", "bap", "pita"], ["null", "string", "list"], ["inf", "sup"], ["NULL", "ok"]],
)
def test_a_word_among_words_is_a_word(cleaned, labels, parquet):
    result, _ = cleaned({"y": repeated(labels)}, parquet=parquet)
    assert result.table["y"].tolist() == repeated(labels)
    word = labels[0]
    assert word == "inf" or any(f"{word!r} is a category of 'y'" in note for note in result.notes)


@pytest.mark.parametrize(
    ("columns", "column", "word"),
    [
        ({"a": repeated(["1.5", "NA", "2"])}, "a", "NA"),  # among numbers
        ({"a": repeated(["2024-01-05", "null", "2024-02-07"])}, "a", "null"),  # among dates
        ({"a": repeated(["male", "female", "NA"]), "b": repeated(["NA", "1.5"])}, "a", "NA"),  # the mark of the file
        ({"a": repeated(["yes", "no", "NA"])}, "a", "NA"),  # of a truth value
        ({"a": repeated(["red", "#N/A"])}, "a", "#N/A"),  # of a spreadsheet
        ({"a": repeated(["x", "\\N"])}, "a", "\\N"),  # of a database
    ],
)
def test_a_word_for_no_value_is_missing_and_named_with_its_count(cleaned, columns, column, word):
    result, typed = cleaned({**columns, "y": repeated("pq")})
    count = columns[column].count(word)
    assert typed[column].values.isna().sum() == count
    assert any(note.startswith(f"{word!r} is read as missing") for note in result.notes)


@pytest.mark.parametrize(
    ("given", "values", "missing"),
    [
        (["NA"], ["NA", "EU", "AS", "AF"], {"NA"}),
        ([], ["male", "female", "NA"], set()),
        ([], ["yes", "no", "NA"], set()),
        (["?"], ["1.5", "NA", "2"], {"NA"}),  # among numbers
        (["-999"], ["-999", "1.5", "2"], {"-999"}),
        (["unknown"], ["unknown", "red", "NA"], {"unknown"}),
    ],
)
def test_data_missing_decides(cleaned, given, values, missing):
    column = repeated(values)
    _, typed = cleaned({"a": column, "y": repeated("pq")}, missing=given)
    kept = typed["a"].values
    assert {text for text, value in zip(column, kept, strict=True) if pd.isna(value)} == missing
    assert set(given) <= set(typed["a"].na_values)


def test_new_rows_are_read_as_the_training_rows_were(cleaned):
    values = repeated(["NA", "EU", "AS", "AF"])
    _, typed = cleaned({"a": values, "b": repeated(["red", "green"]), "y": repeated("pq")})
    for name, text, is_missing in (("a", "NA", False), ("b", "NA", True), ("b", "", True), ("a", "null", True)):
        column = schema.ColumnSchema(
            name=name, role="feature", type="category", categories=sorted(set(typed[name].values))
        )
        read, unparsed = infer.read_as(pd.Series([text, "x"]), column)
        assert (pd.isna(read[0]), len(unparsed)) == (is_missing, 0)


def test_the_hook_counts_as_prepare_does():
    names = ["a", "y"]
    rows = [["1.5", label] for label in repeated(["NA", "EU", "AS", "AF"])]
    assert set(task.count_values(rows, names, "y")[0]) == {"NA", "EU", "AS", "AF"}
    rows = [["NA", label] for label in repeated(["male", "female", "NA"])]
    assert set(task.count_values(rows, names, "y")[0]) == {"male", "female"}


# --- Numbers --------------------------------------------------------------------------------------------------------

NUMBERS = {
    "slash": (["32 km/h", "7.5 km/h"], [32, 7.5]),
    "spaces": (["81 sq ft", "5 sq. ft."], [81, 5]),
    "plural": (["1 year", "2 years", "30 Years"], [1, 2, 30]),
    "case": (["5 kg", "7 KG", "8Kg"], [5, 7, 8]),
    "feet": (["1 foot", "6 feet"], [1, 6]),
    "a power": (["3 kg/m2", "4 kg/m²"], [3, 4]),
    "a number in the unit": (["7 l/100 km", "8.5 l/100 km"], [7, 8.5]),
    "degrees": (["20 °C", "-3°C"], [20, -3]),
    "at least": (["10,000+", "500+"], [10000, 500]),
    "accounting": (["$ (1,234.00)", "$ 5.00", "$ -"], [-1234, 5, 0]),
    "brackets around all": (["($5.50)", "$7.00"], [-5.5, 7]),
    "formulas": (['="12.5"', '="7"', "=3"], [12.5, 7, 3]),
    "zero without its unit": (["$4.99", "0", "$12"], [4.99, 0, 12]),
    "currency with letters": (["US$5", "US$1,250"], [5, 1250]),
    "half days": (["1:05 PM", "12:00 am", "11:59 p.m."], [47100, 0, 86340]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_as_people_write_them(kind):
    texts, numbers = NUMBERS[kind]
    typed = infer.infer_type(pd.Series(repeated(texts), dtype="str"))
    assert typed.type == "number"
    assert typed.values.tolist() == repeated(numbers)
    column = schema.ColumnSchema(name="a", role="feature", type="number", format=typed.format, unit=typed.unit)
    read, unparsed = infer.read_as(pd.Series(texts, dtype="str"), column)
    assert read.tolist() == numbers
    assert not len(unparsed)


@pytest.mark.parametrize(
    "texts",
    [
        ["5 kg", "7 lb"],
        ["5 mW", "7 MW"],
        ["5%", "0.5"],
        ["12 Jan 2020 x", "3 May 2021 y"],
        ["1a", "2b"],
        ["Room (12)", "x"],
    ],
)
def test_other_units_are_not_mixed(texts):
    assert infer.infer_type(pd.Series(repeated(texts), dtype="str")).type == "category"


DATES = {
    "months": (["Apr-21", "May-22", "Dec-99"], "%b-%y", "2021-04-01"),
    "digits, day behind": (["05312025", "11302025", "01152024"], "%m%d%Y", "2025-05-31"),
    "digits, day in front": (["31052025", "30112025", "05012024"], "%d%m%Y", "2025-05-31"),
    "zero dates": (["2015-05-15", "2016-01-02", "2017-03-04", "2018-09-09", "0000-00-00"], "ISO8601", "2015-05-15"),
    "zero dates with points": (["15.05.2015", "16.06.2016", "17.07.2017", "00.00.0000"], "%d.%m.%Y", "2015-05-15"),
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_as_people_write_them(kind):
    texts, form, first = DATES[kind]
    typed = infer.infer_type(pd.Series(repeated(texts), dtype="str"))
    assert (typed.type, typed.format, typed.values[0]) == ("date", form, pd.Timestamp(first))
    assert typed.values.isna().sum() == sum(text[:2] == "00" for text in repeated(texts))


def test_eight_digits_that_fit_two_formats_are_doubted():
    typed = infer.infer_type(pd.Series(repeated(["05112025", "06122025", "07102024"]), dtype="str"))
    assert typed.note == "dates as %m%d%Y; %d%m%Y fits as well: choose in data.types"


@pytest.mark.parametrize("words", [["many"] * 20, ["<5", "<9"]])
def test_nearly_all_values_agree_and_the_rest_is_named(words):
    texts = [*(f"{i} km/h" for i in range(100)), *words]
    typed = infer.infer_type(pd.Series(texts, dtype="str"))
    assert typed.type == "number"
    assert f"{len(words)} values such as {words[0]!r} count as missing" in typed.note


@pytest.mark.parametrize(
    "texts",
    [
        [*(f"{i} kg" for i in range(30)), *["<5", "<9", "none"] * 4],
        [*pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y"), *["soon", "never"] * 5],
        [*(f"$ ({i},000.00)" for i in range(1, 31)), *["n. a.", "open", "?!x"] * 4],
    ],
)
def test_a_hint_works_when_followed(texts):
    column = pd.Series(texts, dtype="str")
    hint = infer.infer_type(column).note
    assert hint.startswith("mostly ")
    wanted = hint.split(": set ")[1].split()[0]
    typed = infer.infer_type(column, wanted)
    assert typed.type == wanted
    assert typed.values.notna().sum() > len(texts) / 2


@pytest.mark.parametrize("wanted", ["1,234.5", "1.234,5"])
def test_a_number_format_can_be_chosen(wanted):
    typed = infer.infer_type(pd.Series(["3,125", "1,250"], dtype="str"), infer.check_type(wanted))
    assert typed.values.tolist() == ([3125, 1250] if wanted == "1,234.5" else [3.125, 1.25])


SHAPES = {
    "digits": "9",
    "signs": "-",
    "spaces between digits": "1 ",
    "points": "1.",
    "commas": ",",
    "brackets": "(",
    "letters": "1a ",
    "periods": "1h ",
    "unit words": "1 a/",
    "colons": "1:",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_value_takes_time_in_proportion_to_its_length(shape):
    def seconds(length):
        text = "5" + (SHAPES[shape] * length)[:length] + "!"
        column = pd.Series([text, "1", "2", "3"], dtype="str")
        start = time.perf_counter()
        infer.infer_type(column)
        task.infer_task("y", Counter({text: 2, "a": 2}))
        return time.perf_counter() - start

    seconds(10)  # imports
    short, long = (min(seconds(length) for _ in range(3)) for length in (2_000, 20_000))
    assert long < 30 * short  # ten times as long; squared would be a hundred times


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_left_as_it_is(text):
    number, factor, _ = literals.split_number(text)
    assert isinstance(number, str)
    assert factor > 0
    numbers = literals.parse_numbers(Counter({text: 3}))
    if numbers is not None:
        assert literals.read_number(text, numbers.format, numbers.unit) == numbers.by_text[text]


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e9, 1e9, allow_nan=False), st.sampled_from(["kg", "km/h", "sq ft", "$", "%", "°C", ""]))
def test_a_number_with_a_unit_is_read_exactly(number, unit):
    text = f"{number:.3f} {unit}".strip()
    numbers = literals.parse_numbers(Counter({text: 1}), decimal=".")
    assert numbers.by_text[text] == float(f"{number:.3f}")


# --- Decimals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "first", "note"),
    [
        (["4,0", "129,5", "26,37"], 12904, "numbers written like 1.234,5"),
        (["4.0", "129.5", "26.37"], 12.904, None),
        (["p", "q", "r"], 12.904, "numbers written like 1234.5; 1.234,5 fits as well: choose in data.types"),
    ],
)
def test_the_whole_file_shows_its_decimal_mark(tmp_path, others, first, note):
    path = tmp_path / "table.csv"
    table = pd.DataFrame({"price": repeated(["12.904", "405", "2.626"]), "b": repeated(others), "y": repeated("pq")})
    table.to_csv(path, index=False, sep=";")
    result = clean.clean(reader.read(str(path))[0], target="y", duplicates="keep")
    typed = clean.type_columns(result, {})["price"]
    assert (typed.values[0], typed.note) == (first, note)


# --- Remarks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Total", "GRAND TOTAL", "Summe", "Gesamt", "total:", "Totals"])
def test_a_row_of_totals_is_named(cleaned, word):
    shops = [f"shop{i % 5}" for i in range(ROWS - 1)]
    numbers = list(range(1, ROWS))
    result, _ = cleaned({"shop": [*shops, word], "n": [*numbers, sum(numbers)], "y": repeated([1.5, 2.5, 3.7, 9.1])})
    assert any(note.startswith(f"row {ROWS} looks like a total ({word!r} in 'shop')") for note in result.notes)


def test_a_last_row_of_sums_is_named(cleaned):
    numbers = [i * 1.5 for i in range(1, ROWS)]
    columns = {"n": [*numbers, sum(numbers)], "m": [*numbers[::-1], sum(numbers)], "y": repeated("pq")}
    assert any("the sums of 'n', 'm'" in note for note in cleaned(columns)[0].notes)


def test_a_category_called_total_is_not_a_total(cleaned):
    result, _ = cleaned({"a": repeated(["total", "part"]), "y": repeated("pq")})
    assert not any("like a total" in note for note in result.notes)


@pytest.mark.parametrize(
    ("labels", "pair"),
    [
        (["y", "Y", "n"], "'Y' and 'y'"),
        (["yes", "yes\u200b", "no"], "'yes' and 'yes\\u200b'"),
        (["a b", "a  b", "c"], "'a  b' and 'a b'"),
        (["1", "True", "0"], "'1' and 'True'"),
        (["N", "No", "Y"], "'N' and 'No'"),
        (["ﬁn", "fin", "x"], "'fin' and 'ﬁn'"),
    ],
)
def test_classes_that_look_alike_are_named(cleaned, labels, pair):
    result, _ = cleaned({"y": repeated(labels)})
    lines = remarks.class_warnings(result, result.table["y"])
    assert lines[0].startswith(f"classes that look alike: {pair}; if they are the same")


def test_classes_that_differ_are_not_named(cleaned):
    result, _ = cleaned({"y": repeated(["low", "high", "lower"])})
    assert remarks.class_warnings(result, result.table["y"]) == []


@pytest.mark.parametrize("is_classification", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_random_id_is_not_suspected(is_classification, seed):
    random = np.random.default_rng(seed)
    ids = [f"{number:x}" for number in random.integers(1 << 40, size=300)]
    target = random.choice(["p", "q"], 300) if is_classification else random.normal(size=300)
    train = pd.DataFrame({"id": ids, "y": target})
    columns = [
        schema.ColumnSchema(name="id", role="feature", type="category", categories=sorted(ids)),
        schema.ColumnSchema(name="y", role="target", type="category" if is_classification else "number"),
    ]
    table = schema.Schema(
        task="classification" if is_classification else "regression", target="y", classes=["p", "q"], split="random",
        split_column=None, train_rows=300, test_rows=0, columns=columns,
    )  # fmt: skip
    assert leakage.scores(train, table)["id"] < 0.7


def test_a_code_of_many_categories_is_suspected():
    groups = np.arange(400) % 50
    train = pd.DataFrame({"code": [f"c{group}" for group in groups], "y": np.where(groups % 3, "p", "q")})
    columns = [
        schema.ColumnSchema(name="code", role="feature", type="category"),
        schema.ColumnSchema(name="y", role="target", type="category"),
    ]
    table = schema.Schema(
        task="classification", target="y", classes=["p", "q"], split="random", split_column=None, train_rows=400,
        test_rows=0, columns=columns,
    )  # fmt: skip
    assert leakage.scores(train, table)["code"] == 1
    assert profile.describe(train, table).rows == 400
