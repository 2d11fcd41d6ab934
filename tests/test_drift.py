"""drift: what moved from one revision to another, or in a new file; by profiles of any column, and by commands for real."""

import json
import re
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import SAMPLE, BakedProject
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

pytestmark = pytest.mark.xdist_group("drift")  # one worker, so that what they share is made once

# --- Without DVC: the package of a baked project, and any column ------------------------------------------------------


@pytest.fixture(scope="module")
def package(module):
    names = ("profile", "schema", "toolbox.drift", "toolbox.stability")
    return SimpleNamespace(**{name.rpartition(".")[2]: module(name) for name in names})


def profiled(package, column: pd.Series, kind: str):
    """The profile of a column, as it is read back from its file."""
    train = pd.DataFrame({"x": column, "y": 0.0})
    columns = [package.schema.Column(name="x", role="feature", kind=kind)]
    found = package.schema.Schema(
        task="regression",
        target="y",
        classes=None,
        split="random",
        by=None,
        train_rows=len(train),
        test_rows=0,
        columns=columns,
    )
    described = package.profile.describe(train, found).model_dump_json(exclude_defaults=True)
    return package.profile.Profile.model_validate_json(described).columns[0]


def both_ways(package, old: pd.Series, new: pd.Series, kind: str) -> list[dict]:
    """What is found by the profile of the old rows and the new rows, and by that of both."""
    reference = profiled(package, old, kind)
    rows = [
        package.stability.count(reference, new),
        package.stability.spread(reference, profiled(package, new, kind)),
    ]
    return [package.stability.compare(reference, found) for found in rows]


few = st.integers(-3, 3).map(float)
any_number = st.floats(width=64) | few | st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 2.0**53 + 2, 5e-324])
dates = st.none() | st.datetimes()
CELLS = {
    "number": any_number,
    "date": dates,
    "category": st.none() | st.text(max_size=3),
    "text": st.none() | st.text(),
}
DTYPES = {"number": "float64", "date": "datetime64[us]", "category": object, "text": object}


@st.composite
def pairs(draw) -> tuple[str, pd.Series, pd.Series]:
    """The kind of a column, old rows and new ones."""
    kind = draw(st.sampled_from(list(CELLS)))
    sides = [draw(st.lists(CELLS[kind], min_size=1, max_size=40)) for _ in range(2)]
    return kind, *(pd.Series(side, dtype=DTYPES[kind]) for side in sides)


@given(pairs())
@settings(deadline=None, max_examples=300)
def test_any_two_columns_can_be_compared(package, pair):
    kind, old, new = pair
    for found in both_ways(package, old, new, kind):
        assert found["psi"] >= 0
        assert 0 <= found["p"] <= 1
        for side in ("reference", "new"):
            assert sum(one[side] for one in found["bins"]) == pytest.approx(1, abs=1e-4)
        json.dumps(found, allow_nan=False)
    for found in both_ways(package, old, old[::-1], kind):
        assert found["psi"] == 0
        assert found["p"] == 1


@given(st.lists(few | any_number, min_size=1, max_size=400), st.lists(few | any_number, min_size=1, max_size=400))
@settings(deadline=None, max_examples=200)
@pytest.mark.filterwarnings("ignore:divide by zero")  # in the p-value of a single row, which SciPy gives too
def test_the_distance_is_that_of_all_rows_within_what_is_said(package, old, new):
    old, new = pd.Series(old, dtype=float), pd.Series(new, dtype=float)
    rows = [package.profile.measured(side, "number").fillna(-np.inf) for side in (old, new)]
    expected = stats.ks_2samp(*rows, method="asymp").statistic
    exact, near = both_ways(package, old, new, "number")
    part = 1 / package.profile.PARTS + 1e-6
    assert exact["statistic"] - 1e-6 <= expected <= exact["statistic"] + part
    assert near["statistic"] == pytest.approx(expected, abs=2 * part)


@given(pairs(), st.integers(1, 39))
@settings(deadline=None)
def test_chunks_add_up_to_the_whole(package, pair, cut):
    kind, old, new = pair
    reference = profiled(package, old, kind)
    whole = package.stability.count(reference, new)
    parts = package.stability.count(reference, new[:cut]) + package.stability.count(reference, new[cut:])
    assert parts.cells.tolist() == whole.cells.tolist()
    assert parts[1:] == whole[1:]


# --- With DVC: a project, a revision in which a column moved, and an experiment with another split --------------------


@pytest.fixture(scope="module")
def moved(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moved") / "copy"
    shutil.copytree(finished.path.parent, folder, symlinks=True)
    project = BakedProject(folder / "penguins", "")
    project.dvc("push", "-q")
    project.dvc("exp", "run", "-q", "--temp", "-n", "split", "-S", "prepare.seed=1", "prepare")
    project.run("git", "switch", "-q", "-c", "new-data")
    table = pd.read_csv(SAMPLE)
    heavier = table.assign(body_mass_g=table.body_mass_g + 500, species=table.species.replace("Gentoo", "Macaroni"))
    heavier.to_csv(project.path / "data/raw/penguins.csv", index=False)
    project.dvc("repro", "-q", "prepare")
    project.commit("New data")
    return project


def drift(project: BakedProject, *arguments: str, code: int) -> str:
    return project.run(sys.executable, "-m", "penguins", "drift", *arguments, code=code)


def drifts(project: BakedProject, *given: tuple[str, ...]) -> list[tuple[int, str]]:
    """The exit code and what is printed of each command, with Python and DVC loaded once."""
    return json.loads(project.run(sys.executable, "-c", MANY, json.dumps(given)))


MANY = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from penguins.__main__ import parser
from penguins.errors import UserError
from penguins.toolbox import drift
done = []
for words in json.loads(sys.argv[1]):
    code, output = 0, io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        try:
            drift.run(parser().parse_args(["drift", *words]))
        except SystemExit as end:
            code = end.code
        except UserError as error:
            code = 1
            print(f"error: {error}")
    done.append((code, output.getvalue()))
print(json.dumps(done))
"""


@pytest.mark.slow
def test_columns_that_moved_between_two_revisions(moved):
    facts = json.loads(drift(moved, "--against", "main", "--json", code=2))
    assert set(facts["drifted"]) == {"body_mass_g", "species"}
    assert facts["reference"] == {"of": "main", "rows": 266}
    columns = {one["name"]: one for one in facts["columns"]}
    assert columns["species"]["unseen"].keys() == {"Macaroni"}
    assert (columns["sex"]["role"], columns["sex"]["level"]) == ("target", "stable")
    new = pd.read_parquet(moved.path / "data/prepared/train.parquet").body_mass_g
    expected = stats.ks_2samp(new, json.loads(moved.run(sys.executable, "-c", OLD))).statistic
    assert columns["body_mass_g"]["statistic"] == pytest.approx(expected, abs=0.02)
    assert columns["body_mass_g"]["p"] < 1e-6


OLD = """
import json, dvc.api, pandas
with dvc.api.open("data/prepared/train.parquet", rev="main", mode="rb") as file:
    print(json.dumps(pandas.read_parquet(file).body_mass_g.to_list()))
"""


@pytest.mark.slow
def test_what_is_said_of_revisions_and_of_new_files(moved, tmp_path):
    table, new = pd.read_csv(SAMPLE), tmp_path / "new.csv"
    table.drop(columns="island").assign(extra=1, sex=None, year="x").to_csv(new, index=False)
    table.to_parquet(tmp_path / "same.parquet")
    told, same, file, ignored, high, parquet = drifts(
        moved,
        ("--against", "main"),
        (),
        (str(new), "--against", "main"),
        (str(new), "--against", "main", "--ignore", "island", "--ignore", "year"),
        (str(new), "--threshold", "99", "--ignore", "island"),
        (str(tmp_path / "same.parquet"), "--against", "main", "--json"),
    )
    assert told[0] == 2
    assert told[1].startswith("266 rows of the workspace, against 266 training rows of main\n")
    assert re.search(r"\nspecies +category +\d\.\d{3}  chi2 \d+ .* drifted\n", told[1])
    assert re.search(r"\nnew categories of 'species' \(rows\): 'Macaroni' \(\d+\)\n", told[1])
    assert set(re.findall(r"'(\w+)'", told[1].splitlines()[-1])) == {"species", "body_mass_g"}
    assert same[0] == 0
    assert same[1].endswith("nothing drifted (PSI of 0.2 or more, and p below 0.05)\n")
    assert file[0] == 2
    for line in (
        "'year' is not written as in training in 344 rows: they count as missing",
        "lost columns: 'island'",
        "new columns, not compared: 'extra'",
        f"the target is not in {new}, and not compared",
    ):
        assert f"\n{line}\n" in file[1]
    assert file[1].endswith(": 'year', 'island'\n")
    assert ignored[0] == 0
    assert (high[0], "moderate" in high[1]) == (0, False)
    facts = json.loads(parquet[1])
    assert (parquet[0], facts["drifted"], facts["new"]["rows"]) == (0, [], len(table))
    assert {one["role"] for one in facts["columns"]} == {"feature", "target"}


@pytest.mark.slow
def test_another_split_of_the_same_data_does_not_drift(moved):
    """What is compared is the experiment, and not the workspace."""
    moved.run("git", "switch", "-q", "main")
    moved.dvc("checkout", "-q", "prepare")
    split, back = drifts(moved, ("--against", "split", "--json"), ("--against", "new-data", "--json"))
    moved.run("git", "switch", "-q", "new-data")
    moved.dvc("checkout", "-q", "prepare")
    assert (split[0], back[0]) == (0, 2)
    assert 0 < max(one["psi"] for one in json.loads(split[1])["columns"]) < 0.1


@pytest.mark.slow
def test_the_page_has_no_script_and_asks_for_nothing(moved, tmp_path):
    page = tmp_path / "drift.html"
    drift(moved, "--against", "main", "--plot", str(page), code=2)
    text = page.read_text(encoding="utf-8")
    assert ">body_mass_g</text>" in text
    assert not re.search(r"<script|<link|<image|\b(src|href)=|url\((?!#)", text)


@pytest.mark.slow
def test_a_mistake_gives_one_line_and_exit_code_1(moved, tmp_path):
    (tmp_path / "empty.csv").write_text("species,sex\n")
    first = moved.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    cases = {
        ("no.csv",): "no.csv: there is no such file; to compare with a revision: drift --against no.csv\n",
        (str(tmp_path / "empty.csv"),): f"{tmp_path / 'empty.csv'}: has no rows to compare\n",
        ("--against", "nowhere"): "there is no revision or experiment 'nowhere'; ",
        ("--against", first): "data/prepared/profile.json: ",
        ("--ignore", "mass"): "--ignore mass: is no column that is compared; ",
        ("--plot", "page.png"): "--plot page.png: is no .html file\n",
    }
    for (code, output), message in zip(drifts(moved, *cases), cases.values(), strict=True):
        assert output.startswith(f"error: {message}")
        assert (code, output.count("\n")) == (1, 1)
    usage = drift(moved, "--threshold", "x", code=1)
    assert usage.endswith("error: argument --threshold: 'x': should be a number above 0\n")
    assert drift(moved, "no.csv", code=1).startswith("error: no.csv: there is no such file")


@pytest.mark.slow
def test_a_clone_compares_with_what_the_remote_has(moved, tmp_path):
    moved.dvc("push", "-q")
    moved.run("git", "clone", "-q", "-b", "new-data", ".", str(tmp_path / "clone"))
    clone = BakedProject(tmp_path / "clone", "")
    remote = (moved.path / "../penguins-remote").resolve()
    clone.dvc("remote", "modify", "--local", "storage", "url", str(remote))
    nothing = "error: data/prepared/profile.json is not there; run: dvc pull, or dvc repro prepare\n"
    assert drift(clone, "--against", "origin/main", code=1) == nothing
    clone.dvc("pull", "-q", "data/prepared/profile.json", "data/prepared/schema.json")
    facts = json.loads(drift(clone, "--against", "origin/main", "--json", code=2))
    assert set(facts["drifted"]) == {"body_mass_g", "species"}


@pytest.mark.slow
def test_prepare_alone_writes_the_profile_without_the_toolbox(bake):
    project = bake(toolbox="no")
    project.stage("prepare")
    assert {column["name"] for column in project.json("data/prepared/profile.json")["columns"]} >= {"sex", "species"}
