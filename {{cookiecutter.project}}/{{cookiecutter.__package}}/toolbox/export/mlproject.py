"""The entry point in MLproject: `mlflow run . -P train.model=ridge` runs `dvc exp run --temp -S train.model=ridge`.

MLflow hands over other parameters as `--NAME VALUE`, where NAME may have dots.
"""

import argparse
import re
import subprocess
import sys

from ...core.errors import UserError, install_excepthook
from ...core.paths import RAW
from ..git import git

PREFIX = "--"


def main() -> None:
    """Run the experiment, push it if asked, and exit with DVC's code."""
    install_excepthook()
    parser = argparse.ArgumentParser(prog="mlflow run", allow_abbrev=False)
    parser.add_argument("--name", default="")
    parser.add_argument("--push", default="")
    arguments, rest = parser.parse_known_args()
    if git("rev-parse", "--is-shallow-repository") == "true":  # a clone that MLflow made of a Git URL
        git("fetch", "--unshallow", "--quiet", "origin")
    before = experiment_refs()
    command = ["exp", "run", *overrides(rest)]
    if git("branch", "--show-current"):
        command.append("--temp")  # a user's workspace stays as it is; DVC 3.67 loses such experiments of a clone
    if arguments.name:
        command += ["--name", arguments.name]
    if lacks_data():
        command.append("--pull")
    run_dvc(*command)
    if arguments.push:
        names = [ref.rpartition("/")[2] for ref in sorted(experiment_refs() - before)]
        run_dvc("exp", "push", arguments.push, *names)


def overrides(rest: list[str]) -> list[str]:
    """`--train.model ridge` as `-S train.model=ridge`. Raises UserError for a name without a value."""
    names, values = rest[::2], rest[1::2]
    if len(names) != len(values) or not all(re.match(r"--[+~]?\w", name) for name in names):
        raise UserError(f"mlflow run: {' '.join(rest)!r}: is not pairs of a name and a value; use -P train.model=ridge")
    pairs = zip(names, values, strict=True)
    return [word for name, value in pairs for word in ("-S", f"{name.removeprefix(PREFIX)}={value}")]


def lacks_data() -> bool:
    """Whether a raw table is only in the DVC remote, as in a new clone."""
    return any(not pointer.with_suffix("").exists() for pointer in RAW.glob("*.dvc"))


def experiment_refs() -> set[str]:
    """The Git refs of all experiments."""
    return set(git("for-each-ref", "refs/exps/*/*/*", "--format=%(refname)").split())


def run_dvc(*arguments: str) -> None:
    """Run DVC; exit with its code if it fails."""
    code = subprocess.call([sys.executable, "-m", "dvc", *arguments])
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
