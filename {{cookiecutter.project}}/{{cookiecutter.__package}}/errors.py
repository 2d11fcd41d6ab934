"""Mistakes of the person at the terminal get one line, no traceback, and exit code 1."""

import io
import os
import sys


class UserError(Exception):
    """What is wrong, where (file, key, column, row) and what to do, in one line."""


# Import names that differ from the name to install.
DISTRIBUTIONS = {"distributed": "dask", "ruamel": "ruamel.yaml", "sklearn": "scikit-learn"}
# What requirements.txt does not install, and how to.
EXTRAS = {"distributed": '-c requirements.txt "dask[distributed]"'}


def report_in_one_line() -> None:
    """Print a `UserError` or a missing package as one line; any other exception keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _report


def _report(kind, error, traceback) -> None:
    if isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and (module := _top(error.name or "")) not in ("", _top(__name__)):
        print(
            f"error: the package {DISTRIBUTIONS.get(module, module)} is not installed in this environment; "
            f"run: python -m pip install {EXTRAS.get(module, '-r requirements.txt')}",
            file=sys.stderr,
        )
    elif isinstance(error, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
    elif isinstance(error, BrokenPipeError):  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        sys.__excepthook__(kind, error, traceback)


def _top(module: str) -> str:
    return module.partition(".")[0]
