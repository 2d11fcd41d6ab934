"""The parsers are fuzzed: `make fuzz` for a minute each, here for some seconds."""

import subprocess
import sys

import pytest
from conftest import TEMPLATE

from benchmarks import fuzz


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_a_target_accepts_its_examples(name):
    """Or refuses one with an error that it may raise."""
    target, allowed, examples = fuzz.TARGETS[name]()
    refused = 0
    for content in examples:
        try:
            target(content)
        except allowed:
            refused += 1
    assert refused < len(examples)


@pytest.mark.nightly
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_fuzzing_for_some_seconds_finds_nothing(name, tmp_path):
    pytest.importorskip("atheris")
    command = (sys.executable, "-m", "benchmarks.fuzz", name, "--seconds", "10", "--keep", str(tmp_path))
    done = subprocess.run(command, check=False, cwd=TEMPLATE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: no finding, " in done.stdout
