"""DVC's settings, against cp and rsync, on many files and on large ones: python -m benchmarks.transfers [FILES MEGABYTES].

The default is 20,000 files of 4 kB, and 1,000 MB in four files; the remote is a folder on the same disk. Each figure is the
median of three rounds: seconds of CPU, of the command with its children, then of the clock.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROUNDS = 3
FILE_BYTES, LARGE_FILES = 4096, 4
DVC = (sys.executable, "-m", "dvc")
SETTINGS = {
    "defaults": [],
    "core.checksum_jobs 8": [("config", "core.checksum_jobs", "8")],
    "jobs 16": [("remote", "modify", "storage", "jobs", "16")],
    "cache.type hardlink": [("config", "cache.type", "hardlink")],
}
OPERATIONS = ("add", "status", "push", "pull", "checkout")


def main() -> None:
    files, megabytes = [int(word) for word in sys.argv[1:]] or [20_000, 1_000]
    os.environ |= {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        for title, count, size in (
            (f"{files:,} files of 4 kB", files, FILE_BYTES),
            (f"{megabytes:,} MB in {LARGE_FILES} files", LARGE_FILES, megabytes * 1_000_000 // LARGE_FILES),
        ):
            source = Path(name, "source")
            make(source, count, size)
            print(f"\n| {title} | {' | '.join(OPERATIONS)} |\n|---|{'---|' * len(OPERATIONS)}", flush=True)
            # The settings take turns, so that the load of the machine hits all of them alike.
            rounds = [{name: measure(source, commands) for name, commands in SETTINGS.items()} for _ in range(ROUNDS)]
            for setting in SETTINGS:
                row = [show([times[setting][operation] for times in rounds]) for operation in OPERATIONS]
                print(f"| {setting} | {' | '.join(row)} |", flush=True)
            for command in (("cp", "-r"), ("rsync", "-a")):
                if shutil.which(command[0]):
                    print(
                        f"| `{' '.join(command)}` | {show([copy(source, command) for _ in range(ROUNDS)])} |",
                        flush=True,
                    )
            shutil.rmtree(source)


def make(folder: Path, count: int, size: int) -> None:
    for number in range(count):
        file = folder / f"{number % 100:02}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as opened:
            for start in range(0, size, 1_000_000):
                opened.write(os.urandom(min(1_000_000, size - start)))


def measure(source: Path, settings: list[tuple[str, ...]]) -> dict[str, tuple[float, float]]:
    """CPU and clock of each operation, in a new repository of DVC."""
    root = source.with_name("work")
    project = root / "project"
    project.mkdir(parents=True)
    os.environ["DVC_SITE_CACHE_DIR"] = str(root / "site")
    dvc = [("init", "--no-scm"), ("remote", "add", "-d", "storage", str(root / "remote")), *settings]
    for arguments in dvc:
        timed(project, *DVC, *arguments)
    shutil.copytree(source, project / "data")
    times = defaultdict(tuple)
    times["add"] = timed(project, *DVC, "add", "data")
    times["status"] = timed(project, *DVC, "status")
    times["push"] = timed(project, *DVC, "push")
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(project / "data")
    times["pull"] = timed(project, *DVC, "pull")
    shutil.rmtree(project / "data")
    times["checkout"] = timed(project, *DVC, "checkout")
    assert sizes(project / "data") == sizes(source)
    shutil.rmtree(root)
    return times


def sizes(folder: Path) -> dict[str, int]:
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in folder.rglob("*.bin")}


def copy(source: Path, command: tuple[str, ...]) -> tuple[float, float]:
    target = source.with_name("copy")
    times = timed(source.parent, *command, f"{source}/" if command[0] == "rsync" else str(source), str(target))
    shutil.rmtree(target)
    return times


def timed(folder: Path, *command: str) -> tuple[float, float]:
    """Seconds of CPU, of the command and its children, and of the clock."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def show(times: list[tuple[float, float]]) -> str:
    cpu, clock = (statistics.median(column) for column in zip(*times, strict=True))
    return f"{cpu:.1f}, {clock:.1f}"


if __name__ == "__main__":
    main()
