"""Fuzz the parsers, guided by coverage: `make fuzz`, or python -m benchmarks.fuzz --seconds 60 TARGET...

atheris changes the bytes of examples so that they reach code that was not reached before. An exception that is not a
UserError or a TableError, or an input that takes ten seconds, is a finding: its input is kept, and the exit code is 1.
"""

import argparse
import contextlib
import functools
import json
import logging
import math
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
TIMEOUT = 10  # seconds for an input
MAX_LENGTH = 4096  # bytes of an input


def main() -> None:
    arguments = parse_arguments()
    if arguments.run:
        fuzz(arguments.run, arguments.seconds, arguments.keep)
    names = arguments.targets or list(TARGETS)
    failed = [name for name in names if not passes(name, arguments.seconds, arguments.keep)]
    sys.exit(f"findings in: {', '.join(failed)}; their inputs are in {arguments.keep}" if failed else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all, {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for inputs that fail")
    parser.add_argument("--run", help=argparse.SUPPRESS)  # the target of a child process
    return parser.parse_args()


def passes(name: str, seconds: int, keep: Path) -> bool:
    """Fuzz a target in a process of its own, which a finding ends; print what was tried."""
    keep.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "benchmarks.fuzz", "--run", name, "--seconds", str(seconds), "--keep", str(keep))
    done = subprocess.run(command, check=False, cwd=TEMPLATE, capture_output=True, text=True, errors="replace")
    last = re.findall(r"^#(\d+)\s.*?cov: (\d+)", done.stderr, re.MULTILINE)[-1:]
    tried = [f"{inputs} inputs, {branches} branches" for inputs, branches in last]
    print(f"{name}: {'a finding' if done.returncode else 'no finding'}", *tried, sep=", ", flush=True)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", flush=True)
    return done.returncode == 0


def fuzz(name: str, seconds: int, keep: Path) -> None:
    """Fuzz a target until the time is over; does not return."""
    import atheris

    logging.disable()
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["example"]):
        target, allowed, seeds = TARGETS[name]()

    def run(content: bytes) -> None:
        with contextlib.suppress(*allowed):
            target(content)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            Path(corpus, str(number)).write_bytes(seed[:MAX_LENGTH])
        limits = (f"-max_total_time={seconds}", f"-timeout={TIMEOUT}", f"-max_len={MAX_LENGTH}", "-rss_limit_mb=4096")
        atheris.Setup([name, f"-artifact_prefix={keep}/{name}-", *limits, corpus], run)
        atheris.Fuzz()


# --- The targets: what reads the bytes, the errors that it may raise, examples -------------------------------------

Target = tuple[Callable[[bytes], object], tuple[type[Exception], ...], list[bytes]]
TARGETS: dict[str, Callable[[], Target]] = {}


def target(function: Callable[[], Target]) -> Callable[[], Target]:
    TARGETS[function.__name__] = function
    return function


def on_file(function: Callable[[str], object], suffix: str) -> Callable[[bytes], object]:
    """Give a function the bytes as a file."""
    path = Path(tempfile.mkdtemp(), f"input{suffix}")

    @functools.wraps(function)
    def run(content: bytes) -> object:
        path.write_bytes(content)
        return function(str(path))

    return run


def tables() -> list[bytes]:
    sample = (TEMPLATE / "{{cookiecutter.project}}/_generate/sample/penguins.csv").read_bytes()
    rows = b"a;b;c\n" + b'1.234,5;"x;y";2024-01-02\n-7 kg;z;3:05 PM\n' * 20
    return [
        sample[:2000],
        rows,
        rows.decode().encode("utf-16"),
        b"# title\n\nid|x\n1|NA\n2|5%\n",
        b"a\tb\n'1'\t'it''s'\n",
    ]


@target
def table() -> Target:
    """Dialect, header, target and task of a CSV, as generation infers them."""
    from example.core.sniff import dialect, task
    from example.core.sniff.text import TableError, unreadable

    def read(path: str) -> None:
        form = dialect.detect(path, 2**24)
        if form.kind == "csv":
            names = list(form.names)
            target = task.target_column(names, None)
            values, decimal = task.count_values(dialect.read_rows(path, form, 2**24), names, target)
            task.infer_task(target, values, decimal)

    return on_file(read, ".csv"), (TableError, *unreadable()), tables()


@target
def columns() -> Target:
    """A whole CSV, and the type of each column, as prepare infers them."""
    from example.core import infer, reader
    from example.core.errors import UserError

    def read(path: str) -> None:
        frame, _ = reader.read(path)
        for name in frame:
            infer.infer_type(frame[name])

    return on_file(read, ".csv"), (UserError,), tables()


@target
def literals() -> Target:
    """Numbers with units, currencies and marks. A number that is read is finite."""
    from example.core.sniff import literals

    def read(content: bytes) -> None:
        lines = content.decode("utf-8", "replace").split("\n")
        numbers = literals.parse_numbers(Counter(lines))
        if numbers is not None:
            assert not any(map(math.isnan, numbers.by_text.values())), numbers
        for line in lines:
            literals.split_number(line)

    seeds = ["1.234,5 €\n7 €", "$1,234.50\n-$7\n(3)", "5 kg\n~7.5kg*", "1 234,5\n3 Mio", "1e-5\n.5\n-inf", "12 %\n5+"]
    return read, (), [seed.encode() for seed in seeds]


@target
def condition() -> Target:
    """Conditions of --where."""
    import pandas as pd
    from example.core.errors import UserError
    from example.toolbox.experiments import Experiments, to_typed_column

    values = {
        "name": ["main", "a.b", None],
        "cv_mean": [0.9, 0.5, None],
        "train.forest.depth": [3, None, 5],
        "train.sizes": [[1.0], [0.5, 1.0], None],
        "is_done": [True, False, None],
        "mixed": [1, "one", None],
        "created": [pd.Timestamp("2026-01-01")] * 3,
    }
    rows = pd.DataFrame({name: to_typed_column(pd.Series(column, dtype=object)) for name, column in values.items()})
    experiments = Experiments(rows, [], [], {})

    def read(content: bytes) -> None:
        experiments.parse(content.decode("utf-8", "replace")).holds(rows)

    seeds = [
        'cv_mean > 0.9 and name == "main"', "depth in [3, 5] or not is_done", "name.str.contains('a', na=False)",
        "0.5 < cv_mean <= abs(-1) ** 2", "created >= '2026-01-01'", "`train.sizes` == [1.0] | mixed != None",
        "cv_mean.between(0, 1) & name.str.len() > 3", "-depth % 2 // 1 + sqrt(cv_mean) * 3 / 2 != 1",
    ]  # fmt: skip
    return read, (UserError,), [seed.encode() for seed in seeds]


@target
def sweep() -> Target:
    """sweep.yaml, in W&B's format."""
    from example.core.errors import UserError
    from example.core.files import read_yaml
    from example.toolbox.sweep import sweep_file

    params = read_yaml(TEMPLATE / "{{cookiecutter.project}}/params.yaml")
    params["train"]["model"] = "random_forest"
    files = sorted((TEMPLATE / "tests/toolbox/wandb_sweeps").glob("*.yaml"))
    read = on_file(lambda path: sweep_file.load(path, params, "classification"), ".yaml")
    return read, (UserError,), [file.read_bytes() for file in files]


@target
def yaml() -> Target:
    """YAML: a dvc.lock, params.yaml and their types."""
    from example import params
    from example.core.errors import UserError
    from example.core.lock import outputs, parse_lock, raw_data

    load = on_file(lambda path: params.load(Path(path)), ".yaml")

    def read(content: bytes) -> None:
        try:
            stages = parse_lock(content.decode("utf-8", "replace"))
            outputs(stages)
            raw_data(stages, "data/raw/a.csv")
        except UserError:
            load(content)

    lock = b"schema: '2.0'\nstages:\n  a:\n    cmd: x\n    deps:\n    - path: data/raw/a.csv\n      md5: 0f\n    outs:\n    - path: b\n"
    seeds = [
        (TEMPLATE / "{{cookiecutter.project}}/params.yaml").read_bytes(),
        lock,
        b"a: &a [*a, 0o7, 1e5, ~, {<<: *a}]",
    ]
    return read, (UserError,), seeds


@target
def schema() -> Target:
    """schema.json: what it accepts can be written again, and is then the same."""
    from example.core import schema
    from example.core.errors import UserError

    column = {"name": "a", "role": "feature", "type": "number", "min": 1, "max": 2.5, "format": "plain", "unit": "kg"}
    example = {
        "task": "classification", "target": "y", "classes": ["a", 1], "split": "random", "split_column": None,
        "train_rows": 2, "test_rows": 1, "columns": [column, {**column, "name": "y", "role": "target"}],
    }  # fmt: skip

    def read(path: str) -> None:
        first = schema.load(Path(path))
        first.save(Path(path))
        assert repr(schema.load(Path(path))) == repr(first)

    return on_file(read, ".json"), (UserError,), [json.dumps(example).encode()]


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.path.insert(0, str(TEMPLATE / "tests"))
    import conftest  # noqa: F401 - imports the package of the template as `example`

    main()
