"""Inspect the user's table before there is a project: where it is, its target, and the task.

Both hooks use it, with only the standard library; it is deleted from the generated project.
"""

import os
import re
from itertools import chain
from pathlib import Path

from sniff import dialect
from sniff.dialect import TableError
from sniff.task import count_values, infer_task, target_column

SAMPLE = Path(__file__).resolve().parent / "sample" / "penguins.csv"
MAX_BYTES = 1 << 24  # of a CSV that are looked at; prepare reads all
MAX_NAME = 50  # characters of a name in a message: a longer one may be a secret
MANY_ROWS = 50_000  # from here on a forest takes minutes: docs/decisions.md


def inspect(answers: dict) -> dict[str, str | None]:
    """Find and check the table that the answers name.

    Returns the file as given (source), its name under data/raw/, the column to predict (target), the task, and the
    model to start with.
    Raises TableError, in one line for the user.
    """
    if not answers["data_path"].strip():
        source, target = SAMPLE, answers["target"].strip() or "sex"
    else:
        source, target = find(answers["data_path"].strip(), answers.get("_output_dir")), answers["target"].strip()
    try:
        column, task, has_many_rows = target_and_task(source, target)
    except (TableError, OSError) as error:
        printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(source))
        raise TableError(f"data_path: {printable} {error}") from error
    model = "hist_gradient_boosting" if has_many_rows else "random_forest"
    return {"source": str(source), "name": raw_name(source), "target": column, "task": task, "model": model}


def find(data_path: str, output_dir: str | None) -> Path:
    """Return the file, searched from the user's folder and from the project's. Raises TableError if there is none."""
    # A hook runs inside the new project; the shell's PWD is the folder of the user.
    folders = dict.fromkeys(Path(folder) for folder in (os.environ.get("PWD"), output_dir) if folder)
    try:
        given = Path(data_path).expanduser()
        paths = [path for folder in folders if (path := folder / given).exists()]
    except (OSError, RuntimeError, ValueError) as error:  # no permission, a name too long, no such user
        raise TableError(f"data_path: {data_path!r}: {error}; give its full path") from error
    if not paths:
        searched = "" if given.is_absolute() else f" in {' or '.join(map(str, folders))}"
        raise TableError(f"data_path: there is no file {data_path!r}{searched}; give its full path")
    if paths[0].is_dir():
        raise TableError(f"data_path: {paths[0]} is a folder; give the one CSV or Parquet file in it")
    if not paths[0].is_file():
        raise TableError(f"data_path: {paths[0]} is a pipe or a device; give a CSV or Parquet file")
    return paths[0]


def raw_name(source: Path) -> str:
    """Return the name of the file for any shell, YAML and DVC: only ASCII, a letter first, and a dot."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name).strip(".-")
    return name if re.match(r"[A-Za-z][^.]*\.", name) else f"table-{name}"


def target_and_task(path: Path, target: str) -> tuple[str | None, str, bool]:
    """Return the target column, the task, and whether there are many rows. Raises TableError without the file's name.

    If the file cannot be read here (zstd before Python 3.14), target and task are left to the prepare stage.
    """
    _refuse_secret(path)
    try:
        form = dialect.detect(path, MAX_BYTES)
        return _inspect_parquet(path, target) if form.kind == "parquet" else _inspect_csv(path, form, target)
    except ModuleNotFoundError:
        return target or None, "auto", False


def _refuse_secret(path: Path) -> None:
    """Refuse a key, none of which is to be in a message."""
    with path.open("rb") as file:
        if file.read(100).lstrip(b"\xef\xbb\xbf \r\n").startswith(b"-----BEGIN "):
            raise TableError("is a key or a certificate; give a CSV or Parquet file")


def _inspect_csv(path: Path, form: dialect.Format, target: str) -> tuple[str, str, bool]:
    names = list(form.names)
    if len(names) < 2 and len(names[0]) > MAX_NAME:
        raise TableError("has one column, with a long name, and nothing to predict it from; is it a table?")
    target = target_column(names, target)
    rows = dialect.read_rows(path, form, MAX_BYTES)
    first = next(rows, None)
    if first is None:
        raise TableError("has a header and no rows; give it some")
    values, decimal = count_values(chain([first], rows), names, target)
    is_longer = _is_longer(path, MAX_BYTES)
    has_many_rows = is_longer or values.total() >= MANY_ROWS
    if len(values) < 2 and is_longer:
        return target, "auto", has_many_rows  # the rest of the file may have more values
    return target, infer_task(target, values, decimal), has_many_rows


def _is_longer(path: Path, size: int) -> bool:
    with dialect.open_bytes(path) as stream:
        stream.seek(size)
        return bool(stream.read(1))


def _inspect_parquet(path: Path, target: str) -> tuple[str, str, bool]:
    import parquet_footer

    columns, rows = parquet_footer.read(path)
    columns = [column for column in columns if not dialect.is_index(column.name)]
    names = dialect.column_names([column.name for column in columns])
    if not names or not rows:
        raise TableError("has no columns or no rows; give it some")
    target = target_column(names, target)
    column = columns[names.index(target)]
    if column.kind == "nested":
        raise TableError(f"has a nested column {target!r}; choose a flat one to predict")
    if column.missing == rows:
        raise TableError(f"has no value in the target column {target!r}; choose another target")
    if column.low is not None and column.low == column.high:
        raise TableError(f"has one value, {column.low!r}, in the target column {target!r}; choose another")
    # The footer has bounds and no values: prepare decides the rest.
    return target, "classification" if column.kind == "boolean" else "auto", rows >= MANY_ROWS
