"""Look at the user's table before there is a project: where it is, its target, and the task.

Used by both hooks, with the standard library alone; deleted from the generated project.
"""

import os
import re
from collections import Counter
from pathlib import Path

from sniff import dialect
from sniff.literals import MISSING
from sniff.dialect import TableError
from sniff.task import infer_task, target_column

SAMPLE = Path(__file__).resolve().parent / "sample" / "penguins.csv"
ENOUGH = 100_000  # rows that tell the task


def inspect(answers: dict) -> dict[str, str | None]:
    """Find and check the table that the answers name. Raises TableError, in one line for the user.

    Returns the file as given (source), its name under data/raw/, the column to predict (target), and the task.
    """
    if not answers["data_path"].strip():
        source, target = SAMPLE, answers["target"].strip() or "sex"
    else:
        source, target = find(answers["data_path"].strip(), answers.get("_output_dir")), answers["target"].strip()
    try:
        target, task = target_and_task(source, target)
    except (TableError, OSError) as error:
        raise TableError(f"data_path: {source} {error}") from error
    return {"source": str(source), "name": raw_name(source), "target": target, "task": task}


def find(data_path: str, output_dir: str | None) -> Path:
    """The file, looked for where the user stands and where the project goes. Raises TableError."""
    given = Path(data_path).expanduser()
    # A hook runs inside the new project; the shell's PWD tells where the user stands.
    folders = dict.fromkeys(Path(folder) for folder in (os.environ.get("PWD"), output_dir) if folder)
    found = [path for folder in folders if (path := folder / given).exists()]
    if not found:
        looked = "" if given.is_absolute() else f" in {' or '.join(map(str, folders))}"
        raise TableError(f"data_path: there is no file {data_path!r}{looked}; give its full path")
    if found[0].is_dir():
        raise TableError(f"data_path: {found[0]} is a folder; give the one CSV or Parquet file in it")
    return found[0]


def raw_name(source: Path) -> str:
    """The file's name made plain, so that no shell, YAML or DVC trips over it: a letter first, a dot, ASCII alone."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name).strip(".-")
    return plain if re.match(r"[A-Za-z][^.]*\.", plain) else f"table-{plain}"


def target_and_task(path: Path, target: str) -> tuple[str | None, str]:
    """The target column and the task. Raises TableError, without the file's name.

    Where the file cannot be looked into here (zstd before Python 3.14), both are left to the prepare stage.
    """
    try:
        form = dialect.detect(path)
        return _parquet(path, target) if form.kind == "parquet" else _csv(path, form, target)
    except ModuleNotFoundError:
        return target or None, "auto"


def _csv(path: Path, form: dialect.Format, target: str) -> tuple[str, str]:
    target = target_column(form.names, target)
    position = form.names.index(target)
    values: Counter[str] = Counter()
    count = 0
    for count, row in enumerate(dialect.read_rows(path, form), start=1):
        value = row[position].strip() if position < len(row) else ""
        if value not in MISSING and value.lstrip("+-").lower() not in ("inf", "infinity"):
            values[value] += 1
        if count >= ENOUGH and len(values) > 1:
            break
    if not count:
        raise TableError("has a header and no rows; give it some")
    return target, infer_task(target, values)


def _parquet(path: Path, target: str) -> tuple[str, str]:
    import parquet_footer

    columns, rows = parquet_footer.read(path)
    columns = [column for column in columns if not dialect.is_index(column.name)]
    names = dialect.column_names([column.name for column in columns])
    if not rows:
        raise TableError("has columns and no rows; give it some")
    target = target_column(names, target)
    column = columns[names.index(target)]
    if column.kind == "nested":
        raise TableError(f"has a nested column {target!r}; choose a flat one to predict")
    if column.missing == rows:
        raise TableError(f"has no value in the target column {target!r}; choose another target")
    if column.low is not None and column.low == column.high:
        raise TableError(f"has one value, {column.low!r}, in the target column {target!r}; choose another")
    # The footer has bounds and no values: prepare settles the rest.
    return target, "classification" if column.kind == "boolean" else "auto"
