"""Commands that are killed in the midst of their work, and run again. All of them, often: python -m benchmarks.kills."""

import sys

import pytest

from benchmarks import kills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their environment, which Linux shows"),
    pytest.mark.xdist_group("kills"),  # one worker, so that the world is made once
]

# A command, the share of its work that is done when it is killed, and whether its first process alone is killed.
SAMPLE = [
    ("cookiecutter", 0.0, False),
    ("cookiecutter", 0.9, False),
    ("predict -o", 0.5, True),
    ("dvc push", 0.3, False),
    pytest.param("best --apply", 0.1, False, marks=pytest.mark.nightly),
    pytest.param("dvc repro", 0.2, False, marks=pytest.mark.nightly),
]
# DVC writes to a folder under a temporary name, and leaves that file; nothing reads it.
OF_DVC = f"{kills.LEFT}: penguins-remote/"


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    return kills.prepare_trials(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(("name", "moment", "alone"), SAMPLE)
def test_after_a_kill_the_plain_command_finishes(trials, name, moment, alone):
    problems = trials(name).kill(moment, at_work=True, alone=alone)
    assert [problem for problem in problems if not problem.startswith(OF_DVC)] == []


# --- The harness sees what it should see --------------------------------------------------------------------------


def test_a_world_in_which_something_was_lost_is_noticed(trials):
    trial = trials("predict -o")
    trial.kill(0.5, at_work=True, alone=False)
    project = trial.world.project
    (project / "data/raw/penguins.csv").write_text("lost")
    trial.world.git("update-ref", "-d", "refs/heads/main")
    (trial.world.folder / "tmp/left").mkdir()
    (project / "out.csv").write_text("other")
    found = "\n".join(trial.wrong())
    for problem in ("raw changed: penguins.csv", "references changed: refs/heads/main", "files differ:", "tmp/left"):
        assert problem in found
