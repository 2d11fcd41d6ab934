"""Mistakes of the person at the terminal get one line, no traceback, and exit code 1."""

import atexit
import errno
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A mistake of the user in one line: the place (file, key, column, row), the problem and the fix."""


def printable(text: str) -> str:
    """The lines of a text, with escapes for characters that would control the terminal."""
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


# What reading a damaged file can raise: the errors of JSON, UTF-8, Parquet and pydantic are among them. A number of
# 5,000 digits is a ValueError, a thousand brackets are a RecursionError, and a key that is not there is a LookupError.
UNREADABLE = (AttributeError, EOFError, LookupError, MemoryError, OSError, RecursionError, TypeError, ValueError)
RESTORE = "restore it with Git or dvc checkout --force, or run: dvc repro"


@contextmanager
def reading(path: Path, fix: str = RESTORE, *, called: str | Path | None = None) -> Iterator[None]:
    """Turn whatever the reading of a file raises into a UserError: the file, what is wrong with it, the fix.

    Args:
        path: the file that the block reads.
        fix: what to do.
        called: its name in the message, if that is not its path.
    """
    try:
        yield
    except (UserError, *UNREADABLE) as error:
        problem = _problem(path, error)
        if problem is None:
            raise
        raise UserError(f"{Path(called or path).as_posix()}: {problem}; {fix}") from error


def _problem(path: Path, error: BaseException) -> str | None:
    """What is wrong with a file; None if the error has its own words for it. No word of the file is in the message."""
    if path.is_dir():
        return "is a folder, and should be a file"
    if not path.exists():
        return "is missing"
    if _has_conflict_markers(path):
        return "has the conflict markers of a merge (<<<<<<<)"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read ({error.strerror})"
    return None if isinstance(error, UserError) else "is damaged"


def _has_conflict_markers(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return all(re.search(rb"^%s( |\r?$)" % mark, content, re.MULTILINE) for mark in (b"<{7}", b"={7}", b">{7}"))


# Import names that differ from the name to install.
DISTRIBUTIONS = {"distributed": "dask", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# What requirements.txt does not install, and how to.
EXTRAS = {"distributed": '-c requirements.txt "dask[distributed]"'}
EXTRAS |= {tool: f"-c requirements.txt {tool}" for tool in ("mlflow", "wandb")}
EXTRAS |= {model: f'-c requirements.txt ".[{model}]"' for model in ("lightgbm", "xgboost")}


def not_installed(module: str) -> str:
    """How to install a package that cannot be imported."""
    package, source = DISTRIBUTIONS.get(module, module), EXTRAS.get(module, "-r requirements.txt")
    return f"the package {package} is not installed in this environment; run: python -m pip install {source}"


def install_excepthook() -> None:
    """Print a `UserError`, a missing package or a warning as one line; any other exception keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not fail
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _report
    warnings.showwarning = _show_warning
    atexit.register(_flush)


_shown_warnings: set[str] = set()


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning once, also if only its numbers differ: a cross-validation repeats it in every fold."""
    text = " ".join(str(message).split())
    key = re.sub(r"[\d.]+", "", f"{category.__name__}: {text}")
    if key not in _shown_warnings:
        _shown_warnings.add(key)
        print(f"warning: {printable(text)}", file=sys.stderr)


def _report(kind, error, traceback) -> None:
    if isinstance(error, UserError):
        print(f"error: {printable(str(error))}", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and (module := _top(error.name or "")) not in ("", _top(__name__)):
        print(f"error: {not_installed(module)}", file=sys.stderr)
    elif isinstance(error, RuntimeError) and "home directory" in str(error).lower():  # of DVC or Altair
        print(
            "error: HOME: is not set, and this user has no entry in the system; run: export HOME=FOLDER",
            file=sys.stderr,
        )
    elif isinstance(error, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
    elif isinstance(error, BrokenPipeError):  # the reader, such as head, has seen enough
        _discard_output()
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = error.filename or "the output"
        print(f"error: {place}: the disk is full; free some space, and run this again", file=sys.stderr)
        _discard_output()
    elif kind.__module__ == "sqlite3" and "disk" in str(error):  # of DVC or MLflow, which keep records in databases
        print(f"error: a database cannot be written ({error}); free some space, and run this again", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _flush() -> None:
    """Write the printed text before Python ends: it cannot report a full disk any more after that."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _report(type(error), error, None)
        if not isinstance(error, BrokenPipeError):
            sys.stderr.flush()
            os._exit(1)  # the exit code of a function that runs at the end counts for nothing


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _top(module: str) -> str:
    return module.partition(".")[0]
