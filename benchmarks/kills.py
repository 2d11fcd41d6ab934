"""Kill commands at random moments, run them again, compare with an undisturbed run: python -m benchmarks.kills.

Options: [--kills N] [--only COMMAND ...] [--seed 0]. It prints a row for each command: kills, how many were right, and what
was wrong. Each kill is `kill -9`, in turn of the group of processes and of the command's first process alone. tests/test_kills.py
runs a sample. Linux only.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import psutil

TEMPLATE = Path(__file__).parents[1]
MARK = "KILLS_WORLD"  # an environment variable, by which the processes of a world are found
PYTHON = (sys.executable, "-m")
DVC = (*PYTHON, "dvc")
PENGUINS = (*PYTHON, "penguins")
SECONDS = 600  # that a command may take
QUICK = {
    "n_estimators: 100 # trees": "n_estimators: 5",
    "n_splits: 5": "n_splits: 2",
    "train_sizes: [0.1, 0.3, 1.0]": "train_sizes: [1.0]",
    "n_repeats: 5": "n_repeats: 1",
}
GRID = """
method: grid
metric: {name: cv_mean}
parameters:
  train.random_forest.n_estimators: {values: [2, 3, 4, 6]}
"""
LEFT = "left behind"
TEMPORARY = re.compile(r"\.tmp$|^tmp_obj_")
# cookiecutter leaves its hooks, killed or not; Python tries the folder with a file of eight characters, killed only.
OTHERS_LEAVE = re.compile(r"tmp\w{8}\.py|\w{8}")
ADVICE = re.compile(r"undo that first: (.+)|(\S*index\.lock): another Git command")


@dataclass(frozen=True)
class World:
    """A folder with a project, its remotes, a home, and a place for temporary files."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "penguins"

    @cached_property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "MLFLOW_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {
            MARK: str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "GIT_CONFIG_GLOBAL": str(self.folder / "home/.gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder / "site"),
            "TMPDIR": str(self.folder / "tmp"),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command in the project, or beside it if there is none yet, as a group of its own."""
        where = self.project if self.project.exists() and "cookiecutter" not in command else self.folder
        return subprocess.Popen(
            command,
            cwd=where,
            env=self.environment | {"PWD": str(where)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def run(self, *command: str, code: int | None = 0) -> subprocess.CompletedProcess:
        """Run a command to its end. Raises RuntimeError if its exit code is not `code`."""
        process = self.start(*command)
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = f"{process.communicate()[0]}\nstopped after {SECONDS} seconds"
        if code is not None and process.returncode != code:
            raise RuntimeError(f"{' '.join(command[1:])} exited with {process.returncode}: {output[-2000:]}")
        return subprocess.CompletedProcess(command, process.returncode, output)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout.strip()

    def set_param(self, old: str, new: str) -> None:
        path = self.project / "params.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    def processes(self) -> list[psutil.Process]:
        """What runs in this world."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):  # it has ended, or is of another user
                continue
        return found


def make_world(folder: Path) -> World:
    """A project of the sample with quick stages, results that are committed and pushed, and an experiment."""
    world = World(folder)
    for name in ("home", "tmp", "site"):
        (folder / name).mkdir(parents=True)
    (folder / "home/.gitconfig").write_text("[user]\n  name = Test\n  email = test@localhost\n")
    world.run(*PYTHON, "cookiecutter", str(TEMPLATE), "--no-input")
    for old, new in QUICK.items():
        world.set_param(old, new)
    world.run(*DVC, "repro", "--quiet")
    world.git("add", "-A")
    world.git("commit", "--quiet", "-m", "First results")
    world.run(*DVC, "exp", "run", "--name", "shallow", "-S", "train.random_forest.max_depth=2")
    world.git("checkout", "--quiet", ".")
    world.run(*DVC, "checkout", "--quiet")
    world.run(*DVC, "push", "--quiet")
    world.git("init", "--quiet", "--bare", "../git-remote")
    world.git("remote", "add", "origin", "../git-remote")
    world.git("push", "--quiet", "--set-upstream", "origin", "main")
    return world


# --- The commands ---------------------------------------------------------------------------------------------------


def nothing(world: World) -> None:
    pass


def edit_params(world: World) -> None:
    world.set_param("test_size: 0.2", "test_size: 0.25")


def add_grid(world: World) -> None:
    (world.project / "sweep.yaml").write_text(GRID, encoding="utf-8")


def add_rows(world: World) -> None:
    header, *rows = (world.project / "data/raw/penguins.csv").read_text().splitlines(keepends=True)
    (world.project / "rows.csv").write_text(header + "".join(rows) * 200)


def add_folder(world: World) -> None:
    folder = world.project / "data/raw/many"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number}.txt").write_text(f"{number}\n" * 500)
    world.run(*DVC, "add", "--quiet", "data/raw/many")


def remove_project(world: World) -> None:
    for name in ("penguins", "penguins-remote", "git-remote"):
        shutil.rmtree(world.folder / name)


def trials(world: World) -> object:
    """Params and score of each trial; times differ from run to run."""
    lines = (world.project / "results/sweep").glob("*/trials.csv")
    rows = [line.split(",") for file in lines for line in file.read_text().splitlines()]
    kept = [number for number, name in enumerate(rows[0]) if name.startswith(("train.", "cv_", "value", "state"))]
    return sorted(tuple(row[number] for number in kept) for row in rows)


def runs(world: World) -> object:
    """The runs in MLflow's database: their tags and metrics, without times and ids."""
    with sqlite3.connect(world.project / "mlflow.db") as database:
        tags = database.execute("SELECT value FROM tags WHERE key = 'mlflow.runName'").fetchall()
        digests = database.execute("SELECT count(*) FROM tags WHERE key = 'dvc.export'").fetchall()
        metrics = database.execute("SELECT key, value FROM metrics").fetchall()
        params = database.execute("SELECT key, value FROM params").fetchall()
    return [sorted(rows) for rows in (tags, digests, metrics, params)]


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Args:
        words: the command.
        share: of all kills, relative to the others.
        sign: what changes in the world when the work begins, as globs.
        setup: gives the command work.
        again: what is added to the command after a kill.
        differs: files of the project that differ from run to run, as a pattern.
        facts: what is compared in place of them.
    """

    words: tuple[str, ...]
    share: int
    sign: tuple[str, ...]
    setup: Callable[[World], None] = nothing
    again: tuple[str, ...] = ()
    differs: str = r"$^"
    facts: Callable[[World], object] = nothing


EXPERIMENT = ("-S", "train.random_forest.n_estimators=7")
CASES = {
    "dvc repro": Case((*DVC, "repro"), 8, ("penguins/data/prepared", "penguins/data/prepared/*"), edit_params),
    "dvc exp run": Case((*DVC, "exp", "run", *EXPERIMENT), 6, ("penguins/params.yaml",)),
    "dvc exp run --temp": Case((*DVC, "exp", "run", "--temp", *EXPERIMENT), 6, ("penguins/.dvc/tmp/exps/*/*",)),
    "sweep": Case(
        (*PENGUINS, "sweep", "--top", "1"),
        6,
        ("penguins/results/sweep/*/*",),
        add_grid,
        differs=r"results/sweep/|sweep/dvc\.lock",
        facts=trials,
    ),
    "export mlflow": Case(
        (*PENGUINS, "export", "mlflow"), 4, ("penguins/mlflow.db",), differs=r"mlflow\.db|mlruns/", facts=runs
    ),
    "predict -o": Case(
        (*PENGUINS, "predict", "rows.csv", "-o", "out.csv"), 40, ("penguins/.out.csv.*", "penguins/out.csv"), add_rows
    ),
    "report": Case((*PENGUINS, "report"), 12, ("penguins/.report.*", "penguins/report.*")),
    "register": Case((*PENGUINS, "register", "--stage", "prod", "--push"), 12, ("penguins/.git/refs/tags/*",)),
    "dvc push": Case((*DVC, "push"), 30, ("penguins-remote/files/md5/*",), add_folder),
    "best --apply": Case(
        (*PENGUINS, "best", "--apply", "--where", "train.random_forest.max_depth == 2"),
        16,
        ("penguins/.dvc/tmp/best-apply.json",),
    ),
    "verify": Case((*PENGUINS, "verify"), 4, ("tmp/*/*",)),
    "cookiecutter": Case(
        (*PYTHON, "cookiecutter", str(TEMPLATE), "--no-input"),
        60,
        ("penguins",),
        remove_project,
        again=("--overwrite-if-exists",),
    ),
}


# --- What is compared -----------------------------------------------------------------------------------------------


def hashes(folder: Path, *without: str) -> dict[str, str]:
    """The MD5 of each file that is not temporary, by its path in the folder."""
    found = {}
    for root, folders, files in os.walk(folder):
        inner = Path(root).relative_to(folder)
        folders[:] = [name for name in folders if (inner / name).as_posix() not in without and name != "__pycache__"]
        for name in (name for name in files if not TEMPORARY.search(name)):
            found[(inner / name).as_posix()] = hashlib.md5((Path(root) / name).read_bytes()).hexdigest()
    return found


def references(world: World) -> dict[str, str]:
    """The commit of each branch, tag and experiment. What DVC keeps while a command runs is left out."""
    if not (world.project / ".git").exists():
        return {}
    lines = world.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    pairs = [line.split() for line in lines]
    return {name: commit for name, commit in pairs if not name.startswith("refs/exps/exec")}


def shared_tags(world: World) -> list[str]:
    """The tags that the Git remote has."""
    if not (world.folder / "git-remote").exists():
        return []
    return world.git("--git-dir", str(world.folder / "git-remote"), "tag").splitlines()


def results(world: World, case: Case) -> dict[str, object]:
    """What an undisturbed run and a run after a kill should agree on."""
    files = hashes(world.project, ".git", ".dvc/tmp", ".dvc/cache")
    trees = Counter()
    for name in references(world):
        kind = "experiment" if name.startswith("refs/exps/") else re.sub(r"!.*|#\d+", "", name)
        trees[kind, world.git("rev-parse", f"{name}^{{tree}}")] += 1
    return {
        "files": {name: md5 for name, md5 in files.items() if not re.match(case.differs, name)},
        "references": {" ".join(key): count for key, count in trees.items()},
        "git status": world.git("status", "--porcelain").splitlines() if trees else [],
        "DVC remote": hashes(world.folder / "penguins-remote"),
        "Git remote": shared_tags(world),
        "facts": case.facts(world),
    }


def differences(expected: dict[str, object], found: dict[str, object]) -> list[str]:
    """What is not as in an undisturbed run, in words."""
    problems = []
    for kind, wanted in expected.items():
        have = found[kind]
        if have == wanted:
            continue
        if isinstance(wanted, dict) and isinstance(have, dict):
            names = sorted(name for name in wanted.keys() | have.keys() if wanted.get(name) != have.get(name))
            problems.append(f"{kind} differ: {', '.join(names[:3])}" + (" ..." if names[3:] else ""))
        else:
            problems.append(f"{kind} differ: {str(have)[:200]}")
    return problems


@dataclass(frozen=True)
class Before:
    """What no kill may change."""

    raw: dict[str, str]
    references: dict[str, str]
    remote: dict[str, str]

    @classmethod
    def of(cls, world: World) -> "Before":
        return cls(hashes(world.project / "data/raw"), references(world), hashes(world.folder / "penguins-remote"))

    def lost(self, world: World) -> Iterator[str]:
        """What is lost or changed, in words."""
        now = self.of(world)
        for kind in ("raw", "references", "remote"):
            old, new = getattr(self, kind), getattr(now, kind)
            changed = sorted(name for name, value in old.items() if new.get(name) != value)
            if changed:
                yield f"{kind} changed: {', '.join(changed[:3])}"
        if self.references and world.run("git", "fsck", "--connectivity-only", "--no-dangling", code=None).returncode:
            yield "git fsck finds errors"
        for name, folder in (("remote", "penguins-remote"), ("cache", "penguins/.dvc/cache")):
            for path, md5 in hashes(world.folder / folder).items():
                named = re.fullmatch(r"files/md5/(..)/(.{30})(\.dir)?", path)
                if named and named[1] + named[2] != md5:
                    yield f"{name}: {path} is damaged"


def leftovers(world: World) -> set[str]:
    """Temporary files and folders, and locks of Git."""
    found = {f"tmp/{path.name}" for path in (world.folder / "tmp").iterdir() if not OTHERS_LEAVE.fullmatch(path.name)}
    for root, folders, files in os.walk(world.folder):
        if root.endswith((".dvc/tmp/exps", ".dvc/tmp/exps/standalone")):
            found |= {f"{Path(root).name}/{name}" for name in folders if name not in ("run", "standalone", "celery")}
        for name in files:
            if TEMPORARY.search(name) or (".git" in root and name.endswith(".lock")):
                found.add(os.path.relpath(os.path.join(root, name), world.folder))
    return found


# --- The kills ------------------------------------------------------------------------------------------------------


class Trial:
    """Kills of one command, each in a fresh copy of the same world."""

    def __init__(self, name: str, saved: Path, world: World) -> None:
        self.case, self.saved, self.world = CASES[name], saved, world
        shutil.rmtree(world.folder, ignore_errors=True)
        shutil.copytree(saved.parent / "base", world.folder, symlinks=True)
        self.case.setup(world)
        shutil.copytree(world.folder, saved, symlinks=True)
        self.before = Before.of(world) if world.project.exists() else Before({}, {}, {})
        process, begin = world.start(*self.case.words), time.monotonic()
        self.begins = self.wait_for_sign(process) - begin
        output, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, output
        self.seconds = time.monotonic() - begin
        self.expected = results(world, self.case)
        self.usual = leftovers(world)

    def wait_for_sign(self, process: subprocess.Popen) -> float:
        """Wait until the work begins; return the time."""
        before = self.signs()
        while process.poll() is None and self.signs() == before:
            time.sleep(0.002)
        return time.monotonic()

    def signs(self) -> set[tuple[str, int]]:
        found = set()
        for path in (path for sign in self.case.sign for path in self.world.folder.glob(sign)):
            try:
                found.add((str(path), path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        return found

    def kill(self, moment: float, *, at_work: bool, alone: bool) -> list[str]:
        """Kill the command and run it again; return what was wrong.

        Args:
            moment: the share of the time that passes before the kill.
            at_work: the time begins with the work, and not with the process.
            alone: kill the first process only, and not its group.
        """
        while not self.killed(moment, at_work, alone):
            moment *= 0.7  # it was faster than the undisturbed run
        problems = [f"after the kill: {lost}" for lost in self.before.lost(self.world)]
        again = (*self.case.words, *self.case.again)
        done = self.world.run(*again, code=None)
        for advice, lock in ADVICE.findall(done.stdout) if done.returncode else ():
            self.world.run("sh", "-c", advice or f"rm {lock}")
            done = self.world.run(*again, code=None)
        if done.returncode:
            last = [line for line in done.stdout.splitlines() if line.strip()][-1:]
            return [*problems, f"exits with {done.returncode}: {' '.join(last)[:200]}"]
        return [*problems, *self.wrong()]

    def killed(self, moment: float, at_work: bool, alone: bool) -> bool:
        """Whether the command was still running when it was killed."""
        shutil.rmtree(self.world.folder)
        shutil.copytree(self.saved, self.world.folder, symlinks=True)
        process = self.world.start(*self.case.words)
        if at_work:
            self.wait_for_sign(process)
        time.sleep(moment * (self.seconds - self.begins * at_work))
        was_running = process.poll() is None
        if was_running:
            process.kill() if alone else os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()  # children of a process that was killed alone may hold it
        process.wait()
        return was_running

    def wrong(self) -> list[str]:
        """What is wrong after the second run."""
        end = time.monotonic() + 20
        while (running := self.world.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        problems = [f"still runs: {' '.join(process.cmdline())[:100]}" for process in running]
        problems += self.before.lost(self.world)
        problems += differences(self.expected, results(self.world, self.case))
        left = leftovers(self.world) - self.usual
        return [*problems, f"{LEFT}: {', '.join(sorted(left)[:3])}"] if left else problems


def prepare_trials(folder: Path) -> Callable[[str], Trial]:
    """A function that gives the trial of a command, in a world beneath the folder."""
    (folder / "saved").mkdir()
    world = make_world(folder / "world")
    shutil.copytree(world.folder, folder / "saved/base", symlinks=True)
    return cache(lambda name: Trial(name, folder / "saved" / name.replace(" ", "-"), world))


def outcome(problems: list[str]) -> str:
    if not problems:
        return "right"
    return "left" if all(problem.startswith(LEFT) for problem in problems) else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="COMMAND")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        trial = prepare_trials(Path(folder))
        found = {name: Found(trial(name)) for name in arguments.only}
        for name, number in in_turn(arguments.only, arguments.kills):
            found[name].add(f"{arguments.seed} {name} {number}", number)
    print("| command | kills | right | right, files left | wrong |\n|---|---|---|---|---|")
    for name, row in found.items():
        print(f"| {name} | {sum(row.outcomes.values())} | {row.to_markdown()} |")


def in_turn(names: list[str], kills: int) -> Iterator[tuple[str, int]]:
    """Spread the kills over the commands by their shares, in rounds: a run that is stopped has tried all of them."""
    shares = sum(CASES[name].share for name in names)
    pairs = [(name, number) for name in names for number in range(-(-kills * CASES[name].share // shares))]
    return iter(sorted(pairs, key=lambda pair: (pair[1] + 1) / CASES[pair[0]].share))


class Found:
    """How many kills of a command came out right, and what was wrong with the others."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, seed: str, number: int) -> None:
        """Kill the command once more."""
        moment = random.Random(seed).random()
        problems = self.trial.kill(moment, at_work=number % 4 < 3, alone=bool(number % 2))
        self.outcomes[outcome(problems)] += 1
        self.reasons.update(problems)
        print(json.dumps([seed, round(moment, 3), problems]), file=sys.stderr, flush=True)

    def to_markdown(self) -> str:
        """The cells of a row."""
        why = "; ".join(f"{count} x {reason}" for reason, count in self.reasons.items())
        right, left, wrong = (self.outcomes[kind] for kind in ("right", "left", "wrong"))
        return f"{right} | {left} | {wrong} {why}".strip()


if __name__ == "__main__":
    main()
