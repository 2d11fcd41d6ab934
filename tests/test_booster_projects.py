"""XGBoost and LightGBM in a project: from an experiment to predictions, drift, a version, a sweep and MLflow."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from commands import QUICK
from conftest import run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

# Predicts the raw table by the exported model, without the project.
SERVE = """
import sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
model.predict(pd.read_csv(sys.argv[3])).to_csv(sys.argv[4], index=False)
"""


@pytest.mark.parametrize("model", ["xgboost", "lightgbm"])
def test_from_an_experiment_to_predictions_a_version_a_sweep_and_mlflow(project, tmp_path, model):
    def command(*words: str, code: int = 0) -> str:
        return project.run(sys.executable, "-m", "penguins", *words, code=code)

    project.dvc("exp", "run", "--quiet", "-S", f"train.model={model}", "-S", f"train.{model}.n_estimators=20", *QUICK)
    project.commit(model)
    project.run("git", "init", "--quiet", "--bare", "../origin.git")
    project.run("git", "remote", "add", "origin", "../origin.git")
    project.run("git", "push", "--quiet", "origin", "HEAD")
    project.dvc("push", "--quiet")

    command("predict", "data/raw/penguins.csv", "-o", "here.csv")
    assert "nothing drifted" in command("drift", "data/raw/penguins.csv")
    assert "v0.0.1" in command("register", "--stage", "prod")
    command("predict", "data/raw/penguins.csv", "--model", "penguins@prod", "-o", "registered.csv")
    assert project.read("registered.csv") == project.read("here.csv")

    output = command("export", "mlflow")
    assert any(
        f"\n{model}" in file.read_text() for file in project.path.glob("mlruns/*/models/*/artifacts/requirements.txt")
    )
    database, version = f"sqlite:///{project.path}/mlflow.db", "models:/penguins@prod"
    raw, served = str(project.path / "data/raw/penguins.csv"), str(tmp_path / "served.csv")
    run(sys.executable, "-c", SERVE, database, version, raw, served, cwd=tmp_path, PYTHONPATH="")
    assert (pd.read_csv(served)["predicted"] == pd.read_csv(project.path / "here.csv")["predicted"]).all(), output

    sweep = {"method": "random", "parameters": {"n_estimators": {"min": 2, "max": 9}, "learning_rate": {"value": 0.2}}}
    (project.path / "sweep.yaml").write_text(yaml.dump(sweep))
    project.run("git", "commit", "-q", "-a", "-m", "Sweep")
    facts = subprocess.run(
        [sys.executable, "-m", "penguins", "sweep", "--trials", "3", "--top", "0", "--json"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert json.loads(facts)["trials"] == 3
