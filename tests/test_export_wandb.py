"""export wandb, offline, read back with wandb's own reader."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import BakedProject
from quick_project import finish_quickly

pytest.importorskip("wandb")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]


@pytest.fixture(scope="module")
def exported(cookiecutter, tmp_path_factory):
    """A project with an experiment and a registered version, exported; shared, so copy it before changing it."""
    folder = tmp_path_factory.mktemp("wandb") / "work"
    folder.mkdir()
    cookiecutter(folder)
    project = finish_quickly(folder / "penguins")
    project.dvc("push", "--quiet")
    text = project.read("params.yaml")
    (project.path / "params.yaml").write_text(text.replace("purpose: baseline", "purpose: model_selection"))
    project.dvc("exp", "save", "--quiet", "--name", "other")
    project.run("git", "checkout", "--quiet", ".")
    project.run(sys.executable, "-m", "penguins", "register", "--stage", "prod")
    return project, export(project)


@pytest.fixture
def own(exported, tmp_path):
    """A copy of the exported project, to change at will."""
    shutil.copytree(exported[0].path.parent, tmp_path / "copy", symlinks=True)
    return BakedProject(tmp_path / "copy" / "penguins", "")


def export(project: BakedProject, *options: str, code: int = 0, **variables: str) -> str:
    return project.run(sys.executable, "-m", "penguins", "export", "wandb", *options, code=code, **variables)


def folders(project: BakedProject) -> list:
    return sorted(project.path.glob("wandb/offline-run-*"))


def inspect(folder, *options: str) -> str:
    """What wandb's own reader prints of a run."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def summaries(project: BakedProject) -> dict[str, dict]:
    """wandb's summary of each run, by name."""
    runs = [json.loads(inspect(folder, "--summary")) for folder in folders(project)]
    return {run["name"]: run for run in runs}


def records(folder) -> list[dict]:
    return [json.loads(line) for line in inspect(folder).splitlines() if line.startswith("{")]


def test_each_run_is_written_with_config_curve_summary_and_times(exported):
    project, output = exported
    assert "2 added" in output
    assert "to upload them: wandb sync --yes" in output
    runs = summaries(project)
    other = runs["other"]
    assert other["project"] == "penguins"
    assert other["state"] == "finished"
    assert other["config"]["experiment"] == {"purpose": "model_selection"}
    assert other["config"]["train"]["random_forest"]["min_samples_leaf"] == 3
    assert "ridge" not in other["config"]["train"]
    assert set(other["tags"]) == {"experiment", "model_selection"}
    assert "dvc exp apply other" in other["notes"]
    assert other["summary"]["cv_mean"] == project.json("results/train/metrics.json")["cv_mean"]
    assert other["summary"]["test_accuracy"] == project.json("results/evaluate/metrics.json")["test_accuracy"]
    assert other["start_time"][:19] == other["config"]["dvc"]["start"][:19]


def test_the_learning_curve_is_a_history_and_plots_are_charts_of_wandb(exported):
    project, _ = exported
    (folder,) = (path for path in folders(project) if json.loads(inspect(path, "--summary"))["name"] == "other")
    written = records(folder)
    steps = [
        record["history"]["item"]["_step"]
        for record in written
        if record["type"] == "history" and "cv_mean" in record["history"]["item"]
    ]
    assert len(steps) == 2
    assert steps == sorted(steps)
    text = json.dumps(written)
    for chart in ("wandb/confusion_matrix/v1", "wandb/area-under-curve/v0", "wandb/bar/v0"):
        assert chart in text
    assert "predictions.csv" not in text


def test_the_model_has_its_aliases_and_the_data_it_was_trained_on(exported):
    project, _ = exported
    artifacts = [
        record["artifact"] for folder in folders(project) for record in records(folder) if record["type"] == "artifact"
    ]
    (model,) = (artifact for artifact in artifacts if artifact["type"] == "model")
    assert {"v0.0.1", "prod"} <= set(model["aliases"])
    assert {"model.skops", "schema.json"} <= {entry["path"] for entry in model["manifest"]["contents"]}
    datasets = [artifact for artifact in artifacts if artifact["type"] == "dataset"]
    assert len(datasets) == 2
    for dataset in datasets:
        assert dataset["name"] == "penguins.csv"
        assert dataset["use_after_commit"] is True
    assert len({dataset["digest"] for dataset in datasets}) == 1, "the same data is one artifact"


def test_a_second_export_writes_nothing_and_a_changed_run_replaces_its_folder(own):
    before = [folder.name for folder in folders(own)]
    assert "0 added, 0 updated, 0 marked as removed, 2 as they were" in export(own)
    assert [folder.name for folder in folders(own)] == before
    own.dvc("exp", "rename", "other", "renamed")
    assert "1 updated" in export(own)
    assert len(folders(own)) == 2
    assert "renamed" in summaries(own)


def test_a_folder_that_a_kill_left_is_written_again(own):
    (record, *_) = (path for path in own.path.glob("wandb/dvc-export/penguins/*.json") if '"other"' in path.read_text())
    record.unlink()  # it is written last
    assert "1 added" in export(own)
    assert len(folders(own)) == 2


def test_a_removed_experiment_is_marked_then_pruned(own):
    shutil.rmtree(own.path / "wandb")  # which another clone wrote, as far as the export can see
    export(own, "--models", "none")
    own.dvc("exp", "remove", "other")
    assert "1 marked as removed" in export(own)
    assert "removed" in summaries(own)["other"]["tags"]
    assert "1 deleted" in export(own, "--prune")
    assert "other" not in summaries(own)


def test_environment_variables_are_respected(own):
    assert "WANDB_MODE: 'disabled': writes nothing" in export(own, code=1, WANDB_MODE="disabled")
    output = export(own, "--models", "none", WANDB_PROJECT="elsewhere", WANDB_DIR=str(own.path.parent))
    assert "elsewhere (offline): 2 added" in output
    assert len(list(own.path.parent.glob("wandb/offline-run-*"))) == 2
