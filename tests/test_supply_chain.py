"""Known vulnerabilities of the pins, and hashes for them."""

import json
import re
import subprocess
import sys

import pytest
from conftest import PROJECT, TEMPLATE

HASHES = ("--universal", "--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url")


@pytest.fixture
def audit(tmp_path):
    """Run `make audit` with a pip-audit that prints a given report: `audit(report)` returns exit code and output."""

    def run(report: str, **variables: str) -> tuple[int, str]:
        (tmp_path / "pip_audit.py").write_text(f"print({report!r})")
        command = (sys.executable, str(TEMPLATE / ".ci/audit.py"))
        variables["PYTHONPATH"] = str(tmp_path)
        done = subprocess.run(command, check=False, env=variables, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_known_vulnerability_fails_the_audit(audit):
    fault = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": []}
    report = {"dependencies": [{"name": "a", "version": "1.0", "vulns": [fault]}, {"name": "b", "vulns": []}]}
    code, output = audit(json.dumps(report))
    assert code == 1
    assert "a 1.0: PYSEC-1; fixed in: 1.1\n" in output
    assert "audit: 2 packages checked, 0 not found\n" in output


def test_no_known_vulnerability_passes(audit):
    code, output = audit(json.dumps({"dependencies": [{"name": "b", "version": "2", "vulns": []}]}))
    assert (code, output) == (0, "audit: 1 packages checked, 0 not found\n")


@pytest.mark.parametrize("report", ['{"dependencies": [{"name": "b", "skip_reason": "not found"}]}', "no JSON"])
def test_an_audit_without_a_network_checks_nothing_and_reports_that(audit, report):
    code, output = audit(report)
    assert code == 0
    assert "audit: nothing was checked" in output
    assert audit(report, CI="true")[0] == 1


@pytest.mark.nightly
def test_requirements_get_hashes_with_one_command(tmp_path):
    """As docs/ci.md describes it; pip then refuses any other file."""
    pins = PROJECT / "requirements.txt"
    hashed = tmp_path / "requirements.txt"
    command = (sys.executable, "-m", "uv", "pip", "compile", "--quiet", *HASHES, "--generate-hashes", str(pins))
    subprocess.run((*command, "-o", str(hashed)), check=True, cwd=tmp_path)
    text = hashed.read_text()
    blocks = re.findall(r"^(\S+==[^\n]+?) ?\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    assert [pin.strip() for pin, _ in blocks] == pins.read_text().splitlines()
    assert "://" not in text
