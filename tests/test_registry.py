"""register, registry, rollback and model-card: versions and stages by GTO, and what must exist before a tag is made."""

import json
import os
import re
import shutil
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import gto.constants
import pytest
from commands import set_param
from conftest import SAMPLE, TEMPLATE, BakedProject, run
from example.core import revisions, schema
from example.core.errors import UserError
from example.toolbox import cli, model_card
from example.toolbox.registry import register, registry, rollback
from hypothesis import given, settings
from hypothesis import strategies as st

COMMANDS = {"register": register, "registry": registry, "rollback": rollback, "model-card": model_card}


# --- Without DVC --------------------------------------------------------------------------------------------------


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True))
def test_a_project_name_is_one_of_gto(name):
    gto.constants.assert_name_is_valid(name)
    assert gto.constants.tag_re.search(f"{name}@v0.0.1")["artifact"] == name


@given(st.lists(st.sampled_from(["v1", "v2", "v3", "v4", "back"]), max_size=12))
@settings(deadline=None)
def test_rollback_goes_back_and_never_forward(steps):
    """Whatever was promoted and rolled back before."""
    history, left = [], set()  # left: rolled back from, and not promoted since
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "call_gto", lambda *_, **__: history)
        for step in [*steps, *["back"] * 12]:
            held = registry.stage_history("m", "prod")
            if step == "back" and len(held) > 1:
                left.add(held[-1])
                step = held[-2]
                assert step not in left
            elif step == "back":
                continue
            left.discard(step)
            history.append({"event": "assignment", "stage": "prod", "version": step})
            history.append({"event": "assignment", "stage": "other", "version": "v4"})
        assert len(registry.stage_history("m", "prod")) == bool(set(steps) - {"back"})


def test_rollback_skips_what_was_unassigned_or_deregistered(monkeypatch):
    events = [("assignment", "prod", f"v{number}") for number in (1, 2, 3, 4)]
    events += [("unassignment", "prod", "v3"), ("deregistration", None, "v1"), ("unassignment", "dev", "v2")]
    history = [dict(zip(("event", "stage", "version"), event, strict=True)) for event in events]
    monkeypatch.setattr(registry, "call_gto", lambda *_, **__: history)
    assert registry.stage_history("m", "prod") == ["v2", "v4"]


def test_the_next_version():
    cases = {
        (None, None, None): "v0.0.1",
        (None, None, "major"): "v1.0.0",
        ("v0.9.9", None, None): "v0.9.10",
        ("v0.9.9", None, "minor"): "v0.10.0",
        ("v0.9.9", "1.2.3", None): "v1.2.3",
    }
    for (latest, requested, bump), expected in cases.items():
        known = [{"version": latest}] if latest else []
        assert register.next_version(known, requested, bump) == expected


def test_the_card_lists_the_limits_that_the_numbers_show():
    column = {"name": "code", "role": "feature", "type": "category", "single_feature_score": 1.0}
    table = schema.Schema(
        task="classification", target="y", classes=["a", "b", "c"], split="time", split_column="day",
        train_rows=160, test_rows=40, columns=[column],
    )  # fmt: skip
    data = {
        "rows": 210,
        "rows_without_target": 8,
        "duplicate_rows": 2,
        "class_fraction": {"a": 0.92, "b": 0.05, "c": 0.03},
    }
    scores = {"cv_mean": 0.95, "cv_std": 0.04, "dummy_cv_mean": 0.92, "test_accuracy": 0.9}
    evaluation = scores | {"test_unknown_class_fraction": 0.05}
    limits = "\n".join(model_card.find_limits({"data": data, "evaluation": evaluation}, table))
    n, p, z = 40, 0.9, 1.959964  # Wilson (1927)
    centre, half = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * (p * (1 - p) / n + (z / 2 / n) ** 2) ** 0.5,
    )
    for line in (
        "Trained on 160 rows, and tested once on 40.",
        f"accuracy is {centre - half:.3f} to {centre + half:.3f} (95%",
        "beats a model without features by less than the folds differ",
        "little is known: b (10), c (6).",
        "92.0% of the rows are a: accuracy is not informative",
        "5.0% of the test rows have classes without training rows",
        "Possible leakage: each of 'code' alone predicts",
        "earlier rows by 'day'",
    ):
        assert line in limits
    table = table.model_copy(update={"split": "random", "columns": []})
    data |= {"class_fraction": {"a": 0.5, "b": 0.5}}
    assert len(model_card.find_limits({"data": data, "evaluation": scores | {"cv_mean": 0.99}}, table)) == 3


# --- With DVC and a Git remote ------------------------------------------------------------------------------------


def call(capsys, words: str) -> str:
    """What a command prints on both streams, its line for a mistake included."""
    arguments = cli.parser().parse_args(words.split())
    try:
        COMMANDS[arguments.command].run(arguments)
    except UserError as error:
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
def test_each_thing_that_is_missing_is_named_with_a_command_that_helps(project, capsys, monkeypatch):
    monkeypatch.chdir(project.path)

    def refused(expected: str, rev: str = "") -> str:
        output = call(capsys, f"register {rev}")
        assert re.search(f"^error: {expected}", output, re.MULTILINE), output
        assert all(line.startswith("error: ") for line in output.splitlines())
        return output

    def head() -> str:
        return project.run("git", "rev-parse", "--short=7", "HEAD").strip()

    assert call(capsys, "registry") == (
        "penguins: no version is registered; to register one: python -m example register\n"
    )
    assert call(capsys, "rollback --stage prod").startswith("error: penguins: prod: no version holds it;")
    refused("'nope': is not a commit, branch, tag or experiment;", "nope")
    refused("penguins@prod: the registry has no version of that name", "penguins@prod")
    refused(rf"the DVC remote 'storage' lacks .* and \d+ more files of {head()}; run: dvc push$")
    run("git", "init", "-q", "--bare", str(project.path.parent / "origin.git"), cwd=project.path)
    project.run("git", "remote", "add", "origin", str(project.path.parent / "origin.git"))
    assert refused(f"{head()} is not on the Git remote; run: git push origin main$").count("\n") == 2

    on_no_branch = project.run("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "as an experiment").strip()
    refused(f"{on_no_branch[:7]} is on no branch, as experiments are; run: git branch NAME", on_no_branch)
    project.run("git", "rm", "-q", "--cached", "dvc.lock")
    refused("the project has changes that are not committed; run: git add -A . && git commit$")
    project.run("git", "commit", "-q", "-m", "Without results")
    refused(f"{head()} has no results: dvc.lock is not in it; run: dvc repro")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 7 # trees")
    (project.path / "results/evaluate/metrics.json").write_text("{}")
    raw = project.read("data/raw/penguins.csv.dvc")
    (project.path / "data/raw/penguins.csv.dvc").write_text(re.sub("md5: ....", "md5: 0000", raw))
    project.commit("Changed, and not run")
    files = r"data/raw/penguins\.csv, params\.yaml, results/evaluate/metrics\.json"
    refused(rf"dvc\.lock of {head()} does not match the commit \({files}\); run: dvc repro")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")

    config = project.read(".dvc/config")
    (project.path / ".dvc/config").write_text(config.replace("remote = storage", ""))
    project.commit("No default")
    refused(f"{head()} has no DVC remote that others know: .* run: dvc remote default NAME")
    (project.path / ".dvc/config").write_text(re.sub('url = ".*"', "url = ssh://localhost:1/gone", config))
    project.commit("A remote that is gone")
    refused(r"'storage': the DVC remote needs a package that is not installed; run: .*\"dvc\[ssh\]\"$")
    project.run("git", "reset", "-q", "--hard", "HEAD~2")
    shutil.rmtree(project.path / ".dvc/cache")
    refused(
        f"neither the DVC remote 'storage' nor the cache has .* of {head()}; run dvc push where the files were made"
    )
    pipeline = project.read("dvc.yaml")
    (project.path / "dvc.yaml").write_text(pipeline.partition("\nartifacts:")[0])
    project.commit("No artifact")
    refused("dvc.yaml of .*: artifacts: has no name for models/model.skops")
    assert project.run("git", "tag") == ""


@pytest.mark.slow
def test_two_versions_by_this_and_by_hand_and_back(project, capsys, monkeypatch):
    share(project)
    monkeypatch.chdir(project.path)
    output = call(capsys, "register --stage prod")
    first = project.run("git", "rev-parse", "HEAD").strip()
    assert output.splitlines()[:2] == [
        f"penguins v0.0.1 is commit {first[:7]}, in stage prod",
        "to share it: git push --atomic origin penguins@v0.0.1 'penguins#prod#1'",
    ]
    assert re.match("note: the DVC remote is .*/penguins-remote, a folder of this machine; ", output.splitlines()[2])
    card = project.run("git", "tag", "--list", "--format=%(contents)", "penguins@v0.0.1")
    assert card.startswith("penguins v0.0.1\n\n# penguins v0.0.1\n")
    printed = call(capsys, "model-card penguins@prod")
    assert printed.strip() in card
    assert call(capsys, "register").startswith(f"penguins v0.0.1 is commit {first[:7]}, as it was before\n")
    assert call(capsys, "register --bump major").startswith(f"error: {first[:7]}: is registered as v0.0.1 already")
    assert call(capsys, "rollback --stage prod").startswith("error: penguins: prod: no version held it before v0.0.1;")

    set_param(project, "purpose: baseline", "purpose: production")  # another commit of the same model
    project.commit("Another")
    project.run("git", "push", "-q")
    project.run("gto", "register", "penguins", "--version", "v0.1.0")
    project.run("gto", "assign", "penguins", "--version", "v0.1.0", "--stage", "prod")
    rows = json.loads(call(capsys, "registry --json"))
    assert [(row["version"], row["stages"]) for row in rows] == [("v0.1.0", ["prod"]), ("v0.0.1", [])]
    assert rows[1]["commit"] == first
    assert rows[1]["cv_mean"] == project.json("results/train/metrics.json")["cv_mean"]
    assert rows[1]["test_accuracy"] == project.json("results/evaluate/metrics.json")["test_accuracy"]

    assert call(capsys, "rollback --stage prod --push") == "penguins: prod is v0.0.1 again, and was v0.1.0\n"
    assert re.search(r"penguins +│ v0.0.1 +│ prod ", project.run("gto", "show", "penguins#prod"))
    assert call(capsys, "rollback --stage prod").startswith("error: penguins: prod: no version held it before")
    call(capsys, "register penguins@v0.1.0 --stage prod")
    assert revisions.resolve("penguins@prod") == project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "push", "-q", "origin", "--tags")

    run("git", "clone", "-q", str(project.path.parent / "origin.git"), "clone", cwd=project.path.parent)
    clone = BakedProject(project.path.parent / "clone", "")
    clone.dvc("artifacts", "get", ".", "penguins", "--rev", "v0.0.1", "--out", "got.skops")
    assert (clone.path / "got.skops").read_bytes() == (project.path / "models/model.skops").read_bytes()


@pytest.mark.slow
def test_promotion_by_the_recipe_in_the_docs(project):
    """Line by line, in one shell."""
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 1 # trees")
    project.dvc("repro", "-q")
    project.commit("A model that is easily beaten")
    share(project)
    project.dvc("exp", "run", "--temp", "-q", "-n", "better", "-S", "train.random_forest.n_estimators=100")

    page = (TEMPLATE / "docs/registry.md").read_text(encoding="utf-8")
    section = page.partition("## Promote to production\n")[2].partition("\n## ")[0]
    lines = [line for block in re.findall("```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
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


@pytest.mark.slow
def test_two_people_register_the_same_version(project, capsys, monkeypatch):
    share(project)
    run("git", "clone", "-q", str(project.path.parent / "origin.git"), "clone", cwd=project.path.parent)
    clone = BakedProject(project.path.parent / "clone", "")
    monkeypatch.chdir(clone.path)
    with monkeypatch.context() as patch:
        patch.setattr(register, "fetch_tags", lambda: None)  # both have looked before either pushed
        assert call(capsys, "register --stage prod").startswith("penguins v0.0.1 is commit")
        project.run("git", "tag", "-a", "-m", "first", "penguins@v0.0.1")
        project.run("git", "push", "-q", "origin", "penguins@v0.0.1")
        clone.run("git", "tag", "-d", "penguins@v0.0.1", "penguins#prod#1")
        output = call(capsys, "register --stage prod --push")
    assert re.match(r"error: penguins@v0\.0\.1: somebody else has pushed another tag by this name;", output)
    assert clone.run("git", "ls-remote", "--tags", "origin", "penguins#*") == ""
    later = call(capsys, "register --push")
    assert re.match(r"error: penguins@v0\.0\.1: somebody else .*: git tag --delete penguins@v0\.0\.1 &&", later)
    command = re.search("number: (.*), then run", output)[1]
    clone.run("sh", "-ec", command)
    assert call(capsys, "register --stage prod --push").startswith("penguins v0.0.1 is commit")
    assert "penguins#prod#1" in clone.run("git", "ls-remote", "--tags", "origin")


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["penguins@v0.0.9", "penguins#prod#1"])
@pytest.mark.parametrize("target", ["HEAD:params.yaml", "HEAD^{tree}"])
def test_a_tag_of_the_registry_that_is_not_of_a_commit_is_named(finished, capsys, monkeypatch, tag, target):
    monkeypatch.chdir(finished.path)
    finished.run("git", "tag", "-a", "-m", "x", tag, target)
    try:
        outputs = [call(capsys, words) for words in ("registry", "register", "model-card penguins@prod")]
    finally:
        finished.run("git", "tag", "-d", tag)
    assert outputs == [f"error: tag {tag}: is not the tag of a commit; delete it: git tag -d '{tag}'\n"] * 3


@pytest.mark.slow
def test_a_revision_that_is_not_a_commit_gives_one_line(finished, monkeypatch):
    monkeypatch.chdir(finished.path)
    for rev in ("HEAD:params.yaml", "HEAD^{tree}", "a" * 5000, "/" * 5000, "", "..", "-x", "HEAD@{99}", "a\nb", "a@b"):
        with pytest.raises(UserError, match=r"^.{0,200}$"):
            revisions.resolve(rev)


@pytest.mark.slow
def test_a_model_that_is_not_the_one_in_dvc_lock_is_refused(project, monkeypatch):
    """Whether it was changed in the cache or in the remote."""
    project.dvc("push", "-q")
    monkeypatch.chdir(project.path)
    commit = revisions.resolve("HEAD")
    md5 = revisions.file_md5(project.path / "models/model.skops")
    file = f"files/md5/{md5[:2]}/{md5[2:]}"
    cached, pushed = project.path / ".dvc/cache" / file, project.path.parent / "penguins-remote" / file
    for changed, place in ((cached, re.escape(str(cached))), (pushed, f"{file} in the DVC remote")):
        content = changed.read_bytes()
        changed.chmod(0o644)
        changed.write_bytes(content + b"x")
        message = (
            f"^models/model.skops: is not the file of {commit[:7]}: dvc.lock names MD5 {md5}, .* {place} was changed"
        )
        with pytest.raises(UserError, match=message), revisions.files(commit, ["models/model.skops"]):
            pass
        changed.write_bytes(content)
        cached.unlink(missing_ok=True)
    with revisions.files(commit, ["models/model.skops"]) as folder:
        assert revisions.file_md5(folder / "models/model.skops") == md5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (401, "refuses access: 401"),
        (403, "refuses access: 403"),
        (500, "cannot be reached: 500"),
        (None, "cannot be reached: .*Connect call failed"),
    ],
)
def test_a_remote_that_cannot_be_used_is_named_as_such(project, capsys, monkeypatch, code, problem):
    monkeypatch.chdir(project.path)
    with server(code) as port:
        project.dvc("remote", "modify", "--local", "storage", "url", f"http://user:secret@127.0.0.1:{port}/x")
        shutil.rmtree(project.path / ".dvc/cache")
        with pytest.raises(UserError) as error, revisions.files(revisions.resolve("HEAD"), ["models/model.skops"]):
            pass
        output = call(capsys, "register")
    assert re.search(f"^models/model.skops: is not in the cache, and the DVC remote {problem}", str(error.value))
    assert re.search(f"^error: 'storage': the DVC remote {problem}", output, re.MULTILINE)
    assert "secret" not in output + str(error.value)


@contextmanager
def server(code: int | None):
    """A port at which every request is answered with a code, or refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    if code is None:
        listening.server_close()
    else:
        Thread(target=listening.serve_forever, daemon=True).start()
    yield listening.server_port
    if code is not None:
        listening.shutdown()
        listening.server_close()


@pytest.mark.slow
def test_the_default_remote_works_from_a_clone_and_in_other_commits(project):
    """With every command of DVC that moves data; the clone is beside the project, and has no cache."""
    share(project)
    project.dvc("exp", "run", "-q", "--temp", "-n", "few", "-S", "train.random_forest.n_estimators=3")
    project.dvc("exp", "push", "-q", "origin", "few")
    old = (project.path / "models/model.skops").read_bytes()
    project.run("git", "tag", "-a", "-m", "x", "penguins@v0.0.1")
    set_param(project, "n_estimators: 100 # trees", "n_estimators: 9 # trees")
    project.dvc("repro", "-q")
    project.commit("Fewer trees")
    project.dvc("push", "-q")
    project.run("git", "push", "-q", "--tags", "origin", "main")

    origin = str(project.path.parent / "origin.git")
    run("git", "clone", "-q", origin, "clone", cwd=project.path.parent)
    clone = BakedProject(project.path.parent / "clone", "")
    clone.dvc("pull", "-q")
    assert (clone.path / "models/model.skops").read_bytes() == (project.path / "models/model.skops").read_bytes()
    clone.dvc("exp", "pull", "-q", "origin", "few")
    clone.dvc("exp", "apply", "-q", "few")
    clone.run("git", "checkout", "-q", ".")
    shutil.rmtree(clone.path / ".dvc/cache")
    clone.dvc("fetch", "-q", "--all-commits")
    assert len(list((clone.path / ".dvc/cache").rglob("*"))) > 20
    shutil.rmtree(clone.path / ".dvc/cache")
    clone.dvc("get", "-q", ".", "models/model.skops", "--rev", "HEAD~1", "-o", "get.skops")
    clone.dvc("artifacts", "get", ".", "penguins", "--rev", "v0.0.1", "-o", "artifact.skops")
    clone.dvc("artifacts", "get", origin, "penguins", "--rev", "v0.0.1", "-o", "by-address.skops")
    assert all((clone.path / name).read_bytes() == old for name in ("get.skops", "artifact.skops", "by-address.skops"))
    clone.dvc("push", "-q", "--all-commits")
    clone.dvc("gc", "-q", "-f", "-c", "-A")
    clone.dvc("get", "-q", ".", "models/model.skops", "--rev", "HEAD~1", "-o", "after.skops")
    assert (clone.path / "after.skops").read_bytes() == old


@pytest.mark.slow
def test_a_project_in_a_folder_of_a_repository(cookiecutter, tmp_path):
    """Its remote is not in Git, its raw data is not in data/raw, and other work in the repository does not matter."""
    root = tmp_path / "größtes repo"
    root.mkdir()
    run("git", "init", "-q", "--initial-branch=main", cwd=root)
    (root / "other.txt").write_text("a")
    run("git", "add", "-A", cwd=root)
    run("git", "commit", "-q", "-m", "Other work", cwd=root)
    project = BakedProject(root / "ml/penguins", cookiecutter(root / "ml"))
    assert "letters beyond ASCII" in project.output
    (project.path / "data/raw/penguins.csv").rename(project.path / "data/table.csv")
    (project.path / "data/raw/penguins.csv.dvc").unlink()
    project.dvc("add", "-q", "data/table.csv")
    set_param(project, 'path: "data/raw/penguins.csv"', "path: ./data/table.csv")
    project.dvc("repro", "-q")
    project.run("git", "add", "-A", str(root))
    project.run("git", "commit", "-q", "-m", "First results")
    assert "penguins-remote" not in project.run("git", "ls-files", str(root))
    share(project)
    (root / "other.txt").write_text("b")

    program = (sys.executable, "-m", "penguins")
    output = project.run(*program, "register", "--stage", "prod", "--push")
    assert output.startswith("ml/penguins:penguins v0.0.1 is commit ")
    md5 = revisions.file_md5(project.path / "data/table.csv")
    card = json.loads(project.run(*program, "model-card", "--json"))
    assert (card["data"]["file"], card["data"]["md5"]) == ("data/table.csv", md5)
    assert json.loads(project.run(*program, "best", "--json"))["scored"]["data"] == md5
    report = json.loads(project.run(*program, "report", "--json"))
    assert report["lineage"][0] == {"stage": "raw data", "path": "data/table.csv", "md5": md5}
    assert "cd project/ml/penguins" in report["commands"]
    run("git", "clone", "-q", str(project.path.parent / "origin.git"), "clone", cwd=tmp_path)
    clone = BakedProject(tmp_path / "clone/ml/penguins", "")
    shutil.copy(SAMPLE, clone.path / "new.csv")
    clone.dvc("artifacts", "get", ".", "ml/penguins:penguins", "--rev", "v0.0.1", "-o", "got.skops")
    clone.run(*program, "predict", "new.csv", "--model", "penguins@prod", "-o", "out.csv")
    assert len((clone.path / "out.csv").read_text().splitlines()) == 345


@pytest.mark.slow
def test_a_folder_that_a_killed_push_left_in_part_is_found_and_completed_by_the_advice(project, capsys, monkeypatch):
    """DVC 3.67 takes a folder for pushed if the list of its files is in the remote."""
    share(project)
    monkeypatch.chdir(project.path)
    md5 = revisions.file_md5(project.path / "results/train/plots/metrics/cv_mean.tsv")
    left_out = project.path.parent / "penguins-remote/files/md5" / md5[:2] / md5[2:]
    left_out.unlink()
    project.dvc("push")
    assert not left_out.exists()
    refusal = call(capsys, "register")
    assert "lacks results/train/plots/metrics/cv_mean.tsv of " in refusal
    (list_of_files,) = re.findall(r"; delete (\S+\.dir), by which .*; then run: dvc push$", refusal.strip())
    Path(list_of_files).unlink()
    project.dvc("push")
    assert left_out.exists()
    assert call(capsys, "register").startswith("penguins v0.0.1 is commit ")


@pytest.mark.slow
def test_tags_that_a_killed_register_did_not_push_are_pushed_by_the_next(project, capsys, monkeypatch):
    share(project)
    monkeypatch.chdir(project.path)
    call(capsys, "register --stage prod")  # without --push: as if it was killed before that
    assert project.run("git", "ls-remote", "--tags", "origin") == ""
    assert ", in stage prod\n" in call(capsys, "register --stage prod --push")
    pushed = re.findall(r"refs/tags/(\S+[^}])\n", project.run("git", "ls-remote", "--tags", "origin"))
    assert pushed == ["penguins#prod#1", "penguins@v0.0.1"]


@pytest.mark.slow
def test_every_command_gives_one_line_without_a_usable_repository(project):
    """A ZIP download, and a repository without a commit or of another user."""
    words = [
        ["registry"],
        ["register"],
        ["rollback", "--stage", "prod"],
        ["model-card"],
        ["verify"],
        ["drift"],
        ["report"],
    ]
    git, aside = project.path / ".git", project.path.parent / "aside"

    def check(expected: str, commands: list[list[str]]) -> None:
        for command in commands:
            output = project.run(sys.executable, "-m", "penguins", *command, code=1)
            assert re.fullmatch(f"error: .*{expected}.*\n", output), output

    git.rename(aside)
    check("is not in a Git repository; get it with git clone, or run: git init", words)
    project.run("git", "init", "-q")
    check(
        "no commit yet; run: git add -A && git commit", [command for command in words[1:] if command[0] != "rollback"]
    )
    shutil.rmtree(git)
    aside.rename(git)
    if os.getuid() == 0:
        for path in (git, project.path):
            os.chown(path, 1000, 1000)
        check("another user owns it; if you trust it, run: git config --global --add safe.directory", words)


@pytest.mark.slow
def test_a_commit_in_another_encoding(project):
    project.run("git", "config", "i18n.commitEncoding", "ISO-8859-1")
    (project.path.parent / "message").write_bytes("Größe".encode("latin-1"))
    project.run("git", "commit", "-q", "--allow-empty", "-F", str(project.path.parent / "message"))
    card = json.loads(project.run(sys.executable, "-m", "penguins", "model-card", "--json"))
    assert card["experiment"]["name"] == "Größe"
    project.run(sys.executable, "-m", "penguins", "report")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such users")
def test_a_user_that_the_system_does_not_know(finished, tmp_path):
    """As in a container that runs with a number for the user."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef unknown(uid): raise KeyError(uid)\npwd.getpwuid = unknown\n"
    )
    names = [word for name in ("USER", "LOGNAME", "LNAME", "USERNAME") for word in ("-u", name)]
    command = ("env", *names, f"PYTHONPATH={tmp_path}", sys.executable, "-m", "penguins", "registry")
    assert finished.run(*command).startswith("penguins: no version is registered;")
    without_home = ("env", "-u", "HOME", "-u", "XDG_CONFIG_HOME", *command[1:])
    assert re.fullmatch("error: HOME: is not set, .*\n", finished.run(*without_home, code=1))
