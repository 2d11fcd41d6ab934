"""Generated projects at work: DVC for real, on real data."""

import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from browser import plots_drawn
from commands import QUICK, set_param
from conftest import SAMPLE, TEMPLATE, BakedProject, run
from recipes import indented_commands, section

pytestmark = pytest.mark.slow

# Extras whose packages the toolbox imports.
EXTRAS = ("dask", "mlflow", "report", "sweep", "wandb", "xgboost")


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def experiments(project: BakedProject) -> dict[str, dict]:
    """The data of each experiment by its name."""
    (baseline,) = (c for c in json.loads(project.dvc("exp", "show", "--json")) if c["name"] == "main")
    return {e["revs"][0]["name"]: e["revs"][0]["data"] for e in baseline["experiments"] or []}


def test_the_first_repro_fills_results_and_a_second_does_nothing(finished):
    train, test = finished.json("results/train/metrics.json"), finished.json("results/evaluate/metrics.json")
    assert 0.85 < train["cv_mean"] < 0.95
    assert 0 < train["cv_std"] < 0.1
    assert 0.85 < test["test_accuracy"] < 1
    assert test["overfit_gap"] == pytest.approx(train["train_accuracy"] - test["test_accuracy"])
    assert {f"test_{name}_macro" for name in ("precision", "recall", "f1", "roc_auc")} <= test.keys()
    assert "step" not in train
    output = finished.dvc("repro")
    assert stages_run(output) == []
    assert "Data and pipelines are up to date." in output
    assert finished.run("git", "status", "--porcelain") == ""


def test_the_five_kinds_of_metadata(finished):
    counts = finished.json("results/prepare/metrics.json")
    assert counts["rows"] == 344
    assert counts["rows_without_target"] == 11
    assert counts["class_fraction"]["female"] == pytest.approx(165 / 333, abs=1e-6)
    environment = finished.json("models/environment.json")
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert finished.json("models/model.json")["parameters"]["n_estimators"] == 100
    shown = json.loads(finished.run(sys.executable, "-m", "penguins", "model-card", "--json"))
    assert {"experiment", "environment", "data", "model", "evaluation"} <= shown.keys()
    assert shown["data"]["md5"] == yaml.safe_load(finished.read("data/raw/penguins.csv.dvc"))["outs"][0]["md5"]
    assert shown["experiment"]["commit"] == finished.run("git", "rev-parse", "HEAD").strip()
    assert shown["experiment"]["author"] == "Test <test@localhost>"
    assert shown["experiment"]["dirty"] is False


def test_the_card_of_an_unknown_revision(finished):
    output = finished.run(sys.executable, "-m", "penguins", "model-card", "nope", code=1)
    assert output == (
        "error: 'nope': is not a commit, branch, tag or experiment; dvc exp list -A and git log list their names\n"
    )


def test_commands_give_something_to_look_at_and_no_warning(finished):
    shown = [
        finished.dvc("dag"),
        finished.dvc("metrics", "show"),
        finished.dvc("exp", "show", "--only-changed", "--no-pager"),
        finished.dvc("plots", "show", "-o", str(finished.path.parent / "plots")),
        finished.dvc("status"),
    ]
    for text, wanted in zip(shown, ("evaluate", "accuracy", "workspace", "index.html", "up to date"), strict=True):
        assert wanted in text
        assert not re.search("warning|error|failed", text, re.IGNORECASE), text


def test_an_experiment_changes_what_it_should_and_runs_what_it_must(project):
    output = project.dvc("exp", "run", "--name", "fewer", "-S", "train.random_forest.n_estimators=7", *QUICK)
    assert stages_run(output) == ["train", "evaluate"]
    output = project.dvc("exp", "run", "--name", "other", "-S", "train.model=logistic_regression")
    assert stages_run(output) == ["train", "evaluate"]
    output = project.dvc("exp", "run", "--name", "importance", "-S", "evaluate.importance.n_repeats=2")
    assert stages_run(output) == ["evaluate"]
    output = project.dvc("exp", "run", "--name", "unused", "-S", "train.gradient_boosting.learning_rate=0.3")
    assert stages_run(output) == []

    runs = experiments(project)
    assert runs.keys() == {"fewer", "other", "importance", "unused"}
    cv_mean = {name: data["metrics"]["results/train/metrics.json"]["data"]["cv_mean"] for name, data in runs.items()}
    output = project.dvc(
        "exp", "run", "-S", "train.model=logistic_regression", "-S", "train.logistic_regression.C=1e-5"
    )
    assert stages_run(output) == ["train", "evaluate"]  # 1e-05 in the file: a number in YAML 1.2
    assert cv_mean["fewer"] != cv_mean["other"] == cv_mean["importance"]
    shown = json.loads(project.run(sys.executable, "-m", "penguins", "model-card", "other", "--json"))
    assert shown["experiment"]["name"] == "other"
    assert shown["model"]["class"].endswith("LogisticRegression")


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting"])
def test_a_model_is_the_same_on_one_core_and_on_all(project, model):
    set_param(project, "model: random_forest", f"model: {model}")
    outputs = []
    for cores in ("1", str(os.cpu_count())):
        project.stage("train", LOKY_MAX_CPU_COUNT=cores)
        outputs.append(
            [(project.path / path).read_bytes() for path in ("models/model.skops", "results/train/metrics.json")]
        )
    assert outputs[0] == outputs[1]


def test_run_cache_restores_a_result_that_was_had_before(project):
    project.dvc("exp", "run", "-S", "train.random_forest.n_estimators=7", *QUICK)
    project.run("git", "checkout", "params.yaml")
    output = project.dvc("repro")
    assert output.count("is cached - skipping run") == 2
    assert project.run("git", "status", "--porcelain") == ""


def test_push_wipe_pull_restores(project):
    before = {path: path.read_bytes() for path in project.path.glob("[a-z]*/**/*.*") if wiped(path, project)}
    assert {path.name for path in before} > {"penguins.csv", "train.parquet", "model.skops", "roc.json", "cv_mean.tsv"}
    project.dvc("push")
    shutil.rmtree(project.path / ".dvc/cache")
    for path in before:
        path.unlink()
    project.dvc("pull")
    assert {path: path.read_bytes() for path in before} == before
    assert stages_run(project.dvc("repro")) == []


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_new_data_leaves_the_old_version_in_a_cache_of_links(project, link):
    """The two lines of the recipe that replace the file."""
    raw = project.path / "data/raw/penguins.csv"
    project.dvc("config", "cache.type", link)
    project.dvc("checkout", "--relink", "-q", "data/raw/penguins.csv.dvc")
    assert raw.is_symlink() or raw.stat().st_nlink > 1
    (project.path.parent / "new.csv").write_bytes(
        SAMPLE.read_bytes() + b"Adelie,Dream,39.5,17.4,186,3800,female,2010\n"
    )
    page = (TEMPLATE / "docs/change-it.md").read_text(encoding="utf-8")
    for command in indented_commands(section(page, "New data"))[1:4]:
        project.run("sh", "-c", command)
    assert raw.read_bytes() != SAMPLE.read_bytes()
    project.run("git", "checkout", "-q", "HEAD", "--", "data/raw/penguins.csv.dvc")
    project.dvc("checkout", "-q", "--force", "data/raw/penguins.csv.dvc")
    assert raw.read_bytes() == SAMPLE.read_bytes()


def wiped(path: Path, project: BakedProject) -> bool:
    """What DVC and not Git keeps."""
    name = path.relative_to(project.path).as_posix()
    return name.startswith(cached(project)) or name == "data/raw/penguins.csv"


def cached(project: BakedProject) -> tuple[str, ...]:
    """The outs that DVC keeps."""
    stages = yaml.safe_load(project.read("dvc.yaml"))["stages"].values()
    return tuple(out for stage in stages for out in stage["outs"])


def sides(project: BakedProject) -> dict[tuple, bool]:
    """Whether each row is held out for the test."""
    frames = {side: pd.read_parquet(project.path / f"data/prepared/{side}.parquet") for side in ("train", "test")}
    return {row: side == "test" for side, frame in frames.items() for row in frame.fillna(-1).itertuples(index=False)}


def test_new_data_by_the_recipe_in_the_docs(project, tmp_path):
    """Line by line: the old rows keep their side of a hash split, and what is new is named."""
    set_param(project, "split: random", "split: hash")
    project.dvc("repro", "-q")
    project.commit("Split by hash")
    before, old = sides(project), project.json("results/train/metrics.json")
    run("git", "init", "-q", "--bare", str(tmp_path / "origin"), cwd=tmp_path)
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin"))

    table = pd.read_csv(SAMPLE)
    more = table.head(60).assign(year=2010, species="Macaroni")
    pd.concat([table, more]).sample(frac=1, random_state=0).to_csv(project.path.parent / "new.csv", index=False)
    page = (TEMPLATE / "docs/change-it.md").read_text(encoding="utf-8")
    commands = indented_commands(section(page, "New data"))
    assert len(commands) == 12
    drifted = 2  # the exit code
    output = {command: project.run("sh", "-c", command, code=drifted * (" drift " in command)) for command in commands}
    assert "drifted" in output["python -m penguins drift --reference main"].splitlines()[-1]
    assert "new categories of 'species' since the last run: 'Macaroni'\n" in output["dvc repro"]
    assert "cv_mean" in output["dvc metrics diff main"]
    after = sides(project)
    assert len(after) > len(before) > 300
    assert {row: after[row] for row in before} == before

    project.run("git", "switch", "-q", "main")
    project.dvc("checkout", "-q")
    assert (project.path / "data/raw/penguins.csv").read_bytes() == SAMPLE.read_bytes()
    assert project.json("results/train/metrics.json") == old
    assert project.dvc("status", "-q") == ""


def test_a_raw_file_replaced_is_a_new_version_and_its_differences_are_named(project):
    table = pd.read_csv(project.path / "data/raw/penguins.csv").head(200)
    table = table.drop(columns="island").assign(extra=1, year=table.year.map("in {}".format))
    table.to_csv(project.path / "data/raw/penguins.csv", index=False)
    output = project.dvc("repro")
    assert stages_run(output) == ["prepare", "train", "evaluate"]
    for line in (
        "left out, one value: 'extra'",
        "new columns since the last run: 'extra'",
        "columns lost since the last run: 'island'",
        "'year' holds categories now, and held numbers in the last run",
    ):
        assert f"{line}\n" in output
    (out,) = yaml.safe_load(project.read("data/raw/penguins.csv.dvc"))["outs"]
    assert out["size"] == (project.path / "data/raw/penguins.csv").stat().st_size
    project.commit("New data")
    assert project.dvc("status", "-q") == ""
    project.run("git", "checkout", "-q", "HEAD~1")
    project.dvc("checkout", "-q")
    assert (project.path / "data/raw/penguins.csv").read_bytes() == SAMPLE.read_bytes()


def test_what_is_new_is_named_in_a_temporary_run_and_not_compared_without_a_cache(project):
    output = project.dvc("exp", "run", "--temp", "-S", "+data.types.year=category", *QUICK)
    assert "'year' holds categories now, and held numbers in the last run\n" in output
    shutil.rmtree(project.path / ".dvc/cache")
    output = project.dvc("repro", "-f", "-s", "prepare")
    assert "columns are not compared with the last run, which is not in DVC's cache" in output


def test_no_output_that_dvc_caches_is_in_git(finished):
    outs = cached(finished)
    tracked = set(finished.run("git", "ls-files").split())
    assert len(outs) == 11
    assert not [name for name in tracked if name.startswith((*outs, "data/raw/penguins.csv")) and name[-4:] != ".dvc"]
    assert "results/evaluate/metrics.json" in tracked


def test_two_clones_in_two_folders_give_the_same_bytes(project, tmp_path):
    project.dvc("push")
    locks = []
    for folder in ("a", "b/deeper still"):
        clone = tmp_path / "copy" / folder
        run("git", "clone", "-q", str(project.path), str(clone), cwd=tmp_path)
        there = BakedProject(clone, "")
        run("git", "-C", str(clone), "config", "user.name", "x", cwd=tmp_path)
        there.dvc("remote", "modify", "--local", "storage", "url", str(tmp_path / "copy" / "penguins-remote"))
        there.dvc("pull", "data/raw/penguins.csv.dvc")
        there.dvc("repro", "--force", "--no-run-cache")
        locks.append((clone / "dvc.lock").read_bytes())
    assert locks[0] == locks[1] == (project.path / "dvc.lock").read_bytes()


@pytest.mark.parametrize("name", ["2024", "null", "1e3", "a"])
def test_a_name_that_yaml_reads_as_something_else(bake, name):
    project = bake(project=name)
    assert "evaluate" in project.dvc("dag")
    if name == "a":  # its package stands before data/ in dvc.lock
        project.dvc("repro", "-q")
        shown = json.loads(project.run(sys.executable, "-m", "a", "model-card", "--json"))
        assert shown["data"]["file"] == "data/raw/penguins.csv"


def test_the_generated_tests_pass(finished):
    assert " passed" in finished.run(sys.executable, "-m", "pytest", "-q")


def test_experiments_right_after_generation_with_spaces_and_unicode_in_the_path(bake, tmp_path):
    project = bake(tmp_path / "my données 😀")
    assert stages_run(project.dvc("exp", "run", "--name", "first", *QUICK)) == ["prepare", "train", "evaluate"]
    assert "first" in experiments(project)


def test_a_project_inside_another_git_repository(bake, tmp_path):
    run("git", "init", "-q", "-b", "main", cwd=tmp_path)
    project = bake()
    project.commit("Add penguins")
    assert stages_run(project.dvc("exp", "run", *QUICK)) == ["prepare", "train", "evaluate"]


def test_a_temporary_run_finds_all_files_and_leaves_the_workspace_alone(project):
    project.dvc("exp", "run", "--temp", "--name", "apart", "-S", "train.random_forest.n_estimators=7", *QUICK)
    assert "apart" in experiments(project)
    assert project.run("git", "status", "--porcelain") == ""


def regression_table(folder: Path) -> Path:
    table = pd.read_csv(SAMPLE).assign(seen=pd.date_range("2008-01-01", periods=344).astype(str))
    table.to_csv(folder / "mass.tsv", sep="\t", index=False, encoding="utf-16")
    return folder / "mass.tsv"


@pytest.mark.parametrize("form", ["tsv", "parquet"])
def test_regression_on_the_users_own_table(bake, tmp_path, form):
    path = regression_table(tmp_path)
    if form == "parquet":
        table = pd.read_csv(path, sep="\t", encoding="utf-16", parse_dates=["seen"])
        path = path.with_suffix(".parquet")
        table.astype({"species": "category"}).to_parquet(path)
    project = bake(data_path=path.name, target="body_mass_g")
    project.dvc("repro", "-q")
    assert project.json("results/evaluate/metrics.json")["test_r2"] > 0.7
    assert {c["name"]: c["type"] for c in project.json("data/prepared/schema.json")["columns"]}["seen"] == "date"
    assert not re.search("warning|error|failed", project.dvc("plots", "show"), re.IGNORECASE)
    assert len(project.json("results/evaluate/plots/custom/residuals.json")) == 68


def test_the_task_can_be_changed_afterwards(project):
    project.dvc("exp", "run", "-q", "-S", "data.target=body_mass_g", "-S", "data.task=regression", *QUICK)
    assert "test_rmse" in project.json("results/evaluate/metrics.json")
    assert not re.search("warning|error|failed", project.dvc("plots", "show"), re.IGNORECASE)


# --- Mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("data.drop=[yaer]", "error: params.yaml: data.drop: 'yaer': is not a column; did you mean 'year'?"),
        ("data.drop=[sex]", "error: params.yaml: data.drop: 'sex': is the target"),
        ("prepare.test_size=2", "error: params.yaml: prepare.test_size: 2: input should be less than 1"),
        ("train.n_splits=two", "error: params.yaml: train.n_splits: 'two': input should be a valid integer"),
        (
            "train.model=ridge",
            "error: params.yaml: train.model: 'ridge': for classification, use random_forest, grad",
        ),
        (
            "train.random_forest.max_depth=-1",
            "'max_depth' parameter of RandomForestClassifier must be an int in the range",
        ),
        ("data.target=sexx", "has no column 'sexx' to predict; did you mean 'sex'?"),
    ],
)
def test_a_wrong_value_gives_one_line(project, parameter, message):
    output = project.dvc("exp", "run", "-S", parameter, code=255)
    (line,) = re.findall("^error: .*$", output, re.MULTILINE)
    assert message in line
    assert "Traceback" not in output


def test_a_failing_stage_leaves_the_last_results_to_restore(project):
    before = (project.path / "models/model.skops").read_bytes()
    project.dvc("exp", "run", "-S", "train.random_forest.max_depth=-1", code=255)
    project.run("git", "checkout", "params.yaml")
    project.dvc("repro")
    assert (project.path / "models/model.skops").read_bytes() == before
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("module", "package"),
    [("skops", "skops"), ("sklearn", "scikit-learn"), ("pandas", "pandas"), ("yaml", "pyyaml")],
)
def test_a_missing_package_gives_one_line(finished, tmp_path, module, package):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules['{module}'] = None\n")
    output = finished.stage("train", code=1, PYTHONPATH=str(tmp_path))
    assert output == (
        f"error: the package {package} is not installed in this environment; "
        "run: python -m pip install -r requirements.txt\n"
    )


def test_a_stage_outside_the_root_gives_one_line(finished, tmp_path):
    command = (sys.executable, "-m", "penguins.stages.prepare")
    output = run(*command, cwd=tmp_path, code=1, PYTHONPATH=str(finished.path))
    assert output.startswith("error: there is no params.yaml in")
    assert output.endswith(f"run this in the project's root: cd {finished.path}\n")


def test_every_import_is_a_declared_dependency(finished):
    """The environment that pyproject.toml names is enough."""
    imported = finished.run(
        sys.executable,
        "-c",
        "import ast, pathlib, sys\n"
        "trees = [ast.parse(p.read_text()) for p in pathlib.Path('penguins').rglob('*.py')]\n"
        "nodes = [n for t in trees for n in ast.walk(t)]\n"
        "names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}\n"
        "names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}\n"
        "print(*{n.partition('.')[0] for n in names} - sys.stdlib_module_names - {'compression'})",
    )
    project = tomllib.loads(finished.read("pyproject.toml"))["project"]
    extras = [package for name in EXTRAS for package in project["optional-dependencies"][name]]
    declared = {re.match(r"[a-z0-9.-]+", package)[0] for package in [*project["dependencies"], *extras]}
    names = {"sklearn": "scikit-learn", "yaml": "pyyaml", "zc": "zc.lockfile", "vl_convert": "vl-convert-python"}
    names |= dict.fromkeys(("distributed", "cloudpickle"), "dask") | {"matplotlib": "mlflow"}
    assert {names.get(name, name) for name in imported.split()} <= declared


# --- Pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_plots_page_draws_with_the_network_off(project, chromium, tmp_path, task):
    if task == "regression":
        project.dvc("exp", "run", "-q", "-S", "data.target=body_mass_g", "-S", "data.task=regression", *QUICK)
    assert plots_drawn(project, chromium, tmp_path) == (8 if task == "classification" else 5)
