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


def inspect(answers: dict) -> dict[str, str | None]:
    """Find and check the table that the answers name.

    Returns the file as given (source), its name under data/raw/, the column to predict (target), and the task.
    Raises TableError, in one line for the user.
    """
    if not answers["data_path"].strip():
        source, target = SAMPLE, answers["target"].strip() or "sex"
    else:
        source, target = find(answers["data_path"].strip(), answers.get("_output_dir")), answers["target"].strip()
    try:
        column, task = target_and_task(source, target)
    except (TableError, OSError) as error:
        printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(source))
        raise TableError(f"data_path: {printable} {error}") from error
    return {"source": str(source), "name": raw_name(source), "target": column, "task": task}


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
    return paths[0]


def raw_name(source: Path) -> str:
    """Return the name of the file for any shell, YAML and DVC: only ASCII, a letter first, and a dot."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name).strip(".-")
    return name if re.match(r"[A-Za-z][^.]*\.", name) else f"table-{name}"


def target_and_task(path: Path, target: str) -> tuple[str | None, str]:
    """Return the target column and the task. Raises TableError, without the name of the file.

    If the file cannot be read here (zstd before Python 3.14), both are left to the prepare stage.
    """
    try:
        form = dialect.detect(path, MAX_BYTES)
        return _inspect_parquet(path, target) if form.kind == "parquet" else _inspect_csv(path, form, target)
    except ModuleNotFoundError:
        return target or None, "auto"


def _inspect_csv(path: Path, form: dialect.Format, target: str) -> tuple[str, str]:
    names = list(form.names)
    target = target_column(names, target)
    rows = dialect.read_rows(path, form, MAX_BYTES)
    first = next(rows, None)
    if first is None:
        raise TableError("has a header and no rows; give it some")
    values, decimal = count_values(chain([first], rows), names, target)
    if len(values) < 2 and _is_longer(path, MAX_BYTES):
        return target, "auto"  # the rest of the file may have more values
    return target, infer_task(target, values, decimal)


def _is_longer(path: Path, size: int) -> bool:
    with dialect.open_bytes(path) as stream:
        stream.seek(size)
        return bool(stream.read(1))


def _inspect_parquet(path: Path, target: str) -> tuple[str, str]:
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
    return target, "classification" if column.kind == "boolean" else "auto"
