"""Look the pinned versions up in PyPI's list of known vulnerabilities: `make audit`.

Exit code: 0 if none is known, 1 if one is. Without a network nothing is checked; a line reports it, and in CI it fails.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
FILES = (TEMPLATE / "requirements.txt", TEMPLATE / "{{cookiecutter.project}}/requirements.txt")


def main() -> None:
    requirements = [word for file in FILES for word in ("--requirement", str(file))]
    command = (sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json", *requirements)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (KeyError, ValueError):  # it ended with an error
        dependencies = []
    checked = {item["name"]: item for item in dependencies if "vulns" in item}
    skipped = {item["name"] for item in dependencies if "skip_reason" in item}
    for item in checked.values():
        for fault in item["vulns"]:
            fix = ", ".join(fault["fix_versions"]) or "none yet"
            print(f"{item['name']} {item['version']}: {fault['id']}; fixed in: {fix}")
    print(f"audit: {len(checked)} packages checked, {len(skipped)} not found")
    if not checked:
        reason = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        print(f"audit: nothing was checked: the list could not be read ({reason[0]})", file=sys.stderr)
        sys.exit("CI" in os.environ)
    sys.exit(any(item["vulns"] for item in checked.values()))


if __name__ == "__main__":
    main()
