"""The figures of docs/benchmarks.md: `make bench`.

Each is a ratio of wall times against a reference run, taken in turn in one process, so that it holds on any machine and
while its speed drifts: the median of five pairs, after one that is not counted.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
PAIRS = 5
STAGES = ("prepare", "train", "evaluate")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(TEMPLATE, folder)
        project, empty = folder / "penguins", folder / "empty"
        run(project, "dvc", "repro", "--quiet")
        run(project, "git", "add", "-A")
        run(project, *COMMIT)
        empty_pipeline(empty)

        print("| figure | ratio | range | seconds | reference |\n|---|---|---|---|---|")
        report("generation / generation of an empty template", *generations(folder))
        report("dvc repro, cold / the three stages in a shell", cold_repro(project), in_a_shell(project))
        report("dvc repro, nothing to do / the same of three empty stages", no_op(project), no_op(empty))
        report("the three stages in a shell / in one process", in_a_shell(project), in_one_process(project))
        known = ("dvc", "exp", "run", "--quiet", "-S", "train.random_forest.n_estimators=99")
        run(project, *known)
        report(
            "a result had before, from the run cache / run again", again(project, known), again(project, (*known, "-f"))
        )


COMMIT = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "-m", "x")


def run(folder: Path, *command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    subprocess.run(command, cwd=folder, env=environment | {"PWD": str(folder)}, check=True, stdout=subprocess.DEVNULL)


def generate(template: Path, folder: Path) -> None:
    run(folder, "cookiecutter", str(template), "--no-input")


def report(figure: str, measured: Callable[[], None], reference: Callable[[], None]) -> None:
    """Time the two in turn and print a row: median and range of the ratios, median seconds of each."""
    pairs = [(seconds(measured), seconds(reference)) for _ in range(PAIRS + 1)][1:]
    ratios = [one / other for one, other in pairs]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| {figure} | {statistics.median(ratios):.2f} | {spread} | {ours:.2f} | {theirs:.2f} |", flush=True)


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def generations(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    template = folder / "template"
    (template / "{{cookiecutter.project}}").mkdir(parents=True)
    (template / "{{cookiecutter.project}}" / "README.md").write_text("{{cookiecutter.project}}\n")
    (template / "cookiecutter.json").write_text('{"project": "penguins"}')
    target = folder / "generated"

    def generation(of: Path) -> Callable[[], None]:
        def work() -> None:
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            generate(of, target)

        return work

    return generation(TEMPLATE), generation(template)


def cold_repro(project: Path) -> Callable[[], None]:
    """All stages run, and DVC records them."""
    return lambda: run(project, "dvc", "repro", "--quiet", "--force", "--no-run-cache")


def in_a_shell(project: Path) -> Callable[[], None]:
    command = " && ".join(f"python -m penguins.stages.{stage}" for stage in STAGES)
    return lambda: run(project, "sh", "-c", command)


def in_one_process(project: Path) -> Callable[[], None]:
    """What is left of three stages when Python and its packages start once."""
    code = f"from penguins.stages import {', '.join(STAGES)}\n" + "\n".join(f"{stage}.main()" for stage in STAGES)
    return lambda: run(project, "python", "-c", code)


def empty_pipeline(folder: Path) -> None:
    """Three stages in a chain that do nothing."""
    folder.mkdir()
    (folder / "a").write_text("a")
    stage = "  {0}: {{cmd: cp {0} {1}, deps: [{0}], outs: [{1}]}}\n"
    (folder / "dvc.yaml").write_text("stages:\n" + "".join(stage.format(*pair) for pair in ("ab", "bc", "cd")))
    for command in (("git", "init", "--quiet"), ("dvc", "init", "--quiet"), ("dvc", "repro", "--quiet")):
        run(folder, *command)


def no_op(project: Path) -> Callable[[], None]:
    return lambda: run(project, "dvc", "repro", "--quiet")


def again(project: Path, command: tuple[str, ...]) -> Callable[[], None]:
    def work() -> None:
        run(project, "git", "checkout", "--quiet", "--force", "HEAD")
        run(project, "dvc", "checkout", "--quiet", "--force")
        run(project, *command)

    return work


if __name__ == "__main__":
    main()
