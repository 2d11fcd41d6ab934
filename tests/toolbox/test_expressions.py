"""The conditions of --where: what they compute, and that they run no code."""

import sys

import pandas as pd
import pytest
from example.core.errors import UserError
from example.toolbox.experiments import Experiments, to_typed_column
from hypothesis import example, given, settings
from hypothesis import strategies as st

COLUMNS = {
    "name": ["main", "a.b", None, "x|y"],
    "cv_mean": [0.9, 0.5, None, 0.7],
    "train.forest.depth": [3, None, 5, 7],
    "train.model": ["forest", "ridge", "ridge", None],
    "train.lambda": [1, 2, 3, 4],
    "train.sizes": [[1.0], [0.5, 1.0], None, [1.0]],
    "is_done": [True, False, None, True],
    "mixed": [1, "one", 2.5, None],
    "odd `name": [1, 2, 3, 4],
    "empty": [None] * 4,
    "created": [pd.Timestamp(f"2026-01-0{day}") for day in range(1, 5)],
}


def make_table(columns=COLUMNS):
    typed = {name: to_typed_column(pd.Series(values, dtype=object)) for name, values in columns.items()}
    return Experiments(pd.DataFrame(typed), [], [], {})


TABLE = make_table()


def fitting(condition, table=TABLE):
    """The positions of the rows that fit."""
    return [int(position) for position in table.parse(condition).holds(table.rows).nonzero()[0]]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("cv_mean > 0.6", [0, 3]),
        ("cv_mean > 0.6 and model == 'forest'", [0]),
        ("cv_mean > 0.6 & model == 'forest'", [0]),
        ("cv_mean < 0.6 | depth == 5", [1, 2]),
        ("not cv_mean > 0.6", [1]),
        ("~(cv_mean > 0.6)", [1]),
        ("0.5 <= cv_mean < 0.9", [1, 3]),
        ("depth != 3", [2, 3]),
        ("train.lambda >= 3", [2, 3]),
        ("`train.forest.depth` == 3", [0]),
        ("forest.depth*2 - 1 > cv_mean + 4", [0, 3]),
        ("depth ** 2 == 9 or depth % 5 == 0", [0, 2]),
        ("-cv_mean < -0.8", [0]),
        ("abs(cv_mean - 0.7) < 0.01", [3]),
        ("cv_mean.round(0) == 1", [0, 3]),
        ("sqrt(train.lambda) == 2", [3]),
        ("model in ['ridge', 'svm']", [1, 2]),
        ("model not in ['ridge']", [0]),
        ("model == ['ridge', 'svm']", [1, 2]),
        ("'r' in model", [0, 1, 2]),
        ("depth in (3, 7)", [0, 3]),
        ("name.str.contains('|', regex=False)", [3]),
        ("name.str.contains(r'\\.')", [1]),
        ("name.str.len() == 3 and name.str.upper().str.startswith('A')", [1]),
        ("name.str.contains('it\\'s')", []),
        ("cv_mean.isna()", [2]),
        ("cv_mean == None", [2]),
        ("cv_mean is not None", [0, 1, 3]),
        ("cv_mean.between(0.4, 0.8)", [1, 3]),
        ("depth.isin([3, 5])", [0, 2]),
        ("is_done", [0, 3]),
        ("is_done == True and not is_done == False", [0, 3]),
        ("mixed > 1", [2]),
        ("mixed == 'one'", [1]),
        ("sizes == [1.0]", [0, 3]),
        ("created > '2026-01-02'", [2, 3]),
        ("created == '2026-01-02'", [1]),
        ("name + 'x' == 'mainx'", [0]),
        ("empty + 1 > 0 or empty.str.contains('a')", []),
        ("True", [0, 1, 2, 3]),
        ("1 > 2", []),
    ],
)
def test_a_condition(condition, rows):
    assert fitting(condition) == rows


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("cv_meen > 0", "no experiment has such a metric or param; did you mean cv_mean"),
        ("cv_mean", "is a value and not a condition"),
        ("cv_mean and model", "is a value and not a condition"),
        ("cv_mean = 0.5", "not a condition .*cv_mean > 0.9"),
        ("cv_mean >", "not a condition"),
        ("", "not a condition"),
        ("model > 3", ""),
        ("model * 3 == 'a'", "the column 'train.model' is not a number"),
        ("'a' * 1000000000 == model", "'a' is not a number"),
        ("'%9999999999d' % 3 == model", "is not a number"),
        ("9 ** 9 ** 9 ** 9 > cv_mean", ""),
        ("cv_mean is 3", "is compares with None only"),
        ("cv_mean < [1, 2]", "a list has no order"),
        ("model in 'ridge'", "in needs a list"),
        ("model in [cv_mean]", "hold values, not columns"),
        ("name.str.repeat(9)", "not a method here; use contains"),
        ("cv_mean.to_csv('x') == 1", r"\.to_csv\(\) is not a method here"),
        ("cv_mean.values", "Attribute has no place in a condition"),
        ("name.str.contains(**{'pat': 'a'})", "arguments are named one by one"),
        ("name.str.contains('(')", ""),
        ("@pd.io.common.os.system('id') == 0", ""),
        ("[x for x in (1,)]", ""),
        ("(lambda: 1)()", ""),
        ("f'{cv_mean}' == 'a'", ""),
        ("cv_mean if is_done else 1", ""),
        ("(" * 3000, ""),
        ("not " * 1200 + "is_done", ""),
        ("x" * 6000, "longer than 5000 characters"),
        ("cv_mean > " + "1" * 4900, ""),
    ],
)
def test_what_is_not_a_condition_is_refused_in_one_line(condition, message):
    with pytest.raises(UserError, match=message or None) as caught:
        fitting(condition)
    assert "\n" not in str(caught.value)


NUMBERS = st.lists(st.none() | st.integers(-3, 3), min_size=4, max_size=4)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


@st.composite
def conditions(draw, depth=2):
    """A condition, and the same as Python that None in any comparison makes neither true nor false."""
    kind = draw(st.sampled_from(["compare", "and", "or", "not"])) if depth else "compare"
    if kind == "compare":
        name, operator, number = draw(st.sampled_from(["a", "b"])), draw(OPERATORS), draw(st.integers(-3, 3))
        offset = draw(st.integers(-2, 2))
        text = f"{name} + {offset} {operator} {number}"
        return text, f"(None if row['{name}'] is None else row['{name}'] + {offset} {operator} {number})"
    left, python_left = draw(conditions(depth - 1))
    if kind == "not":
        return f"not ({left})", f"negate({python_left})"
    right, python_right = draw(conditions(depth - 1))
    return f"({left}) {kind} ({right})", f"{kind}_({python_left}, {python_right})"


def and_(left, right):
    return False if False in (left, right) else None if None in (left, right) else True


def or_(left, right):
    return True if True in (left, right) else None if None in (left, right) else False


def negate(value):
    return None if value is None else not value


@given(NUMBERS, NUMBERS, conditions())
@settings(deadline=None)
def test_conditions_are_computed_as_python_would(a, b, condition):
    text, python = condition
    names = {"and_": and_, "or_": or_, "negate": negate}
    rows = [{"a": x, "b": y} for x, y in zip(a, b, strict=True)]
    expected = [i for i, row in enumerate(rows) if eval(python, names | {"row": row}) is True]
    assert fitting(text, make_table({"a": a, "b": b, "name": list("wxyz")})) == expected


# --- No code runs ---------------------------------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    [
        *("cv_mean", "name", "model", "`odd", "`", "@", "@pd", "pd", "os", "__import__", "('os')", ".system", "('id')"),
        *("__class__", ".__class__", ".__subclasses__()", ".str", ".to_csv", ".to_pickle('x')", ".eval('1')", ".pipe"),
        *("open('x', 'w')", "exec('1')", "eval('1')", "lambda: 0", "[", "]", "(", ")", "{", "}", "'", '"', "\\", "\n"),
        *(" and ", " or ", " not ", " in ", " == ", ">", "1", "'a'", "f'{1}'", ":=", ";", "#", "*", "**", ",", "."),
        *(".map(print)", ".apply(", "print", "globals()", "getattr", "column_0", "self", "rows", " if ", " for x in "),
    ]
)
DANGEROUS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "exec", "os.remove", "shutil.rmtree")
events: list[str] = []
is_watching = False


def watch(event, arguments):
    """Record what code would do: an audit hook cannot be removed, so a switch turns it off."""
    if is_watching and (event in DANGEROUS or (event == "open" and "w" in str(arguments[1]))):
        events.append(f"{event} {arguments}")


sys.addaudithook(watch)


@given(st.lists(FRAGMENTS, max_size=12).map("".join) | st.text(max_size=60), st.text(max_size=30))
@example("@pd.io.common.os.system('id')==0", "x")
@example("cv_mean.to_csv('x') == 1", "x")
@example("cv_mean > 0", "a` + __import__('os').system('id') + `b")
@example("`a` + __import__('os').system('id') + `b` > 0", "a` + __import__('os').system('id') + `b")
@settings(deadline=None, max_examples=500)
def test_no_expression_and_no_name_runs_code(condition, name):
    """Names come from the params and metrics of other people's commits."""
    global is_watching
    table = make_table(COLUMNS | {name: [1, 2, 3, 4], f"train.{name}": [1, 2, 3, 4]})
    events.clear()
    is_watching = True
    try:
        fitting(condition, table)
    except UserError:
        pass
    finally:
        is_watching = False
    assert events == []


@given(st.text(st.characters(exclude_characters="`"), min_size=1))
@settings(deadline=None)
def test_any_name_can_be_written_in_backquotes(name):
    assert fitting(f"`{name}` > 2", make_table({"other": [1, 2, 3, 4], name: [1, 2, 3, 4]})) == [2, 3]
