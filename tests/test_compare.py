"""compare and best on a project: all experiments in one table, and the best of them."""

import json
import math
import re
import shutil
import signal
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from commands import MANY
from conftest import BakedProject
from scipy import stats

pytestmark = pytest.mark.xdist_group("compare")  # one worker, so that what they share is made once

QUICK = ("train.train_sizes=[1.0]", "train.n_splits=2", "evaluate.importance.n_repeats=1")

ODD = "a<b>|x"
EXPERIMENTS = {
    ODD: ("train.random_forest.n_estimators=7", *QUICK),
    "linear": ("train.model=logistic_regression", "train.logistic_regression.C=0.5", QUICK[0], QUICK[2]),
    "loss": ("train.scoring=neg_log_loss", "train.random_forest.max_depth=5", *QUICK),
}


@pytest.fixture(scope="module")
def three(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("three") / "copy"
    shutil.copytree(finished.path.parent, folder, symlinks=True)
    project = BakedProject(folder / "penguins", "")
    for name, changes in EXPERIMENTS.items():
        project.dvc("exp", "run", "--temp", "-n", name, *(word for change in changes for word in ("-S", change)))
    return project


def set_param(project: BakedProject, old: str, new: str) -> None:
    text = project.read("params.yaml")
    assert text.count(old) == 1
    (project.path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")


def command(project: BakedProject, *arguments: str, code: int = 0) -> str:
    return project.run(sys.executable, "-m", "penguins", *arguments, code=code)


def commands(project: BakedProject, *given: tuple[str, ...]) -> list[str]:
    """What each command prints, its one line for a mistake included, with Python and DVC loaded once."""
    return json.loads(project.run(sys.executable, "-c", MANY, json.dumps(given)))


def compared(project: BakedProject, *arguments: str) -> dict[str, dict]:
    _, bracket, rows = command(project, "compare", "--json", *arguments).partition("[\n")  # after lines for the reader
    return {row["name"]: row for row in json.loads(bracket + rows)}


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
        "train.train_sizes": [1.0],
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
    for name in ("purpose", "model", "cv_mean", "overfit_gap", "n_splits", "n_estimators", "max_depth", "C", "scoring"):
        assert name in heading
    for name in ("state", "parent", "train_accuracy", "dummy_test_accuracy", "rows", "min_samples_leaf", "python"):
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
        "compare --where cv_meen>0": "--where 'cv_meen>0': 'cv_meen': no experiment has such a metric or param; did you",
        "compare --where cv_mean>9": "--where 'cv_mean>9': no experiment fits",
        "compare --where cv_mean": "--where 'cv_mean': is a value and not a condition",
        "compare --where cv_mean.to_csv('x')==1": "--where \"cv_mean.to_csv('x')==1\": .to_csv() is not a method here",
        "compare --columns name,n_estimators": "'n_estimators': may be train.random_forest.n_estimators, train.gra",
        "compare --sort n_splits.": "'n_splits.': no experiment has such a metric or param",
        "best --metric test_roc_auc_macro": f"test_roc_auc_macro: {honest}; choose by cv_mean, or add --allow-test-metrics",
        "best --where test_f1_macro>0.5": f"test_f1_macro: {honest}",
        "best --metric train_rows": "--metric train_rows: is a larger value better? add --goal maximize or --goal min",
        "best --metric train.n_splits": "--metric train.n_splits: not a metric that is a number",
        "best --branch main": "git branch: a branch named 'main' already exists\n",
    }
    printed = commands(three, *[tuple(case.split()) for case in cases])
    for output, message in zip(printed, cases.values(), strict=True):
        assert output.startswith(f"error: {message}")
        assert output.count("\n") == 1
    output = command(three, "best", "--where", "cv_mean>9", code=1)
    assert output == "error: --where 'cv_mean>9': no experiment fits; compare without it shows them all\n"


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
    assert table["train.n_splits"].dtype == int
    for _, row in table.iterrows():
        assert row.cv_mean == rows[row["name"]]["cv_mean"]
        assert json.loads(row["train.train_sizes"]) == rows[row["name"]]["train.train_sizes"]
    assert "| a&lt;b>\\|x | " in markdown


@pytest.mark.slow
def test_the_best_of_those_scored_alike_and_by_the_test_rows_only_if_allowed(three):
    rows, best, head, on_test = commands(
        three,
        ("compare", "--json"),
        ("best", "--json"),
        ("best", "--where", "name == 'main'"),
        ("best", "--metric", "test_log_loss", "--allow-test-metrics"),
    )
    rows, best = {row["name"]: row for row in json.loads(rows)}, json.loads(best)
    alike = ("main", ODD, "linear")
    assert best["best"]["name"] == max(alike, key=lambda name: rows[name]["cv_mean"])
    assert best["candidates"] == len(alike)
    assert best["left_out"] == ["loss"]
    assert len(best["scored"].pop("data")) == 32
    assert best["scored"] == {"scoring": "accuracy", "target": "sex", "task": "classification", "split": "random"}
    assert head.endswith("it is the last commit: nothing to apply\n")
    smallest = min((row["test_log_loss"], name) for name, row in rows.items() if name != "workspace")
    assert on_test.startswith(f"{smallest[1]} (")
    assert "chosen by the test rows (test_log_loss): they no longer give an honest estimate" in on_test


@pytest.mark.slow
def test_a_difference_is_tested_if_the_folds_are_the_same(three):
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
    edited = copy.read("params.yaml").replace("n_splits: 5", "n_splits: 3")
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
    assert "experiments of other commits are left out: 3 of " in command(copy, "best")
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


KILLED_IN_CHECKOUT = """
import os, signal
import dvc.repo
dvc.repo.Repo.checkout = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
"""
APPLY_LINEAR = ("best", "--where", "name == 'linear'", "--apply")


@pytest.mark.slow
def test_an_apply_that_was_killed_after_its_cherry_pick_is_finished(copy, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(KILLED_IN_CHECKOUT)
    killed = (sys.executable, "-m", "penguins", *APPLY_LINEAR)
    copy.run(*killed, code=-signal.SIGKILL, PYTHONPATH=str(tmp_path))
    assert copy.run("git", "status", "--porcelain", "--untracked-files=no") != ""
    assert command(copy, *APPLY_LINEAR).endswith("applied; to keep it: git add -A && git commit\n")
    assert copy.json("models/model.json")["class"].endswith("LogisticRegression")
    assert copy.dvc("status", "-q") == ""
    assert command(copy, *APPLY_LINEAR).endswith("applied; to keep it: git add -A && git commit\n")  # nothing to do


@pytest.mark.slow
def test_an_apply_that_was_killed_within_its_cherry_pick_is_undone_by_the_advice(copy, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(KILLED_IN_CHECKOUT)
    copy.run(sys.executable, "-m", "penguins", *APPLY_LINEAR, code=-signal.SIGKILL, PYTHONPATH=str(tmp_path))
    copy.run("git", "checkout", "-q", "HEAD", "--", "results")  # half of the files
    output = command(copy, *APPLY_LINEAR, code=1)
    advice = "git reset --hard && dvc checkout"
    assert output == f"error: --apply: linear: an earlier --apply of it was interrupted; undo that first: {advice}\n"
    copy.run("sh", "-c", advice)
    assert command(copy, *APPLY_LINEAR).endswith("applied; to keep it: git add -A && git commit\n")
    copy.run("git", "commit", "-q", "-a", "-m", "Applied")
    set_param(copy, "test_size: 0.2", "test_size: 0.3")  # work of the user's own is not taken for an interrupted one
    assert "there is work that is in no commit; first: git commit -a" in command(copy, *APPLY_LINEAR, code=1)


@pytest.mark.slow
def test_stale_and_damaged_commits_are_named_and_never_chosen(copy):
    with (copy.path / "data/raw/penguins.csv").open("a") as file:
        file.write("Adelie,Biscoe,39.9,18.9,191,3700,male,2007\n")
    copy.dvc("add", "-q", "data/raw/penguins.csv")
    copy.commit("New data, not run")
    stale = "main: the results are of another version of data/raw/penguins.csv; to renew them: dvc repro\n"
    output = command(copy, "compare")
    assert stale in output
    assert re.search(r"^main +\S+ \S+ +stale ", output, re.MULTILINE)
    output = command(copy, "best", "--all")
    assert re.search(r"^left out, stale \(.*\): 1 \(main\)$", output, re.MULTILINE)
    assert "main (commit" not in output
    copy.run("git", "branch", "stale")

    metrics = copy.path / "results/train/metrics.json"
    metrics.write_text(f"<<<<<<< HEAD\n{metrics.read_text()}=======\n>>>>>>> other\n")
    copy.commit("In conflict")
    copy.run("git", "branch", "conflict")
    copy.run("git", "checkout", "-q", "HEAD~2", "--", ".")
    params = copy.read("params.yaml")
    (copy.path / "params.yaml").write_text(re.sub(r"^  task: .*\n", "", params, flags=re.MULTILINE))
    copy.commit("Params that lack a key")
    copy.run("git", "branch", "lacking")
    copy.run("git", "checkout", "-q", "HEAD~3", "--", ".")
    copy.commit("As it was")
    for name in ("best", "compare", "report"):
        output = command(copy, name, "--all")
        assert "conflict: results/train/metrics.json: cannot be parsed; this row is left out\n" in output
        assert "Traceback" not in output
    assert re.search(r"^left out, scored otherwise: \d \(.*lacking.*\)$", command(copy, "best", "--all"), re.MULTILINE)
    assert set(compared(copy, "--all")) >= {"linear", "lacking", "stale"}
    assert compared(copy, "--all")["stale"]["state"] == "stale"


@pytest.mark.slow
def test_commits_with_experiments_are_named_if_the_last_one_has_none(copy):
    first = copy.run("git", "rev-parse", "HEAD").strip()
    copy.run("git", "commit", "-q", "--allow-empty", "-m", "A commit since")
    hidden = f"experiments of other commits are left out: 3 of {first[:12]}; --all shows them\n"
    for name in ("best", "compare"):
        assert hidden in command(copy, name)


@pytest.mark.slow
def test_an_experiment_of_older_files_names_them(copy):
    with (copy.package / "features.py").open("a") as file:
        file.write("\n# A change since\n")
    (copy.path / "README.md").write_text("More\n")
    copy.commit("Code since")
    output = command(copy, "best", "--all", "--where", "name == 'linear'", "--apply")
    older = "it began before these files changed, and its results are of the older ones: penguins/features.py; "
    assert older in output
    assert "# A change since" in copy.read("penguins/features.py")
    assert copy.dvc("status", "-q", code=1) == ""  # out of date
