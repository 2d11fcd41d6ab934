"""Run the jobs of a project's workflows here: the steps of the YAML, in order, in a clean clone."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# Nothing is installed: pip only checks that the pins are here.
OFFLINE = {"CI": "true", "PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@dataclass
class Job:
    """What came of a job: exit code of the first step that failed, printed text, summary, files that are kept."""

    code: int = 0
    log: str = ""
    summary: str = ""
    artifacts: set[str] = field(default_factory=set)


def run_github(clone: Path, workflow: str, name: str, event: str, **variables: str) -> Job:
    """Run a job of a workflow of GitHub, for an event: push, pull_request or schedule."""
    content = yaml.safe_load((clone / ".github/workflows" / f"{workflow}.yml").read_text(encoding="utf-8"))
    job, summary = Job(), clone.parent / "summary.md"
    summary.write_text("")
    # The conditions that the workflows have; another one is an error here.
    conditions = {"github.event_name == 'pull_request'": event == "pull_request", "always()": True}
    for step in content["jobs"][name]["steps"]:
        condition = step.get("if")
        if not conditions.get(condition, condition is None) or (job.code and condition != "always()"):
            continue
        if "run" in step:
            run_step(job, clone, ("bash", "-e", "-c", step["run"]), GITHUB_STEP_SUMMARY=str(summary), **variables)
        elif "upload-artifact" in step["uses"]:
            keep(job, clone, step["with"]["path"].split())
    job.summary = summary.read_text(encoding="utf-8")
    return job


def run_gitlab(clone: Path, name: str, **variables: str) -> Job:
    """Run a job of GitLab's CI."""
    content = yaml.safe_load((clone / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    job, lines = Job(), [*content["default"]["before_script"], *content[name]["script"]]
    run_step(job, clone, ("bash", "-e", "-o", "pipefail", "-c", "\n".join(lines)), **variables)
    artifacts = content[name].get("artifacts", {})
    if not job.code or artifacts.get("when") == "always":
        keep(job, clone, artifacts.get("paths", []))
    summary = clone / "summary.md"
    job.summary = summary.read_text(encoding="utf-8") if summary.exists() else ""
    return job


def gitlab_jobs(clone: Path, **variables: str) -> set[str]:
    """The jobs that GitLab runs in a pipeline with these variables."""
    content = yaml.safe_load((clone / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    if not holds(content["workflow"]["rules"], variables):
        return set()
    return {name for name, job in content.items() if "script" in job and holds(job["rules"], variables)}


def holds(rules: list[dict[str, str]], variables: dict[str, str]) -> bool:
    return any(eval(to_python(rule["if"]), {"search": re.search, "get": variables.get}) for rule in rules)


def to_python(condition: str) -> str:
    """A condition of GitLab in Python."""
    condition = re.sub(r"(\$\w+) =~ /(.*?)/", r"search('\2', \1 or '')", condition)
    return re.sub(r"\$(\w+)", r"get('\1')", condition).replace("&&", "and").replace("null", "None")


def run_step(job: Job, clone: Path, command: tuple[str, ...], **variables: str) -> None:
    environment = {**os.environ, **OFFLINE, "PWD": str(clone), **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, check=False, cwd=clone, env=environment, text=True, encoding="utf-8", **pipes)
    job.code, job.log = done.returncode, job.log + done.stdout


def keep(job: Job, clone: Path, paths: list[str]) -> None:
    job.artifacts |= {path.rstrip("/") for path in paths if (clone / path).exists()}
