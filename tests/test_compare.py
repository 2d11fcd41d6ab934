"""compare and best: all experiments in one table, with their types; the best of them, and whether by more than noise."""

import json
import math
import shutil
import sys
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import BakedProject
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_project import QUICK, set_param

pytestmark = pytest.mark.xdist_group("compare")  # one worker, so that what they share is made once

# --- Without DVC: the package of a baked project, and made-up rows ----------------------------------------------------


@pytest.fixture(scope="module")
def toolbox(module):
    return SimpleNamespace(**{name: module(f"toolbox.{name}") for name in ("experiments", "compare", "noise")})


def made_up(toolbox, **columns: list):
    columns = {name.replace("__", "."): pd.Series(cells, dtype=object) for name, cells in columns.items()}
    rows = pd.DataFrame({name: toolbox.experiments._typed(cells) for name, cells in columns.items()})
    metrics = [name for name in rows if name.startswith("cv_")]
    return toolbox.experiments.Experiments(rows, metrics, [name for name in rows if "." in name], {})


VALUES = [st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text()]
columns = st.one_of([st.lists(st.none() | kind, min_size=1, max_size=5) for kind in VALUES])


@given(columns)
@settings(deadline=None)
def test_values_keep_their_type(toolbox, cells):
    column = made_up(toolbox, metric=cells).rows.metric
    found = [toolbox.experiments.plain(cell) for cell in column]
    assert [(type(cell), cell) for cell in found] == [(type(cell), cell) for cell in cells]


numbers = st.lists(st.none() | st.integers(-3, 3), min_size=4, max_size=4)


@given(numbers, numbers, st.integers(-3, 3), st.sampled_from(["and", "or"]))
@settings(deadline=None)
def test_where_is_what_python_says_and_a_missing_value_fits_nothing(toolbox, depth, score, limit, word):
    found = made_up(toolbox, name=list("abcd"), cv_mean=score, train__forest__max_depth=depth)
    both = all if word == "and" else any
    pairs = zip("abcd", score, depth, strict=True)
    expected = [n for n, s, d in pairs if both([s is not None and s > limit, d is not None and d <= limit])]
    try:
        rows = found.where(f"cv_mean > {limit} {word} max_depth <= {limit}").rows
    except toolbox.experiments.UserError as error:
        assert str(error).startswith("no experiment fits --where")
        rows = found.rows.head(0)
    assert list(rows["name"]) == expected


@given(st.lists(st.text(st.sampled_from("a|<>`*\\\n\r&~ ")), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_cell_in_markdown_is_one_cell_in_one_line(toolbox, cells):
    lines = toolbox.compare.markdown({"name": cells, "next": ["1"] * len(cells)}).split("\n")
    assert len(lines) == len(cells) + 2
    for line in lines:
        without_escapes = line.replace("\\\\", "").replace("\\|", "").replace("\\`", "").replace("\\*", "")
        assert without_escapes.count("|") == 3
        assert not set("<`*\r") & set(without_escapes.replace("<br>", ""))


def test_headings_are_short_where_that_is_enough(toolbox):
    names = ["accuracy", "baseline.accuracy", "train.ridge.alpha", "train.model", "train.a.depth", "train.b.depth"]
    assert toolbox.compare.headings(names) == ["accuracy", "baseline.accuracy", "alpha", "model", "a.depth", "b.depth"]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10), st.booleans())
@settings(deadline=None)
def test_the_corrected_t_test(toolbox, differences, by_time):
    k = len(differences)
    t, p = toolbox.noise.corrected_t_test(np.array(differences), by_time)
    if np.allclose(differences, 0, atol=1e-12):
        assert (t, p) == (0, 1)
    elif np.ptp(differences) > 1e-6:
        ratio = 2 / (k + 1) if by_time else 1 / (k - 1)
        plain = stats.ttest_1samp(differences, 0).statistic  # whose variance counts 1/k times
        assert t == pytest.approx(plain * math.sqrt((1 / k) / (1 / k + ratio)))
        assert p == pytest.approx(2 * stats.t.cdf(-abs(t), k - 1))


# --- With DVC: a project and three experiments ------------------------------------------------------------------------

ODD = "a<b>|x"
EXPERIMENTS = {
    ODD: ("train.random_forest.n_estimators=7", *QUICK[1::2]),
    "linear": ("train.model=logistic_regression", "train.logistic_regression.C=0.5", QUICK[1], QUICK[-1]),
    "loss": ("train.scoring=neg_log_loss", "train.random_forest.max_depth=5", *QUICK[1::2]),
}


@pytest.fixture(scope="module")
def three(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("three") / "copy"
    shutil.copytree(finished.path.parent, folder, symlinks=True)
    project = BakedProject(folder / "penguins", "")
    for name, changes in EXPERIMENTS.items():
        project.dvc("exp", "run", "--temp", "-n", name, *(word for change in changes for word in ("-S", change)))
    return project


def command(project: BakedProject, *arguments: str, code: int = 0) -> str:
    return project.run(sys.executable, "-m", "penguins", *arguments, code=code)


def commands(project: BakedProject, *given: tuple[str, ...]) -> list[str]:
    """What each command prints, its one line for a mistake included, with Python and DVC loaded once."""
    return json.loads(project.run(sys.executable, "-c", MANY, json.dumps(given)))


MANY = """
import io, json, sys
from contextlib import redirect_stdout
from importlib import import_module
from penguins.__main__ import parser
from penguins.errors import UserError
printed = []
for words in json.loads(sys.argv[1]):
    arguments = parser().parse_args(words)
    with redirect_stdout(io.StringIO()) as output:
        try:
            import_module(f"penguins.toolbox.{arguments.command}").run(arguments)
        except UserError as error:
            print(f"error: {error}")
    printed.append(output.getvalue())
print(json.dumps(printed))
"""


def compared(project: BakedProject, *arguments: str) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(command(project, "compare", "--json", *arguments))}


@pytest.mark.slow
def test_json_has_all_columns_with_their_types(three):
    rows = compared(three)
    assert list(rows) == ["workspace", "loss", "linear", ODD, "main"]
    assert [rows[name]["kind"] for name in ("workspace", "main", ODD)] == ["workspace", "commit", "experiment"]
    expected = {
        "train.random_forest.n_estimators": 7,
        "train.random_forest.max_depth": None,
        "train.random_forest.max_features": 0.5,
        "train.hist_gradient_boosting.early_stopping": False,
        "train.learning_curve": [1.0],
        "data.types": {},
        "train.scoring": None,
        "state": "done",
        "parent": "main",
        "train_rows": 266,
    }
    found = {name: rows[ODD][name] for name in expected}
    assert [(name, type(value), value) for name, value in found.items()] == [
        (name, type(value), value) for name, value in expected.items()
    ]
    assert rows["main"]["cv_mean"] == three.json("results/train/metrics.json")["cv_mean"]
    assert rows["loss"]["train.random_forest.max_depth"] == 5


@pytest.mark.slow
def test_the_table_has_what_differs_and_only_what_a_model_reads(three):
    lines = command(three, "compare").splitlines()
    heading = lines[0].split()
    for name in ("purpose", "model", "cv_mean", "overfit_gap", "folds", "n_estimators", "max_depth", "C", "scoring"):
        assert name in heading
    for name in ("state", "parent", "train_accuracy", "baseline.accuracy", "rows", "min_samples_leaf", "python"):
        assert name not in heading
    start = {name: lines[0].index(f" {name}") + 1 for name in ("n_estimators", "C")}
    cells = {line.split()[0]: line for line in lines[1:]}
    assert cells[ODD][start["n_estimators"] :].split()[0] == "7"
    assert cells["linear"][start["n_estimators"] : start["n_estimators"] + len("n_estimators")].strip() == ""


@pytest.mark.slow
def test_where(three):
    cases = {
        "cv_mean > 0.5 and model == 'logistic_regression'": ["linear"],
        "train.random_forest.n_estimators < 10 or random_forest.max_depth == 5": ["loss", ODD],
        "name.str.contains('|', regex=False)": [ODD],
        "`cv_mean` < 0": ["loss"],
    }
    printed = commands(three, *[("compare", "--json", "--where", case, "--columns", "name") for case in cases])
    assert [[row["name"] for row in json.loads(text)] for text in printed] == list(cases.values())


@pytest.mark.slow
def test_a_mistake_gives_one_line(three):
    honest = "scored on the test rows, which give no honest estimate of a model that they chose"
    cases = {
        "compare --where cv_meen>0": "no experiment has a metric or param 'cv_meen'; did you mean cv_mean",
        "compare --where cv_mean>9": "no experiment fits --where 'cv_mean>9'",
        "compare --where cv_mean": "--where 'cv_mean': is a number and compares nothing",
        "compare --columns name,n_estimators": "'n_estimators' may be train.random_forest.n_estimators, train.gra",
        "compare --sort folds.": "no experiment has a metric or param 'folds.'",
        "best --metric roc_auc": f"roc_auc: {honest}; choose by cv_mean, or say --test\n",
        "best --where f1>0.5": f"f1: {honest}",
        "best --metric train_rows": "--metric train_rows: is more of it better? say --goal maximize or --goal min",
        "best --metric train.folds": "--metric train.folds: is no metric that is a number",
        "best --branch main": "git branch: a branch named 'main' already exists\n",
    }
    printed = commands(three, *[tuple(case.split()) for case in cases])
    for output, message in zip(printed, cases.values(), strict=True):
        assert output.startswith(f"error: {message}")
        assert output.count("\n") == 1
    output = command(three, "best", "--where", "cv_mean>9", code=1)
    assert output == "error: no experiment fits --where 'cv_mean>9'\n"


@pytest.mark.slow
def test_csv_reads_back_as_it_was_sorted_and_markdown_is_escaped(three):
    text, markdown, rows = commands(
        three,
        ("compare", "--format", "csv", "--sort", "cv_mean", "--ascending"),
        ("compare", "--format", "markdown"),
        ("compare", "--json"),
    )
    table, rows = pd.read_csv(StringIO(text)), {row["name"]: row for row in json.loads(rows)}
    assert table["name"][0] == "loss"
    assert table.cv_mean.is_monotonic_increasing
    assert table["train.folds"].dtype == int
    for _, row in table.iterrows():
        assert row.cv_mean == rows[row["name"]]["cv_mean"]
        assert json.loads(row["train.learning_curve"]) == rows[row["name"]]["train.learning_curve"]
    assert "| a&lt;b>\\|x | " in markdown


@pytest.mark.slow
def test_the_best_of_those_scored_alike_and_the_test_rows_only_if_told_to(three):
    rows, best, head, on_test = commands(
        three,
        ("compare", "--json"),
        ("best", "--json"),
        ("best", "--where", "name == 'main'"),
        ("best", "--metric", "log_loss", "--test"),
    )
    rows, best = {row["name"]: row for row in json.loads(rows)}, json.loads(best)
    alike = ("main", ODD, "linear")
    assert best["best"]["name"] == max(alike, key=lambda name: rows[name]["cv_mean"])
    assert best["candidates"] == len(alike)
    assert best["left_out"] == ["loss"]
    assert len(best["scored"].pop("data")) == 32
    assert best["scored"] == {"scoring": "accuracy", "target": "sex", "task": "classification", "split": "random"}
    assert head.endswith("it is the last commit: nothing to apply\n")
    smallest = min((row["log_loss"], name) for name, row in rows.items() if name != "workspace")
    assert on_test.startswith(f"{smallest[1]} (")
    assert "chosen by the test rows (log_loss): they give no honest estimate" in on_test


@pytest.mark.slow
def test_a_difference_is_tested_where_the_folds_are_the_same(three):
    linear, odd = commands(
        three, ("best", "--json", "--where", "name == 'linear'"), ("best", "--where", f"name == '{ODD}'")
    )
    facts = json.loads(linear)
    (other,) = facts["against"]
    folds = json.loads(three.run(sys.executable, "-c", READ, "linear", "main"))
    d = np.subtract(*[[fold["score"] for fold in scores] for scores in folds])
    t = d.mean() / math.sqrt((1 / 5 + 1 / 4) * d.var(ddof=1))
    assert other["difference"] == pytest.approx(d.mean())
    assert (other["t"], other["p"]) == pytest.approx((t, 2 * stats.t.sf(abs(t), 4)))
    assert f"the folds' noise (corrected resampled t-test, p = {other['p']:.2g})" in other["verdict"]
    assert facts["params"]["train.logistic_regression.C"] == {"head": 1.0, "best": 0.5}
    assert "train.random_forest.n_estimators" not in facts["params"]
    assert "to the last commit main (0.8908): not tested: other folds\n" in odd


READ = """
import json, sys, dvc.api
files = [dvc.api.read("results/train/plots/custom/folds.json", rev=rev) for rev in sys.argv[1:]]
print(json.dumps([json.loads(file) for file in files]))
"""


@pytest.fixture
def copy(three, tmp_path):
    """A copy of the project with its experiments, to change at will."""
    shutil.copytree(three.path.parent, tmp_path / "copy", symlinks=True)
    return BakedProject(tmp_path / "copy" / "penguins", "")


@pytest.mark.slow
def test_apply_refuses_to_overwrite_work_and_then_brings_the_files(copy):
    edited = copy.read("params.yaml").replace("folds: 5", "folds: 3")
    (copy.path / "params.yaml").write_text(edited)
    choice = ("best", "--where", "name == 'linear'", "--apply")
    assert command(copy, *choice, code=1).startswith("error: --apply: there is work that is in no commit; first: git ")
    assert copy.read("params.yaml") == edited
    (copy.path / "notes.txt").write_text("kept")
    copy.run("git", "checkout", "-q", "params.yaml")
    output = command(copy, *choice)
    assert output.endswith("applied; to keep it: git add -A && git commit\n")
    assert "model: logistic_regression" in copy.read("params.yaml")
    assert copy.json("models/model.json")["class"].endswith("LogisticRegression")
    assert copy.dvc("status", "-q") == ""
    assert copy.read("notes.txt") == "kept"


@pytest.mark.slow
def test_apply_does_not_undo_the_commits_since_the_experiment_began(copy):
    (copy.path / "README.md").write_text("More\n")
    copy.commit("A commit since")
    choice = ("best", "--all", "--where", "name == 'linear'")
    assert "experiments of other commits are left out; --all has them\n" in command(copy, "best")
    assert "to get it: git cherry-pick --no-commit " in command(copy, *choice)
    assert command(copy, *choice, "--apply").endswith("applied; to keep it: git add -A && git commit\n")
    assert copy.read("README.md") == "More\n"
    assert copy.json("models/model.json")["class"].endswith("LogisticRegression")
    assert copy.dvc("status", "-q") == ""

    copy.run("git", "reset", "-q", "--hard")
    set_param(copy, "model: random_forest", "model: gradient_boosting")
    copy.commit("The same line")
    assert "does not fit on the commits since it began; --branch NAME" in command(copy, *choice, "--apply", code=1)
    assert copy.run("git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_branch_makes_one_and_folds_that_are_not_here_are_named(copy):
    shutil.rmtree(copy.path / ".dvc/cache")
    output = command(copy, "best", "--where", f"name == '{ODD}'", "--branch", "odd")
    assert "branch odd is made; to go there: git switch odd && dvc checkout\n" in output
    assert f"not tested: the folds of {ODD} are not in the cache; get them: dvc exp pull origin '{ODD}'\n" in output
    rev = copy.run("git", "rev-parse", "odd").strip()
    assert copy.run("git", "for-each-ref", f"--points-at={rev}", "refs/exps").endswith(f"/{ODD}\n")
    assert "n_estimators: 7" in copy.run("git", "show", "odd:params.yaml")
