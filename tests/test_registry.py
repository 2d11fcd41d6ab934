"""register, registry, rollback and card: versions and stages by GTO, and what must be there before a tag is made."""

import json
import re
import shutil
from types import SimpleNamespace

import gto.constants
import pytest
from conftest import SAMPLE, BakedProject, run
from hypothesis import given, settings
from hypothesis import strategies as st
from test_project import set_param


@pytest.fixture(scope="module")
def toolbox(module):
    """Modules to call in this process; they work on the project in the current folder."""
    names = ("register", "registry", "rollback", "card", "models", "metadata")
    others = {"errors": module("errors"), "schema": module("schema"), "parser": module("__main__").parser}
    return SimpleNamespace(**{name: module(f"toolbox.{name}") for name in names}, **others)


# --- Without DVC --------------------------------------------------------------------------------------------------


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True))
def test_a_project_name_is_one_of_gto(name):
    gto.constants.assert_name_is_valid(name)
    assert gto.constants.tag_re.search(f"{name}@v0.0.1")["artifact"] == name


@given(st.lists(st.sampled_from(["v1", "v2", "v3", "v4", "back"]), max_size=12))
@settings(deadline=None)
def test_rollback_goes_back_and_never_forth(toolbox, steps):
    """Whatever was promoted and rolled back before."""
    history, left = [], set()  # left: rolled back from, and not promoted since
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolbox.registry, "call", lambda *_, **__: history)
        for step in [*steps, *["back"] * 12]:
            held = toolbox.registry.holders("m", "prod")
            if step == "back" and len(held) > 1:
                left.add(held[-1])
                step = held[-2]
                assert step not in left
            elif step == "back":
                continue
            left.discard(step)
            history.append({"event": "assignment", "stage": "prod", "version": step})
            history.append({"event": "assignment", "stage": "other", "version": "v4"})
        assert len(toolbox.registry.holders("m", "prod")) == bool(set(steps) - {"back"})


def test_what_was_unassigned_or_deregistered_is_not_gone_back_to(toolbox, monkeypatch):
    events = [("assignment", "prod", f"v{number}") for number in (1, 2, 3, 4)]
    events += [("unassignment", "prod", "v3"), ("deregistration", None, "v1"), ("unassignment", "dev", "v2")]
    history = [dict(zip(("event", "stage", "version"), event, strict=True)) for event in events]
    monkeypatch.setattr(toolbox.registry, "call", lambda *_, **__: history)
    assert toolbox.registry.holders("m", "prod") == ["v2", "v4"]


def test_the_next_version(toolbox):
    cases = {
        (None, None, None): "v0.0.1",
        (None, None, "major"): "v1.0.0",
        ("v0.9.9", None, None): "v0.9.10",
        ("v0.9.9", None, "minor"): "v0.10.0",
        ("v0.9.9", "1.2.3", None): "v1.2.3",
    }
    for (latest, asked, bump), expected in cases.items():
        known = [{"version": latest}] if latest else []
        assert toolbox.register.next_version(known, asked, bump) == expected


def test_the_limits_in_the_card_are_those_that_the_numbers_show(toolbox):
    column = {"name": "code", "role": "feature", "kind": "category", "alone": 1.0}
    found = toolbox.schema.Schema(
        task="classification", target="y", classes=["a", "b", "c"], split="time", by="day", train_rows=160, test_rows=40,
        columns=[column],
    )  # fmt: skip
    data = {
        "rows": 210,
        "rows_without_target": 8,
        "duplicate_rows": 2,
        "class_share": {"a": 0.92, "b": 0.05, "c": 0.03},
    }
    scores = {"cv_mean": 0.95, "cv_std": 0.04, "baseline_cv_mean": 0.92, "accuracy": 0.9}
    said = "\n".join(toolbox.card.limits({"data": data, "evaluation": scores | {"unknown_class_share": 0.05}}, found))
    n, p, z = 40, 0.9, 1.959964  # Wilson (1927)
    centre, half = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * (p * (1 - p) / n + (z / 2 / n) ** 2) ** 0.5,
    )
    for line in (
        "from 160 rows and tested on 40,",
        f"accuracy is {centre - half:.3f} to {centre + half:.3f} (95%",
        "ahead of a model without features by less than the folds differ",
        "little is known: b (10), c (6).",
        "92.0% of the rows are a: accuracy alone",
        "5.0% of the test rows are of classes that it never saw",
        "May be leaks, each nearly enough alone: 'code'",
        "earlier rows by 'day'",
    ):
        assert line in said
    found = found.model_copy(update={"split": "random", "columns": []})
    data |= {"class_share": {"a": 0.5, "b": 0.5}}
    assert len(toolbox.card.limits({"data": data, "evaluation": scores | {"cv_mean": 0.99}}, found)) == 3


# --- With DVC and a Git remote ------------------------------------------------------------------------------------


def call(toolbox, capsys, words: str) -> str:
    """What a command prints on both streams, its line for a mistake included."""
    arguments = toolbox.parser().parse_args(words.split())
    try:
        getattr(toolbox, arguments.command).run(arguments)
    except toolbox.errors.UserError as error:
        return f"error: {error}\n"
    printed = capsys.readouterr()
    return printed.out + printed.err


def share(project: BakedProject) -> None:
    """A Git remote that has the commit, and a DVC remote that has the data."""
    origin = project.path.parent / "origin.git"
    run("git", "init", "-q", "--bare", "--initial-branch=main", str(origin), cwd=project.path.parent)
    project.run("git", "remote", "add", "origin", str(origin))
    project.run("git", "push", "-q", "-u", "origin", "main")
    project.dvc("push", "-q")


@pytest.mark.slow
def test_each_thing_that_is_missing_is_named_with_a_command_that_helps(project, toolbox, capsys, monkeypatch):
    monkeypatch.chdir(project.path)

    def refused(expected: str, rev: str = "") -> str:
        said = call(toolbox, capsys, f"register {rev}")
        assert re.search(f"^error: {expected}", said, re.MULTILINE), said
        assert all(line.startswith("error: ") for line in said.splitlines())
        return said

    def head() -> str:
        return project.run("git", "rev-parse", "--short=7", "HEAD").strip()

    assert call(toolbox, capsys, "registry") == (
        "penguins: no version is registered; to register one: python -m imported register\n"
    )
    assert call(toolbox, capsys, "rollback --stage prod").startswith("error: penguins: prod: no version holds it;")
    refused("there is no revision or experiment 'nope'", "nope")
    refused("penguins@prod: the registry has no version of that name", "penguins@prod")
    refused(rf"the DVC remote 'storage' lacks .* and \d+ more files of {head()}; run: dvc push$")
    run("git", "init", "-q", "--bare", str(project.path.parent / "origin.git"), cwd=project.path)
    project.run("git", "remote", "add", "origin", str(project.path.parent / "origin.git"))
    assert refused(f"{head()} is not on the Git remote; run: git push origin main$").count("\n") == 2

    on_no_branch = project.run("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "as an experiment").strip()
    refused(f"{on_no_branch[:7]} is on no branch, as experiments are; run: git branch NAME", on_no_branch)
    project.run("git", "rm", "-q", "--cached", "dvc.lock")
    refused("there is work that is in no commit; run: git add -A && git commit$")
    project.run("git", "commit", "-q", "-m", "Without results")
    refused(f"{head()} has no results: dvc.lock is not in it; run: dvc repro")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 7 # trees")
    (project.path / "results/evaluate/metrics.json").write_text("{}")
    raw = project.read("data/raw/penguins.csv.dvc")
    (project.path / "data/raw/penguins.csv.dvc").write_text(re.sub("md5: ....", "md5: 0000", raw))
    project.commit("Changed, and not run")
    of = r"data/raw/penguins\.csv, params\.yaml, results/evaluate/metrics\.json"
    refused(rf"dvc\.lock of {head()} is not of what the commit has \({of}\); run: dvc repro")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")

    config = project.read(".dvc/config")
    (project.path / ".dvc/config").write_text(config.replace("remote = storage", ""))
    project.commit("No default")
    refused(f"{head()} has no DVC remote for those who get the model: .* run: dvc remote default NAME")
    (project.path / ".dvc/config").write_text(re.sub('url = ".*"', "url = ssh://localhost:1/gone", config))
    project.commit("A remote that is gone")
    refused("the DVC remote 'storage' cannot be reached: .*; see dvc remote list$")
    project.run("git", "reset", "-q", "--hard", "HEAD~2")
    shutil.rmtree(project.path / ".dvc/cache")
    refused(f"neither the DVC remote 'storage' nor the cache has .* of {head()}; run dvc push where it was made")
    pipeline = project.read("dvc.yaml")
    (project.path / "dvc.yaml").write_text(pipeline.partition("\nartifacts:")[0])
    project.commit("No artifact")
    refused("dvc.yaml of .*: artifacts: has no name for models/model.skops")
    assert project.run("git", "tag") == ""


@pytest.mark.slow
def test_two_versions_by_this_and_by_hand_and_back(project, toolbox, capsys, monkeypatch):
    share(project)
    monkeypatch.chdir(project.path)
    said = call(toolbox, capsys, "register --stage prod")
    first = project.run("git", "rev-parse", "HEAD").strip()
    assert said.splitlines()[:2] == [
        f"penguins v0.0.1 is commit {first[:7]}, in stage prod",
        "to share it: git push origin penguins@v0.0.1 'penguins#prod#1'",
    ]
    assert said.splitlines()[2].startswith("note: the DVC remote is ../penguins-remote, a folder beside the project")
    card = project.run("git", "tag", "--list", "--format=%(contents)", "penguins@v0.0.1")
    assert card.startswith("penguins v0.0.1\n\n# penguins v0.0.1\n")
    printed = call(toolbox, capsys, "card penguins@prod")
    assert printed.strip() in card
    assert call(toolbox, capsys, "register").startswith(f"penguins v0.0.1 is commit {first[:7]}, as it was before\n")
    assert call(toolbox, capsys, "register --bump major").startswith(f"error: {first[:7]} is registered as v0.0.1")
    assert call(toolbox, capsys, "rollback --stage prod").startswith(
        "error: penguins: prod: no version held it before v0.0.1;"
    )

    set_param(project, "purpose: baseline", "purpose: production")  # another commit of the same model
    project.commit("Another")
    project.run("git", "push", "-q")
    project.run("gto", "register", "penguins", "--version", "v0.1.0")
    project.run("gto", "assign", "penguins", "--version", "v0.1.0", "--stage", "prod")
    rows = json.loads(call(toolbox, capsys, "registry --json"))
    assert [(row["version"], row["stages"]) for row in rows] == [("v0.1.0", ["prod"]), ("v0.0.1", [])]
    assert rows[1]["commit"] == first
    assert rows[1]["cv_mean"] == project.json("results/train/metrics.json")["cv_mean"]
    assert rows[1]["accuracy"] == project.json("results/evaluate/metrics.json")["accuracy"]

    said = call(toolbox, capsys, "rollback --stage prod --push")
    assert said == "penguins: prod is v0.0.1 again, and was v0.1.0\n"
    assert re.search(r"penguins +│ v0.0.1 +│ prod ", project.run("gto", "show", "penguins#prod"))
    assert call(toolbox, capsys, "rollback --stage prod").startswith("error: penguins: prod: no version held it before")
    call(toolbox, capsys, "register penguins@v0.1.0 --stage prod")
    assert toolbox.models.resolve("penguins@prod") == project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "push", "-q", "origin", "--tags")

    run("git", "clone", "-q", str(project.path.parent / "origin.git"), "clone", cwd=project.path.parent)
    clone = BakedProject(project.path.parent / "clone", "")
    clone.dvc("artifacts", "get", ".", "penguins", "--rev", "v0.0.1", "--out", "got.skops")
    assert (clone.path / "got.skops").read_bytes() == (project.path / "models/model.skops").read_bytes()


@pytest.mark.slow
def test_promotion_by_the_recipe_in_the_readme(project):
    """Line by line, in one shell."""
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 1 # trees")
    project.dvc("repro", "-q")
    project.commit("A model that is easily beaten")
    share(project)
    project.dvc("exp", "run", "--temp", "-q", "-n", "better", "-S", "train.random_forest.n_estimators=100")

    section = project.read("README.md").partition("\n## Promote to production\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert len(lines) == 16
    shutil.copy(SAMPLE, project.path.parent / "new.csv")
    output = project.run("sh", "-ec", "\n".join(f"echo '> {line}'\n{line}" for line in lines))
    assert re.findall("^> (.*)", output, re.MULTILINE) == lines
    first, better = project.run("git", "log", "-2", "--reverse", "--format=%h").split()
    assert f"penguins v0.0.1 is commit {first}, in stage prod\n" in output
    assert f"penguins v0.1.0 is commit {better}, in stage prod\n" in output
    assert re.search(rf"^v0.1.0 +prod +0\.8908 .*{better}.*\nv0.0.1 +0\..*{first}", output, re.MULTILINE)
    assert "\n# penguins v0.1.0\n" in output
    assert output.endswith("penguins: prod is v0.0.1 again, and was v0.1.0\n")
    in_use = project.path.parent / "penguins-in-use"
    assert len((in_use / "predictions.csv").read_text().splitlines()) == 345
    assert (in_use / "model.skops").read_bytes() == (project.path / "models/model.skops").read_bytes()
    assert project.run("git", "ls-remote", "--tags", "origin", "penguins#*").count("refs/tags/penguins#prod#") == 6
