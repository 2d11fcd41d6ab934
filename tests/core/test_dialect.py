"""How a table is written: encodings, odd bytes, delimiters, quotes, escapes and headers, as people and programs do."""

import bz2
import contextlib
import csv
import gzip
import io
import os
import time
import zipfile
from pathlib import Path

import pytest
from example.core.sniff import dialect, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PQ = ["p", "q"]


def repeat(*rows: str, times: int = 20) -> str:
    return "".join(f"{row}\n" for row in rows) * times


def read(content: str | bytes, path: Path = Path("table.csv")) -> tuple[dialect.Format, list[list[str]]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    form = dialect.detect(path)
    return form, list(dialect.read_rows(path, form)) if form.kind == "csv" else []


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# --- Delimiters -------------------------------------------------------------------------------------------------

# The text, its columns separated by a slash, and its first row.
DELIMITED = {
    "units after commas": ("Höhe, m;Masse, kg;Kraft, N\n" + repeat("-0,03;0,00;-0,21", "1,05;0,81;1,73"), "Höhe, m/Masse, kg/Kraft, N", ["-0,03", "0,00", "-0,21"]),
    "names with commas": ("name;age;y\n" + repeat("Smith, John;12;p", "Doe, Ann;13;q"), "name/age/y", ["Smith, John", "12", "p"]),
    "sentences with commas": ("text|y\n" + repeat("good, cheap and near|p", "bad, dear and far|q"), "text/y", ["good, cheap and near", "p"]),
    "a comma without a space in text": ("k;tags\n" + repeat("1;a,b", "2;c,d"), "k/tags", ["1", "a,b"]),
    "short rows": ("a;b;c;y\n" + repeat("1,5;2,5;3,5;p", "1,5;2,5", "2,5;3"), "a/b/c/y", ["1,5", "2,5", "3,5", "p"]),
    "rows of tabs that end early": ("a\tb, c\ty\n" + repeat("1\tx, z\tp", "2\tx, z"), "a/b, c/y", ["1", "x, z", "p"]),
    "genres with pipes": ("id,genres,y\n" + repeat("1,Action|Comedy,p", "2,Drama|War,q"), "id/genres/y", ["1", "Action|Comedy", "p"]),
    "lists with semicolons": ("id,tags,y\n" + repeat("1,a;b,p", "2,c;d,q"), "id/tags/y", ["1", "a;b", "p"]),
    "semicolons in quotes": ('a,b,y\n' + repeat('1,"x;z;w",p', '2,"z;x;w",q'), "a/b/y", ["1", "x;z;w", "p"]),
    "a date with a comma": ("day;x;y\n" + repeat("Jan 5, 2020;1,5;p", "Feb 6, 2021;2,5;q"), "day/x/y", ["Jan 5, 2020", "1,5", "p"]),
    "thousands with commas": ("a|b|y\n" + repeat("1,234|1,000,000|p", "2,345|2,000,000|q"), "a/b/y", ["1,234", "1,000,000", "p"]),
    "plain commas": ("a,b,y\n" + repeat("1,2,p", "3,4,q"), "a/b/y", ["1", "2", "p"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DELIMITED)
def test_delimiters(name):
    content, columns, first = DELIMITED[name]
    form, rows = read(content)
    assert list(form.names) == columns.split("/")
    assert rows[0] == first


# --- Quotes and escapes -----------------------------------------------------------------------------------------

HEAD = "name,x,y\n"
QUOTED = {
    "apostrophes": (HEAD + repeat("'a','5','p'", "'b, c','6','q'"), ["a", "5", "p"]),
    "apostrophes in one column": (HEAD + repeat("a,'5',p", "b,'6',q"), ["a", "5", "p"]),
    "doubled apostrophes": (HEAD + repeat("'it''s, so','5','p'"), ["it's, so", "5", "p"]),
    "escaped apostrophes": (HEAD + repeat(r"'it\'s, so','5','p'"), ["it's, so", "5", "p"]),
    "words with apostrophes": (HEAD + repeat("O'Brien,5,p", "'tis,6,q"), ["O'Brien", "5", "p"]),
    "text that starts with an apostrophe": (HEAD + repeat("'n roll,5,p", "x,6,q"), ["'n roll", "5", "p"]),
    "inches": (HEAD + repeat('5" pipe,5,p', "x,6,q"), ['5" pipe', "5", "p"]),
    "one escaped quote": (HEAD + '"say \\"hi\\", ok",5,p\n' + repeat(r"\N,6,q"), ['say "hi", ok', "5", "p"]),
    "an escaped comma": (HEAD + repeat(r"a\, b,5,p", "c,6,q"), ["a, b", "5", "p"]),
    "a folder": (HEAD + repeat('"C:\\dir\\",5,p', '"D:\\x\\",6,q'), ["C:\\dir\\", "5", "p"]),
    "doubled quotes": (HEAD + repeat('"say ""hi"", ok",5,p'), ['say "hi", ok', "5", "p"]),
    "lines in quotes": (HEAD + repeat('"first\nsecond, and\nthird",5,p'), ["first\nsecond, and\nthird", "5", "p"]),
    "commas in lines in quotes": (HEAD + repeat('"a, b\nc, d, e\nf, g",5,p'), ["a, b\nc, d, e\nf, g", "5", "p"]),
}


@pytest.mark.parametrize("name", QUOTED)
def test_quotes(name):
    content, first = QUOTED[name]
    form, rows = read(content)
    assert list(form.names) == ["name", "x", "y"]
    assert rows[0] == first
    assert {len(row) for row in rows} == {3}
    assert form.notes == []


@pytest.mark.parametrize("null", [r"\N", r"\t", r"\d+"])
def test_a_backslash_stays_beside_an_escaped_quote(null):
    _, rows = read(HEAD + '"say \\"hi\\", ok",5,p\n' + repeat(f"{null},6,q"))
    assert rows[1] == [null, "6", "q"]


def test_the_null_of_a_database_dump_without_quotes():
    _, rows = read("a\tb\ty\n" + repeat("\\N\t1\tp", "x\t\\N\tq"))
    assert rows[:2] == [["\\N", "1", "p"], ["x", "\\N", "q"]]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({10: '"n4,1.02,b', 50: '"n4,0.85,b'}, "lines 11 and 51"),
        ({10: '"n4,1.02,b', 50: 'n4",0.85,b'}, "lines 11 and 51"),
        ({10: '"n4,1.02,b'}, "line 11"),
        ({10: '"n4,1.02,b', 11: '"n4,1.02,b'}, "lines 11 and 12"),
    ],
)
def test_stray_quotes_are_text_if_no_quotes_pair(changes, lines):
    body = [f"n{i % 5},{i % 7}.5,{PQ[i % 2]}" for i in range(61)]
    content = "\n".join([HEAD.strip(), *(changes.get(i, line) for i, line in enumerate(body, start=1))][:61])
    form, rows = read(content + "\n")
    assert len(rows) == 60
    assert any(f"in {lines_of(changes)}" in note for note in form.notes), form.notes


def lines_of(changes: dict) -> str:
    return text.quote_lines(number + 1 for number in changes)


@pytest.mark.parametrize("changes", [{10: '"n4,1.02,b', 50: '"n4,0.85,b'}, {10: '"n4,1.02,b'}, {10: '"n4,1.02,"b'}])
def test_stray_quotes_among_quotes_that_pair_are_refused(changes):
    body = [f'"n{i % 5}",{i % 7}.5,"{PQ[i % 2]}"' if i < 5 else f"n{i % 5},{i % 7}.5,{PQ[i % 2]}" for i in range(60)]
    content = "\n".join([HEAD.strip(), *(changes.get(i, line) for i, line in enumerate(body, start=1))])
    with pytest.raises(dialect.TableError, match=r"^lines? 11\b.*quote"):
        read(content + "\n")


# --- Headers ----------------------------------------------------------------------------------------------------

HEADED = {
    "falling numbers": "4000.5,3500.25,2000.9,1500.3,kind\n" + repeat("-0.2,0.01,-0.23,-0.4,oil", "0.77,1.15,1.01,0.9,wax"),
    "falling numbers only": "4000.5,3500.25,2000.9,1500.3,1100.7\n" + repeat("1.5,2.5,3.5,4.5,3.5", "1.25,3.5,4,5,1"),
    "rising doses": "0.1,0.5,2.5\n" + repeat("45.5,70.5,88.1", "32.4,64.5,91.2"),
    "years": "2019,2020,2021\n" + repeat("1.5,2.5,1.25", "2.5,0.5,3.5"),
    "questions": "1,2,3,y\n" + repeat("5,4,3,p", "1,2,2,q", "3,1,5,p"),
    "words that recur below": "email,phone,answer\n" + repeat("none,none,p", "email,none,q", "none,phone,p", "email,phone,q"),
    "all but one word recurs": "red,green,blue,y\n" + repeat("red,green,none,p", "none,none,blue,q", "red,none,none,q"),
    "a word above numbers": "a,yes\n" + repeat("1,yes", "2,no"),
    "words above dates": "day,p\n" + repeat("2024-01-01,p", "2024-01-02,q"),
}  # fmt: skip
HEADLESS = {
    "numbers and classes": repeat("5.1,3.5,setosa", "4.9,3,virginica"),
    "decimal commas": repeat("5,1;3,5;setosa", "4,9;3,0;virginica"),
    "dates": repeat("2024-01-01,1.5,p", "2024-01-02,2.5,q"),
    "words": repeat("red,p,small", "blue,q,large", "red,q,small", "blue,p,large"),
    "quantiles, each row rising": "".join(f"{i},{i + 1.5},{i + 2},{i + 3},{i + 4.5}\n" for i in range(40)),
    "some rows falling": "5.1,3.5,1.4,0.2,0\n" + repeat("4.9,3.5,1.5,0.4,0", "6.4,3.2,4.5,1.5,1", "7,3.2,4.7,1.4,1"),
    "digits": "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(1, 60)),
    "a missing number": "5.1,,setosa\n" + repeat("4.9,3,virginica", "5.5,2,setosa"),
}


@pytest.mark.parametrize("name", HEADED)
def test_headers(name):
    form, _ = read(HEADED[name])
    assert list(form.names) == HEADED[name].partition("\n")[0].split(",")


@pytest.mark.parametrize("name", HEADLESS)
def test_no_headers(name):
    form, rows = read(HEADLESS[name])
    assert form.names[0] == "column_1"
    assert len(rows) == HEADLESS[name].count("\n")


# --- Encodings and odd bytes ------------------------------------------------------------------------------------

DRINKS = "drink,k,y\n" + repeat("café,1,p", "thé,2,q")


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (DRINKS.encode() + b"caf\xe9,3,p\n", "not UTF-8 in line 42: read as Windows-1252 there"),
        (DRINKS.encode().replace("é".encode(), b"\xe9", 1), "not UTF-8 in line 2: read as Windows-1252 there"),
        (DRINKS.encode() + DRINKS.encode("cp1252"), "not UTF-8 in lines 43, 44, 45 and 37 more"),
        (DRINKS.encode("cp1252"), "the file is not UTF-8: read as cp1252"),
        (DRINKS.encode() + b"caf\0\xc3\xa9,3,p\n", "removed NUL characters or byte order marks in line 42"),
        (DRINKS.encode() + b"\0" * 1000, "removed NUL characters or byte order marks in line 42"),
        (("\ufeff" + DRINKS + "\ufeff" + DRINKS).encode(), "removed NUL characters or byte order marks in line 42"),
        (("\ufeff\ufeff" + DRINKS).encode(), "removed NUL characters or byte order marks in line 1"),
        (DRINKS.encode("utf-16"), None),
        (DRINKS.encode("utf-32"), None),
        (("\ufeff" + DRINKS).encode(), None),
    ],
)
def test_odd_bytes_are_named_and_the_rest_is_read(content, note):
    form, rows = read(content)
    assert list(form.names) == ["drink", "k", "y"]
    assert {row[0] for row in rows} == {"café", "thé"}
    assert (form.notes == []) if note is None else any(line.startswith(note) for line in form.notes)


def test_odd_code_units_of_utf_16():
    content = DRINKS.encode("utf-16-le").replace("t".encode("utf-16-le"), b"\x00\xd8", 1)
    form, rows = read(b"\xff\xfe" + content)
    assert len(rows) == 40
    assert form.notes == ["not UTF-16 in line 3: read as \ufffd there"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7\n", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, "is an old Excel workbook"),
        (b"SQLite format 3\0" * 99, "is an SQLite database"),
        (b"-----BEGIN PRIVATE KEY-----\nabc\n", "is a key or a certificate"),
        (bytes(range(256)) * 9, "is neither text nor Parquet"),
        (b"\0" * 10_000, "is neither text nor Parquet"),
        (b"", "is empty"),
        (gzip.compress(b"a,y\n1,p\n" * 999, mtime=0)[:-20], "cannot be read"),
        (b"PK\x03\x04broken", "is a zip that is cut off"),
    ],
)
def test_other_files_are_refused_in_one_line(content, message):
    with pytest.raises(dialect.TableError, match=rf"^{message}[^\n]*$"):
        read(content)


def test_a_damaged_member_of_a_zip_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("t.csv", "a,y\n1,p\n" * 99)
    with pytest.raises(dialect.TableError, match="cannot be read"):
        read(file.getvalue().replace(b"1,p", b"2,q", 1))


# --- Bounds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
def test_a_line_without_end_is_refused(compress, monkeypatch):
    monkeypatch.setattr(text, "MAX_LINE", 1 << 20)
    with pytest.raises(dialect.TableError, match="has a line of more than"):
        read(compress(b"a,b,y\n" + b"1," * (1 << 20)))


def test_a_pipe_and_a_device_are_refused_without_reading():
    os.mkfifo("pipe")
    for path in ("pipe", "/dev/zero"):
        with pytest.raises(dialect.TableError, match="is a pipe, a device or a folder"):
            dialect.detect(path)


def test_only_the_first_bytes_are_read(monkeypatch):
    Path("t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,p\n" * 100_000 + b"\xff\xfe\0\n" * 100, mtime=0))
    counted = []
    monkeypatch.setattr(text._Limited, "readinto", counting(text._Limited.readinto, counted))
    form = dialect.detect("t.csv.gz", 10_000)
    assert form.notes == []
    assert len(list(dialect.read_rows("t.csv.gz", form, 10_000))) == 2499
    assert max(counted) <= 10_000


def counting(function, counted: list[int]):
    def wrapper(*arguments):
        counted.append(function(*arguments))
        return counted[-1]

    return wrapper


@pytest.mark.parametrize("quote", ['"', '""', '"a', "'", "\\", '\\"', ',"', "\0", "\ufeff", "1,", "a;b|"])
def test_time_grows_with_the_size_and_not_faster(quote):
    def seconds(size: int) -> float:
        content = HEAD + (quote * size)[:size] + "\n"
        start = time.process_time()
        with contextlib.suppress(dialect.TableError):
            read(content)
        return time.process_time() - start

    seconds(1000)
    assert seconds(200_000) < 4 * min(seconds(100_000), seconds(100_000)) + 0.2


# --- Any table --------------------------------------------------------------------------------------------------

FIELDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\ufeff\x1a\r", exclude_categories=["Cc"]), max_size=8
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(FIELDS, min_size=3, max_size=3), min_size=5, max_size=30),
    delimiter=st.sampled_from(dialect.DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_with_all_fields_quoted_is_read_as_it_was_written(rows, delimiter, encoding):
    table = io.StringIO()
    writer = csv.writer(table, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["first name", "second name", "third name"], *rows])
    form, read_back = read(table.getvalue().encode(encoding))
    assert form.dialect["delimiter"] == delimiter
    assert list(form.names) == ["first name", "second name", "third name"]
    written = [row for row in rows if not dialect.is_comment(row)]
    assert [[field.strip() for field in row] for row in read_back] == [
        [field.strip() for field in row] for row in written
    ]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(alphabet="ab1,;\"'\\\n\r\t|\0\ufeff ", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(content):
    try:
        form, rows = read(content)
    except dialect.TableError as error:
        assert "\n" not in str(error)
    else:
        assert form.names or form.kind == "parquet"
        assert all(isinstance(field, str) for row in rows for field in row)
