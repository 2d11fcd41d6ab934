"""drift: distributions of any column, by their profiles; and the command between revisions and on new files."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import SAMPLE, BakedProject, copy_project
from example.core import profile, schema
from example.toolbox.drift import statistics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

pytestmark = pytest.mark.xdist_group("drift")  # one worker, so that the shared project is made once

# --- Without DVC: any column ------------------------------------------------------------------------------------------


def profiled(column: pd.Series, column_type: str) -> profile.ColumnProfile:
    """The profile of a column, as it is read back from its file."""
    train = pd.DataFrame({"x": column, "y": 0.0})
    table = schema.Schema(
        task="regression",
        target="y",
        classes=None,
        split="random",
        split_column=None,
        train_rows=len(train),
        test_rows=0,
        columns=[schema.ColumnSchema(name="x", role="feature", type=column_type)],
    )
    text = profile.describe(train, table).model_dump_json(exclude_defaults=True)
    return profile.Profile.model_validate_json(text).columns[0]


def both_ways(old: pd.Series, new: pd.Series, column_type: str) -> list[dict]:
    """The comparisons of the old profile with the new rows, and with their profile."""
    reference = profiled(old, column_type)
    counts = [statistics.count(reference, new), statistics.spread(reference, profiled(new, column_type))]
    return [statistics.compare(reference, current) for current in counts]


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
    """The type of a column, old rows and new ones."""
    column_type = draw(st.sampled_from(list(CELLS)))
    sides = [draw(st.lists(CELLS[column_type], min_size=1, max_size=40)) for _ in range(2)]
    return column_type, *(pd.Series(side, dtype=DTYPES[column_type]) for side in sides)


@given(pairs())
@settings(deadline=None, max_examples=300)
def test_any_two_columns_can_be_compared(pair):
    column_type, old, new = pair
    for comparison in both_ways(old, new, column_type):
        assert comparison["psi"] >= 0
        assert 0 <= comparison["p"] <= 1
        for side in ("reference", "current"):
            assert sum(part[side] for part in comparison["bins"]) == pytest.approx(1, abs=1e-4)
        json.dumps(comparison, allow_nan=False)
    for comparison in both_ways(old, old[::-1], column_type):
        assert comparison["psi"] == 0
        assert comparison["p"] == 1


@given(st.lists(few | any_number, min_size=1, max_size=400), st.lists(few | any_number, min_size=1, max_size=400))
@settings(deadline=None, max_examples=200)
@pytest.mark.filterwarnings("ignore:divide by zero")  # in the p-value of a single row, as in SciPy
def test_the_distance_is_near_the_distance_of_all_rows(old, new):
    old, new = pd.Series(old, dtype=float), pd.Series(new, dtype=float)
    rows = [profile.measured(side, "number").fillna(-np.inf) for side in (old, new)]
    expected = stats.ks_2samp(*rows, method="asymp").statistic
    exact, near = both_ways(old, new, "number")
    part = 1 / profile.N_PARTS + 1e-6
    assert exact["statistic"] - 1e-6 <= expected <= exact["statistic"] + part
    assert near["statistic"] == pytest.approx(expected, abs=2 * part)


@given(pairs(), st.integers(1, 39))
@settings(deadline=None)
def test_chunks_add_up_to_the_whole(pair, cut):
    column_type, old, new = pair
    reference = profiled(old, column_type)
    whole = statistics.count(reference, new)
    total = statistics.count(reference, new[:cut]).add(statistics.count(reference, new[cut:]))
    assert total.counts.tolist() == whole.counts.tolist()
    assert total[1:] == whole[1:]


# --- With DVC: a project, a revision in which a column drifted, and an experiment with another split ------------------


@pytest.fixture(scope="module")
def drifted(finished, tmp_path_factory):
    project = copy_project(finished, tmp_path_factory.mktemp("drifted") / "copy")
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
    """The exit code and the output of each command; Python and DVC are loaded once."""
    return json.loads(project.run(sys.executable, "-c", MANY, json.dumps(given)))


MANY = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from penguins.core.errors import UserError
from penguins.toolbox.cli import parser
from penguins.toolbox.drift import drift
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
def test_columns_that_drifted_between_two_revisions(drifted):
    facts = json.loads(drift(drifted, "--reference", "main", "--json", code=2))
    assert set(facts["drifted"]) == {"body_mass_g", "species"}
    assert facts["reference"] == {"source": "main", "rows": 266}
    columns = {column["name"]: column for column in facts["columns"]}
    assert columns["species"]["new_categories"].keys() == {"Macaroni"}
    assert (columns["sex"]["role"], columns["sex"]["level"]) == ("target", "stable")
    new = pd.read_parquet(drifted.path / "data/prepared/train.parquet").body_mass_g
    expected = stats.ks_2samp(new, json.loads(drifted.run(sys.executable, "-c", OLD))).statistic
    assert columns["body_mass_g"]["statistic"] == pytest.approx(expected, abs=0.02)
    assert columns["body_mass_g"]["p"] < 1e-6


OLD = """
import json, dvc.api, pandas
with dvc.api.open("data/prepared/train.parquet", rev="main", mode="rb") as file:
    print(json.dumps(pandas.read_parquet(file).body_mass_g.to_list()))
"""


@pytest.mark.slow
def test_the_output_for_revisions_and_for_new_files(drifted, tmp_path):
    table, new = pd.read_csv(SAMPLE), tmp_path / "new.csv"
    table.drop(columns="island").assign(extra=1, sex=None, year="x").to_csv(new, index=False)
    table.to_parquet(tmp_path / "same.parquet")
    revisions, same, file, ignored, high, parquet = drifts(
        drifted,
        ("--reference", "main"),
        (),
        (str(new), "--reference", "main"),
        (str(new), "--reference", "main", "--ignore", "island", "--ignore", "year"),
        (str(new), "--threshold", "99", "--ignore", "island"),
        (str(tmp_path / "same.parquet"), "--reference", "main", "--json"),
    )
    assert revisions[0] == 2
    assert revisions[1].startswith("266 rows of the workspace, compared with 266 training rows of main\n")
    assert re.search(r"\nspecies +category +\d\.\d{3}  chi2 \d+ .* drifted\n", revisions[1])
    assert re.search(r"\nnew categories of 'species' \(rows\): 'Macaroni' \(\d+\)\n", revisions[1])
    assert set(re.findall(r"'(\w+)'", revisions[1].splitlines()[-1])) == {"species", "body_mass_g"}
    assert same[0] == 0
    assert same[1].endswith("nothing drifted (PSI of 0.2 or more, and p below 0.05)\n")
    assert file[0] == 2
    for line in (
        "'year' is not written as in training in 344 rows: these values count as missing",
        "lost columns: 'island'",
        "new columns, not compared: 'extra'",
        f"the target is not in {new}, and not compared",
    ):
        assert f"\n{line}\n" in file[1]
    assert file[1].endswith(": 'year', 'island'\n")
    assert ignored[0] == 0
    assert (high[0], "moderate" in high[1]) == (0, False)
    facts = json.loads(parquet[1])
    assert (parquet[0], facts["drifted"], facts["current"]["rows"]) == (0, [], len(table))
    assert {column["role"] for column in facts["columns"]} == {"feature", "target"}


@pytest.mark.slow
def test_another_split_of_the_same_data_does_not_drift(drifted):
    """drift compares the experiment, and not the workspace."""
    drifted.run("git", "switch", "-q", "main")
    drifted.dvc("checkout", "-q", "prepare")
    split, back = drifts(drifted, ("--reference", "split", "--json"), ("--reference", "new-data", "--json"))
    drifted.run("git", "switch", "-q", "new-data")
    drifted.dvc("checkout", "-q", "prepare")
    assert (split[0], back[0]) == (0, 2)
    assert 0 < max(column["psi"] for column in json.loads(split[1])["columns"]) < 0.1


@pytest.mark.slow
def test_the_page_has_no_script_and_loads_nothing(drifted, tmp_path):
    page = tmp_path / "drift.html"
    drift(drifted, "--reference", "main", "--plot", str(page), code=2)
    text = page.read_text(encoding="utf-8")
    assert ">body_mass_g</text>" in text
    assert not re.search(r"<script|<link|<image|\b(src|href)=|url\((?!#)", text)


@pytest.mark.slow
def test_a_mistake_gives_one_line_and_exit_code_1(drifted, tmp_path):
    (tmp_path / "empty.csv").write_text("species,sex\n")
    first = drifted.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    cases = {
        ("no.csv",): "no.csv: there is no such file; to compare with a revision: drift --reference no.csv\n",
        (str(tmp_path / "empty.csv"),): f"{tmp_path / 'empty.csv'}: has no rows to compare; choose another file\n",
        ("--reference", "nowhere"): "'nowhere': is not a commit, branch, tag or experiment; ",
        ("--reference", first): "data/prepared/profile.json: ",
        ("--ignore", "mass"): "--ignore mass: is not a column to compare; ",
        ("--plot", "page.png"): "--plot page.png: should end in .html\n",
    }
    for (code, output), message in zip(drifts(drifted, *cases), cases.values(), strict=True):
        assert output.startswith(f"error: {message}")
        assert (code, output.count("\n")) == (1, 1)
    usage = drift(drifted, "--threshold", "x", code=1)
    assert usage.endswith("error: argument --threshold: 'x': should be a number above 0\n")
    assert drift(drifted, "no.csv", code=1).startswith("error: no.csv: there is no such file")


@pytest.mark.slow
def test_a_clone_compares_with_what_the_remote_has(drifted, tmp_path):
    drifted.dvc("push", "-q")
    drifted.run("git", "clone", "-q", "-b", "new-data", ".", str(tmp_path / "clone"))
    clone = BakedProject(tmp_path / "clone", "")
    nothing = "error: data/prepared/profile.json: is missing; run: dvc pull, or dvc repro prepare\n"
    assert drift(clone, "--reference", "origin/main", code=1) == nothing
    clone.dvc("pull", "-q", "data/prepared/profile.json", "data/prepared/schema.json")
    facts = json.loads(drift(clone, "--reference", "origin/main", "--json", code=2))
    assert set(facts["drifted"]) == {"body_mass_g", "species"}


@pytest.mark.slow
def test_prepare_alone_writes_the_profile_without_the_toolbox(bake):
    project = bake(toolbox="no")
    project.stage("prepare")
    assert {column["name"] for column in project.json("data/prepared/profile.json")["columns"]} >= {"sex", "species"}
