"""export mlflow, with MLflow's own client, server and browser page: runs, curves, models, registry, MLproject."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from conftest import BakedProject, run
from example.core.errors import UserError
from playwright.sync_api import sync_playwright
from quick_project import finish_quickly

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
MlflowClient = pytest.importorskip("mlflow").MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]  # one worker, so that what they share is made once

WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def explored(cookiecutter, tmp_path_factory):
    """A project with two experiments, pushed, and a registered version in stage prod; shared, so copy it."""
    folder = tmp_path_factory.mktemp("explored") / "work"
    folder.mkdir()
    cookiecutter(folder)
    project = finish_quickly(folder / "penguins")
    project.run("git", "tag", "v1")
    project.run("git", "clone", "--quiet", "--bare", ".", "../origin.git")
    project.run("git", "remote", "add", "origin", "../origin.git")
    project.run("git", "fetch", "--quiet", "origin")
    project.dvc("push", "--quiet")
    project.dvc("exp", "run", "--quiet", "--temp", "--name", "logistic", "-S", "train.model=logistic_regression")
    save_experiment(project, "deep", 7)
    project.run(sys.executable, "-m", "penguins", "register", "--stage", "prod")
    return project


@pytest.fixture(scope="module")
def exported(explored):
    """The same with its export in MLflow; shared, so only read it."""
    return explored, export(explored)


@pytest.fixture
def own(exported, tmp_path):
    """A copy of the project, not exported, to change at will."""
    project, _ = exported
    left_out = shutil.ignore_patterns("mlflow.db*", "mlruns")
    shutil.copytree(project.path.parent, tmp_path / "copy", symlinks=True, ignore=left_out)
    return BakedProject(tmp_path / "copy" / "penguins", "")


def save_experiment(project: BakedProject, name: str, depth: int) -> None:
    """An experiment whose results are a copy of others: params and dvc.lock agree, and nothing runs."""
    changes = {
        "params.yaml": ("max_depth: null", f"max_depth: {depth}"),
        "dvc.lock": ("max_depth:\n", f"max_depth: {depth}\n"),
    }
    for file, (old, new) in changes.items():
        text = project.read(file)
        assert old in text
        (project.path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    project.dvc("exp", "save", "--quiet", "--name", name)
    project.run("git", "checkout", "--quiet", ".")


def export(project: BakedProject, *options: str, code: int = 0, **variables: str) -> str:
    return project.run(sys.executable, "-m", "penguins", "export", "mlflow", *options, code=code, **variables)


def client_of(project: BakedProject, name: str = "mlflow.db") -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.path / name}")


def runs_of(client: MlflowClient) -> dict:
    experiment = client.get_experiment_by_name("penguins")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def snapshot(client: MlflowClient) -> dict:
    """All that MLflow has of each run, but its ids."""
    result = {}
    for name, stored in runs_of(client).items():
        data, info = stored.data, stored.info
        curves = {
            key: sorted((m.step, m.value) for m in client.get_metric_history(info.run_id, key)) for key in data.metrics
        }
        files = sorted(
            file.path for folder in ("plots", "files/results") for file in client.list_artifacts(info.run_id, folder)
        )
        inputs = [(item.dataset.name, item.dataset.digest) for item in stored.inputs.dataset_inputs]
        result[name] = (info.status, info.start_time, info.end_time, data.params, data.tags, curves, files, inputs)
    return result


# --- Runs -------------------------------------------------------------------------------------------------------------


def test_each_experiment_and_commit_is_a_run_with_all_of_its_results(exported):
    project, output = exported
    client = client_of(project)
    runs = runs_of(client)
    assert "3 added, 0 updated" in output
    head = project.run("git", "rev-parse", "HEAD").strip()
    assert set(runs) == {"logistic", "deep", f"{head[:7]} First results"}
    logistic = runs["logistic"]
    tags = logistic.data.tags
    assert tags["dvc.parent"] == head
    assert tags["dvc.commit"] == tags["mlflow.source.git.commit"] in project.run("git", "for-each-ref", "refs/exps")
    assert (tags["dvc.branch"], tags["dvc.purpose"], tags["dvc.author"]) == (
        "main",
        "baseline",
        "Test <test@localhost>",
    )
    assert "dvc exp apply logistic" in tags["mlflow.note.content"]


def test_params_are_those_of_the_own_model_and_metrics_are_the_files(exported):
    project, _ = exported
    runs = runs_of(client_of(project))
    params = runs["logistic"].data.params
    assert params["train.logistic_regression.C"] == "1.0"
    assert params["train.scoring"] == "null"
    assert params["train.train_sizes"] == "[0.5, 1.0]"
    assert not [name for name in params if name.startswith("train.random_forest.")]
    assert runs["deep"].data.params["train.random_forest.max_depth"] == "7"
    (commit,) = (run for name, run in runs.items() if "First results" in name)
    for stage in ("train", "evaluate"):
        for name, value in project.json(f"results/{stage}/metrics.json").items():
            assert commit.data.metrics[name] == pytest.approx(value, abs=1e-12)


def test_the_learning_curve_is_a_curve_that_ends_in_the_metric(exported):
    project, _ = exported
    client = client_of(project)
    stored = runs_of(client)["logistic"]
    history = client.get_metric_history(stored.info.run_id, "cv_mean")
    assert len(history) == 2
    assert [point.step for point in history] == sorted({point.step for point in history})
    assert history[-1].value == stored.data.metrics["cv_mean"]


def test_a_run_has_the_times_of_its_experiment(exported):
    project, _ = exported
    stored = runs_of(client_of(project))["logistic"]
    end = int(project.run("git", "log", "-1", "--format=%ct", stored.data.tags["dvc.commit"]))
    assert stored.info.end_time == 1000 * end
    assert 0 < end - stored.info.start_time / 1000 < 300


def test_the_data_is_an_input_with_its_hash_schema_and_profile(exported):
    project, _ = exported
    (item,) = runs_of(client_of(project))["logistic"].inputs.dataset_inputs
    pointer = project.read("data/raw/penguins.csv.dvc")
    assert item.dataset.name == "penguins.csv"
    assert item.dataset.digest == re.search(r"md5: (\w+)", pointer)[1]
    columns = {column["name"]: column["type"] for column in json.loads(item.dataset.schema)["mlflow_colspec"]}
    assert (columns["bill_length_mm"], columns["species"]) == ("double", "string")
    assert json.loads(item.dataset.profile)["rows"] == 266


def test_plots_are_tables_and_of_the_best_run_pictures_too(exported):
    project, _ = exported
    client = client_of(project)
    runs = runs_of(client)
    names = {file.path for file in client.list_artifacts(runs["deep"].info.run_id, "plots")}
    assert {"plots/confusion.json", "plots/roc.json", "plots/precision_recall.json", "plots/importance.json"} <= names
    assert "plots/roc.png" not in names
    assert "plots/roc.png" in {file.path for file in client.list_artifacts(runs["logistic"].info.run_id, "plots")}
    files = {file.path for file in client.list_artifacts(runs["deep"].info.run_id, "files/results/evaluate")}
    assert files == {"files/results/evaluate/metrics.json", "files/results/evaluate/plots"}, "and not the predictions"


# --- Again ------------------------------------------------------------------------------------------------------------


def test_a_second_export_changes_nothing(exported):
    project, _ = exported
    before = snapshot(client_of(project))
    assert "0 added, 0 updated, 0 marked as removed, 3 as they were" in export(project)
    assert snapshot(client_of(project)) == before


def test_a_dry_run_lists_and_writes_nothing(own):
    output = export(own, "--dry-run")
    assert "add     logistic (experiment" in output
    assert "would be: 3 added" in output
    assert not list(own.path.glob("mlflow.db*"))
    assert own.run("git", "status", "--porcelain") == ""


def test_where_chooses_renamed_is_updated_and_removed_is_marked_then_pruned(own):
    assert "1 added" in export(own, "--models", "none", "--where", "model == 'logistic_regression'")
    assert "2 added, 0 updated, 0 marked as removed, 1 as they were" in export(own, "--models", "none")
    own.dvc("exp", "rename", "deep", "deeper")
    own.dvc("exp", "remove", "logistic")
    assert "0 added, 1 updated, 1 marked as removed" in export(own, "--models", "none")
    runs = runs_of(client_of(own))
    assert runs["logistic"].data.tags["dvc.removed"] == "true"
    assert runs["deeper"].data.tags["dvc.experiment"] == "deeper"
    assert "1 deleted, 2 as they were" in export(own, "--models", "none", "--prune")
    assert set(runs_of(client_of(own))) == set(runs) - {"logistic"}


@pytest.mark.nightly
@pytest.mark.parametrize("moments", [(2,), (1, 2, 3)])
def test_a_kill_at_any_moment_and_a_second_export_give_the_same_runs(exported, own, moments):
    """Killed when these runs appear in the database; the model is written after the third."""
    project, _ = exported
    expected = snapshot(client_of(project))
    for wanted in moments:
        process = subprocess.Popen(
            [sys.executable, "-m", "penguins", "export", "mlflow"],
            cwd=own.path,
            env=os.environ | {"PWD": str(own.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while process.poll() is None and count_runs(own.path / "mlflow.db") < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait()
    export(own)
    result = snapshot(client_of(own))
    clone = {run.data.tags["dvc.clone"] for run in runs_of(client_of(own)).values()}
    assert len(clone) == 1
    for content in (*expected.values(), *result.values()):
        content[4].pop("dvc.clone")
    assert result == expected
    versions = client_of(own).search_model_versions("name = 'penguins'")
    assert [version.tags["gto.version"] for version in versions] == ["v0.0.1"]


def test_a_database_is_whole_or_not_there(tmp_path, monkeypatch):
    """MLflow cannot open one that was killed while it was made."""
    from example.toolbox.export import mlflow_writer

    path = tmp_path / "mlflow.db"

    def killed(engine):
        engine.connect().close()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow_writer, "_initialize_tables", killed)
        with pytest.raises(KeyboardInterrupt):
            mlflow_writer.make_database(str(path))
    assert not list(tmp_path.iterdir())
    mlflow_writer.make_database(str(path))
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="another export made it at the same time; run this again"):
        mlflow_writer.make_database(str(path))


def count_runs(database: Path) -> int:
    if not database.exists():
        return 0
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
        try:
            return connection.execute("select count(*) from runs").fetchone()[0]
        except sqlite3.Error:  # its tables are being made
            return 0


def test_a_server_that_is_away_is_one_line(own):
    output = export(own, "--uri", f"http://127.0.0.1:{free_port()}", code=1, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert output.count("\n") == 1
    assert output.startswith("error: http://127.0.0.1")


def test_without_the_package_one_line_says_what_to_install(own):
    code = "import sys; sys.modules['mlflow'] = None; sys.argv = ['x', 'export', 'mlflow']\n"
    code += "from penguins.toolbox.cli import main; main()"
    output = own.run(sys.executable, "-c", code, code=1)
    assert output == (
        "error: the package mlflow is not installed in this environment; "
        "run: python -m pip install -c requirements.txt mlflow\n"
    )


def test_neither_the_package_nor_a_stage_nor_another_command_imports_a_tracker(own):
    code = (
        "import sys, penguins.toolbox.cli, penguins.toolbox.compare, penguins.stages.train, penguins.stages.evaluate\n"
        "from penguins import Predictor\n"
        "print({'mlflow', 'wandb'} & set(sys.modules))"
    )
    assert own.run(sys.executable, "-c", code).strip() == "set()"


# --- Models and the registry ------------------------------------------------------------------------------------------


def test_the_registry_has_versions_aliases_and_model_cards(exported):
    project, _ = exported
    client = client_of(project)
    version = client.get_model_version_by_alias("penguins", "prod")
    assert version.tags["gto.version"] == "v0.0.1"
    assert version.description.startswith("# penguins v0.0.1")
    assert version.tags["dvc.commit"] == project.run("git", "rev-parse", "HEAD").strip()


LOAD = """
import json, sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
print(model.metadata.signature.inputs.input_names(), file=sys.stderr)
print(model.predict(pd.read_csv(sys.argv[3])).to_json(orient="split"))
import penguins; print(penguins.__file__)
"""


def test_the_model_loads_without_the_project_and_predicts_what_predict_does(exported, tmp_path):
    project, _ = exported
    raw = pd.read_csv(project.path / "data/raw/penguins.csv").drop(columns="sex")
    raw.loc[0, "island"] = "Atlantis"
    raw.to_csv(tmp_path / "new.csv", index=False)
    uri = f"sqlite:///{project.path / 'mlflow.db'}"
    command = [sys.executable, "-c", LOAD, uri, "models:/penguins@prod", str(tmp_path / "new.csv")]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    answer, place = done.stdout.splitlines()
    assert str(project.path / "penguins") not in place
    expected = tmp_path / "expected.csv"
    project.run(sys.executable, "-m", "penguins", "predict", str(tmp_path / "new.csv"), "-o", str(expected))
    served = pd.DataFrame(**json.loads(answer))
    pd.testing.assert_frame_equal(served, pd.read_csv(expected), check_dtype=False)


def test_the_model_has_no_pickle_and_the_pins_of_the_project(exported):
    project, _ = exported
    folders = list(project.path.glob("mlruns/*/models/*/artifacts"))
    assert len(folders) == 2, "the best, and the registered one"
    for folder in folders:
        assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib")]
        assert (folder / "artifacts/model/model.skops").exists()
        pins = project.read("requirements.txt").split("\n")
        packaged = (folder / "requirements.txt").read_text().split("\n")
        assert {line for line in pins if line.startswith(("scikit-learn==", "pandas=="))} <= set(packaged)


@pytest.fixture(scope="module")
def dated(cookiecutter, tmp_path_factory):
    """A project whose table has dates as text and missing values, with its model in MLflow."""
    folder = tmp_path_factory.mktemp("dated")
    rows = range(120)
    table = pd.DataFrame(
        {
            "size": [None if row % 10 == 0 else row % 17 for row in rows],
            "colour": [("red", "green", "blue")[row % 3] for row in rows],
            "seen": [f"{row % 28 + 1:02}.{row % 12 + 1:02}.2024" for row in rows],
            "kind": ["large" if row % 17 > 8 else "small" for row in rows],
        }
    )
    table.to_csv(folder / "table.csv", index=False)
    cookiecutter(folder, project="dated", data_path=str(folder / "table.csv"), target="kind")
    project = finish_quickly(folder / "dated")
    project.run(sys.executable, "-m", "dated", "export", "mlflow")
    return project


def test_mlflow_serves_real_rows_as_predict_does_and_refuses_a_bad_row(dated, tmp_path):
    rows = pd.DataFrame(
        {
            "size": [3.0, None, 16.0],
            "colour": ["red", "violet", None],
            "seen": ["01.02.2024", "31.12.2025", None],
        }
    )
    rows.to_csv(tmp_path / "new.csv", index=False)
    dated.run(sys.executable, "-m", "dated", "predict", str(tmp_path / "new.csv"), "-o", str(tmp_path / "expected.csv"))
    expected = pd.read_csv(tmp_path / "expected.csv")
    sent = rows.astype(object).where(rows.notna(), None)
    (model,) = dated.path.glob("mlruns/*/models/*/artifacts")
    with serve(tmp_path, "models", "serve", "-m", str(model), "--env-manager", "local") as address:
        bodies = [
            {"dataframe_split": {"columns": list(sent), "data": sent.to_numpy().tolist()}},
            {"dataframe_records": sent.to_dict("records")},
        ]
        for body in bodies:
            status, answer = post(f"{address}/invocations", body)
            assert status == 200
            pd.testing.assert_frame_equal(pd.DataFrame(json.loads(answer)["predictions"]), expected, check_dtype=False)
        status, answer = post(
            f"{address}/invocations", {"dataframe_records": [{"colour": "red", "seen": "01.02.2024"}]}
        )
        assert status == 400
        assert "lacks 1 of the 3 columns that the model reads: 'size'" in json.loads(answer)["message"]
        status, answer = post(f"{address}/invocations", {"dataframe_records": [{**sent.loc[0], "size": "long"}]})
        assert status == 400
        assert "'size' as numbers in 1 of 1 rows, such as 'long'" in json.loads(answer)["message"]


# --- A server, and its page -------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def serve(folder: Path, *command: str) -> Iterator[str]:
    """Run a server of MLflow until the end of the block; yield its address."""
    port = free_port()
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--port", str(port)],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not answers(f"{address}/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def post(address: str, body: dict) -> tuple[int, str]:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_server_gets_the_runs_and_its_page_lists_them_by_cv_mean(exported, own, tmp_path, chromium):
    project, _ = exported
    with serve(tmp_path, "server", "--backend-store-uri", "sqlite:///server.db", "--workers", "1") as address:
        assert "3 added" in export(own, "--models", "none", MLFLOW_TRACKING_URI=address)
        client = MlflowClient(address)
        expected = {name: run.data.metrics for name, run in runs_of(client_of(project)).items()}
        assert {name: run.data.metrics for name, run in runs_of(client).items()} == expected
        experiment = client.get_experiment_by_name("penguins").experiment_id
        page = f"{address}/#/experiments/{experiment}/runs?orderByKey=metrics.%60cv_mean%60&orderByAsc=false"
        texts = read_page(chromium, page, ["logistic", "deep"], os.environ.get("MLFLOW_SCREENSHOT"))
    assert texts.index("logistic") < texts.index("deep"), "its cv_mean is larger"


@pytest.mark.nightly
def test_a_server_that_dies_amid_an_export_is_one_line_and_the_next_export_finishes(exported, own, tmp_path):
    project, _ = exported
    command = ("server", "--backend-store-uri", "sqlite:///server.db", "--workers", "1")
    with serve(tmp_path, *command) as address:
        process = subprocess.Popen(
            [sys.executable, "-m", "penguins", "export", "mlflow", "--models", "none"],
            cwd=own.path,
            env=os.environ
            | {"PWD": str(own.path), "MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while process.poll() is None and count_runs(tmp_path / "server.db") < 2:
            time.sleep(0.005)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("error: http://127.0.0.1"), output
    assert "Traceback" not in output
    with serve(tmp_path, *command) as address:
        export(own, "--models", "none", MLFLOW_TRACKING_URI=address)
        runs = runs_of(MlflowClient(address))
    assert {name: run.data.metrics for name, run in runs.items()} == {
        name: run.data.metrics for name, run in runs_of(client_of(project)).items()
    }
    assert all(run.info.status == "FINISHED" for run in runs.values())


def read_page(chromium: str, address: str, wanted: list[str], picture: str | None = None) -> str:
    """The text of a page in headless Chromium, once it shows all that is wanted."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        try:
            page = browser.new_page(viewport={"width": 1500, "height": 800})
            page.goto(address)
            for text in wanted:
                page.get_by_text(text, exact=True).first.wait_for(timeout=WAIT_SECONDS * 1000)
            if picture:
                page.screenshot(path=picture)
            return page.inner_text("body")
        finally:
            browser.close()


# --- Following, and MLproject -----------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_follow_shows_the_steps_of_a_running_experiment_and_ends_with_one_run(own):
    export(own, "--models", "none")
    follower = subprocess.Popen(
        [sys.executable, "-m", "penguins", "export", "mlflow", "--models", "none", "--follow"],
        cwd=own.path,
        env=os.environ | {"PWD": str(own.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    client, was_live = client_of(own), False
    command = [sys.executable, "-m", "dvc", "exp", "run", "--quiet", "--temp", "--name", "slow"]
    command += ["-S", "train.random_forest.n_estimators=400", "-S", "train.train_sizes=[0.25,0.5,0.75,1.0]"]
    try:
        experiment = subprocess.Popen(command, cwd=own.path, env=os.environ | {"PWD": str(own.path)})
        deadline = time.monotonic() + 5 * WAIT_SECONDS
        while "slow" not in (runs := runs_of(client)) or runs["slow"].info.status != "FINISHED":
            assert time.monotonic() < deadline
            live = runs.get("slow")
            was_live |= live is not None and live.info.status == "RUNNING" and "cv_mean" in live.data.metrics
            time.sleep(0.5)
        assert experiment.wait(WAIT_SECONDS) == 0
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(30)
    assert was_live
    (slow,) = (run for run in runs_of(client).values() if run.data.tags.get("dvc.experiment") == "slow")
    history = client.get_metric_history(slow.info.run_id, "cv_mean")
    assert len(history) == 4
    created = client.get_run(slow.info.run_id).data.tags
    assert created["dvc.run"] == created["dvc.commit"]
    assert "following" in follower.stdout.read()


MLFLOW_RUN = (
    *(sys.executable, "-m", "mlflow", "run", "--env-manager", "local"),
    *("-P", "train.random_forest.n_estimators=9", "-P", "train.n_splits=3"),
)


@pytest.mark.nightly
def test_mlflow_runs_the_project_here(own, tmp_path):
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'projects.db'}"}
    own.run(*MLFLOW_RUN, "-P", "name=here", ".", **environment)
    assert "here" in own.dvc("exp", "list")
    assert own.run("git", "status", "--porcelain") == ""


@pytest.mark.nightly
def test_mlflow_runs_the_project_from_a_git_url(own, tmp_path):
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'projects.db'}"}
    (tmp_path / "elsewhere").mkdir()
    # MLflow takes file://PATH for a folder to work in, if the path is there as it is written: %20 is not.
    origin = (tmp_path / "copy" / "origin.git").rename(tmp_path / "copy" / "our origin.git")
    remote = str(tmp_path / "copy" / "penguins-remote")
    own.dvc("remote", "modify", "storage", "url", remote)
    own.commit("An address that is the same everywhere")
    own.run("git", "tag", "v2")
    own.run("git", "push", "--quiet", str(origin), "main", "v2")
    options = ("-P", "name=there", "-P", f"push={origin}", origin.as_uri(), "--version", "v2")
    run(*MLFLOW_RUN, *options, cwd=tmp_path / "elsewhere", **environment)
    assert "there" in own.dvc("exp", "list", str(origin), "-A")
