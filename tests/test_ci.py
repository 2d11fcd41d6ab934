"""The CI of a generated project, on GitHub and on GitLab: each job runs here, in a clean clone."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from ci_jobs import Job, gitlab_jobs, run_github, run_gitlab
from commands import set_param
from conftest import SAMPLE, BakedProject, copy_project, run
from quick_project import finish_quickly

HOSTS = ("github", "gitlab")
TAG = "penguins@v0.0.1"


@pytest.fixture(scope="module")
def pushed(cookiecutter, tmp_path_factory):
    """A project with the CI of both hosts, whose first results are on its Git remote and its DVC remote."""
    folder = tmp_path_factory.mktemp("pushed")
    for host in HOSTS:
        cookiecutter(folder / host, ci=host)
    project = BakedProject(folder / "github/penguins", "")
    (folder / "gitlab/penguins/.gitlab-ci.yml").rename(project.path / ".gitlab-ci.yml")
    finish_quickly(project.path)
    run("git", "init", "-q", "--bare", "--initial-branch=main", "../origin.git", cwd=project.path)
    project.run("git", "remote", "add", "origin", "../origin.git")
    share(project)
    return project


@pytest.fixture
def shared(pushed, tmp_path):
    """A copy of it, to change at will."""
    project = copy_project(pushed, tmp_path / "copy")
    share(project)
    return project


def share(project: BakedProject) -> None:
    project.dvc("push", "-q")
    project.run("git", "push", "-q", "--force", "origin", "HEAD", "--tags")


def run_job(project: BakedProject, host: str, name: str, event: str = "push", branch: str = "main", **variables) -> Job:
    """Run a job for what is on the Git remote, in a clone such as the host makes."""
    clone = project.path.parent / f"runner-{host}" / "penguins"
    run("git", "clone", "-q", str(project.path.parent / "origin.git"), str(clone), cwd=project.path)
    run("git", "checkout", "-q", "--detach", f"origin/{branch}", cwd=clone)
    base = run("git", "merge-base", "origin/main", "HEAD", cwd=clone).strip()
    if host == "github":
        workflow = name if name in ("version", "drift") else "ci"
        if name == "version":  # actions/checkout replaces the tag by one without a message
            run("git", "tag", "--force", TAG, f"{TAG}^{{}}", cwd=clone)
        return run_github(clone, workflow, name, event, GITHUB_BASE_REF="main", GITHUB_REF_NAME=TAG, **variables)
    if event == "pull_request":
        variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = base
    return run_gitlab(clone, name, CI_COMMIT_TAG=TAG, **variables)


# --- Without DVC --------------------------------------------------------------------------------------------------


def test_gitlab_runs_these_jobs(bake):
    project = bake(ci="gitlab")
    main, always = {"CI_DEFAULT_BRANCH": "main"}, {"check", "results"}
    pipelines = (
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, always),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}, always),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "try"}, set()),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": TAG}, {"version"}),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "penguins#prod#1"}, set()),
        ({"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}, {"drift"}),
    )
    for variables, jobs in pipelines:
        assert gitlab_jobs(project.path, **main, **variables) == jobs, variables


@pytest.mark.parametrize("host", HOSTS)
def test_ci_installs_what_the_remote_needs(bake, host):
    project = bake(ci=host, remote_url="s3://bucket/path")
    assert 'install -r requirements.txt "dvc[s3]"\n' in project.read(".ci/install.sh")


def test_a_project_without_the_toolbox_has_no_job_that_needs_it(bake):
    project = bake(ci="gitlab", toolbox="no")
    assert gitlab_jobs(project.path, CI_PIPELINE_SOURCE="schedule") == set()
    assert {path.name for path in (project.path / ".ci").iterdir()} == {
        "install.sh", "results.sh", "summary.sh", "unreachable.py",
    }  # fmt: skip
    assert "python -m penguins" not in project.read(".ci/summary.sh")


# --- With DVC -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.xdist_group("ci")
@pytest.mark.parametrize("host", ["github", pytest.param("gitlab", marks=pytest.mark.nightly)])  # the same scripts
class TestJobs:
    def test_lint_and_tests_pass_without_data(self, shared, host):
        job = run_job(shared, host, "check")
        assert job.code == 0, job.log
        assert "All checks passed!" in job.log
        assert " passed" in job.log

    def test_true_results_leave_nothing_to_run(self, shared, host):
        job = run_job(shared, host, "results")
        assert job.code == 0, job.log
        assert "Stage 'evaluate' didn't change, skipping" in job.log
        assert "Running stage" not in job.log
        assert job.summary == ""

    def test_code_that_changed_without_a_run_fails(self, shared, host):
        features = shared.package / "features.py"
        features.write_text(features.read_text() + "\nNEW = 1\n")
        shared.commit("Forgot to run")
        share(shared)
        job = run_job(shared, host, "results")
        assert job.code == 1
        assert "dvc.lock: does not describe this commit; run: dvc repro" in job.log
        assert "Running stage" not in job.log

    def test_a_falsified_lock_fails(self, shared, host):
        text = shared.read("dvc.lock")
        output = text.index("path: results/train/metrics.json", text.index("  train:\n"))
        md5 = re.compile("md5: [0-9a-f]{32}").search(text, output)[0]
        self.fails_with(shared, host, "dvc.lock", text.replace(md5, f"md5: {'f' * 32}"))

    def test_a_falsified_metric_fails(self, shared, host):
        metrics = shared.json("results/evaluate/metrics.json") | {"test_accuracy": 1.0}
        self.fails_with(shared, host, "results/evaluate/metrics.json", json.dumps(metrics))

    def fails_with(self, shared, host, path, text):
        (shared.path / path).write_text(text)
        shared.run("git", "commit", "-q", "-a", "-m", "Falsified")
        shared.run("git", "push", "-q", "origin", "main")
        job = run_job(shared, host, "results")
        assert job.code == 1
        assert "dvc.lock: does not describe this commit" in job.log
        assert "Running stage" not in job.log

    def test_a_pull_request_shows_the_metrics_and_params_that_it_changes(self, shared, host):
        shared.run("git", "switch", "-q", "-c", "better")
        set_param(shared, "n_estimators: 5", "n_estimators: 9")
        shared.dvc("repro", "-q")
        shared.commit("More trees")
        share(shared)
        job = run_job(shared, host, "results", "pull_request", "better")
        assert job.code == 0, job.log
        assert re.search(r"\| results/train/metrics.json +\| train_log_loss +\| 0\.\d+ +\| 0\.\d+ ", job.summary)
        assert re.search(r"\| params.yaml +\| train.random_forest.n_estimators +\| 5 +\| 9 ", job.summary)
        assert "Skipped" not in job.summary
        assert job.artifacts >= {"report.html", "dvc_plots"}

    def test_a_remote_that_is_a_folder_of_another_machine_is_explained_in_a_line(self, shared, host):
        shared.run("git", "switch", "-q", "-c", "other")
        shared.dvc("remote", "modify", "storage", "url", "/not/here")
        shared.run("git", "commit", "-q", "-a", "-m", "Another remote")
        shared.run("git", "push", "-q", "origin", "other")
        job = run_job(shared, host, "results", "pull_request", "other")
        assert job.code == 0, job.log
        line = "Skipped: the DVC remote is /not/here, a folder that this machine does not have; to let CI pull, run: "
        assert line in job.log
        assert line in job.summary
        assert "## Changes of metrics\n" in job.summary
        assert not job.artifacts & {"report.html", "dvc_plots"}

    def test_a_tag_of_a_version_gives_its_card_and_report(self, shared, host):
        shared.run(sys.executable, "-m", "penguins", "register", "--push")
        job = run_job(shared, host, "version")
        assert job.code == 0, job.log
        assert job.artifacts == {"model-card.md", "report.html"}
        card = shared.path.parent / f"runner-{host}/penguins/model-card.md"
        assert card.read_text().startswith("# penguins v0.0.1")

    def test_drift_fails_for_rows_that_have_drifted(self, shared, host):
        assert "Skipped: NEW_ROWS is not set" in run_job(shared, host, "drift", "schedule").log

        rows = pd.read_csv(SAMPLE)
        rows["body_mass_g"] += 2000
        rows.to_csv(shared.path.parent / "heavier.csv", index=False)
        for name, code in ((SAMPLE, 0), (shared.path.parent / "heavier.csv", 2)):
            (shared.path.parent / f"runner-{host}").rename(shared.path.parent / f"before-{Path(name).stem}")
            job = run_job(shared, host, "drift", "schedule", NEW_ROWS=str(name))
            assert job.code == code, job.log
            assert job.artifacts == {"drift.html"}
