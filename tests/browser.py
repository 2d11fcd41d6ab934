"""Pages of DVC in a headless browser."""

import re
import subprocess
from pathlib import Path

from conftest import BakedProject


def plots_drawn(project: BakedProject, chromium: str, folder: Path) -> int:
    """How many plots the page of `dvc plots show` draws without a network; fails if the console has errors."""
    project.dvc("plots", "show", "-o", str(folder / "page"))
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    options += " --disable-component-update --enable-logging=stderr --host-resolver-rules=MAP\t*\t~NOTFOUND"
    page = folder / "page" / "index.html"
    command = [chromium, *(option.replace("\t", " ") for option in options.split(" "))]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "src=" not in page.read_text(encoding="utf-8").partition("<body>")[2]
    assert not re.findall(r"CONSOLE.*(?:[Ee]rror|ERROR).*", done.stderr)
    return done.stdout.count('class="marks"')
