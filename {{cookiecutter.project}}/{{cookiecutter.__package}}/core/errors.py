"""Mistakes of the person at the terminal get one line, no traceback, and exit code 1."""

import io
import os
import re
import sys
import warnings


class UserError(Exception):
    """A mistake of the user in one line: the place (file, key, column, row), the problem and the fix."""


# Import names that differ from the name to install.
DISTRIBUTIONS = {"distributed": "dask", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# What requirements.txt does not install, and how to.
EXTRAS = {"distributed": '-c requirements.txt "dask[distributed]"'}
EXTRAS |= {tool: f"-c requirements.txt {tool}" for tool in ("mlflow", "wandb")}


def install_excepthook() -> None:
    """Print a `UserError`, a missing package or a warning as one line; any other exception keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not fail
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _report
    warnings.showwarning = _show_warning


_shown_warnings: set[str] = set()


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning once, also if only its numbers differ: a cross-validation repeats it in every fold."""
    text = " ".join(str(message).split())
    key = re.sub(r"[\d.]+", "", f"{category.__name__}: {text}")
    if key not in _shown_warnings:
        _shown_warnings.add(key)
        print(f"warning: {text}", file=sys.stderr)


def _report(kind, error, traceback) -> None:
    if isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and (module := _top(error.name or "")) not in ("", _top(__name__)):
        print(
            f"error: the package {DISTRIBUTIONS.get(module, module)} is not installed in this environment; "
            f"run: python -m pip install {EXTRAS.get(module, '-r requirements.txt')}",
            file=sys.stderr,
        )
    elif isinstance(error, RuntimeError) and "home directory" in str(error).lower():  # of DVC or Altair
        print(
            "error: HOME: is not set, and this user has no entry in the system; run: export HOME=FOLDER",
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
