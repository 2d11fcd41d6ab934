"""Inspect the user's table before there is a project: where it is, its target, and the task.

Both hooks use it, with only the standard library; it is deleted from the generated project.
"""

import glob
import os
import re
from collections.abc import Iterator
from itertools import accumulate, chain
from pathlib import Path

from sniff import dialect
from sniff.dialect import TableError
from sniff.files import check_columns, detect_like, table_files
from sniff.task import count_values, infer_task, target_column

SAMPLE = Path(__file__).resolve().parent / "sample" / "penguins.csv"
MAX_BYTES = 1 << 24  # of CSV files that are looked at; prepare reads all
MAX_FILES = 100  # of a folder that are looked at
MAX_NAME = 50  # characters of a name in a message: a longer one may be a secret
MANY_ROWS = 50_000  # from here on a forest takes minutes: docs/decisions.md


def inspect(answers: dict) -> dict:
    """Find and check the table that the answers name.

    Returns the file, folder or pattern as given (source), its name under data/raw/, the column to predict (target), the
    task, and the model to start with; of a folder or a pattern also its files.
    Raises TableError, in one line for the user.
    """
    if not answers["data_path"].strip():
        source, target = SAMPLE, answers["target"].strip() or "sex"
    else:
        source, target = find(answers["data_path"].strip(), answers.get("_output_dir")), answers["target"].strip()
    try:
        files = table_files(source)
        column, task, has_many_rows = target_and_task(files, target)
    except (TableError, OSError) as error:
        printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(source))
        raise TableError(f"data_path: {printable} {error}") from error
    model = "hist_gradient_boosting" if has_many_rows else "random_forest"
    found = {"source": str(source), "name": raw_name(source, files), "target": column, "task": task, "model": model}
    return found if source.is_file() else {**found, "files": list(map(str, files))}


def find(data_path: str, output_dir: str | None) -> Path:
    """Return the file, folder or pattern, searched from the user's folder and from the project's.

    Raises TableError if there is none.
    """
    # A hook runs inside the new project; the shell's PWD is the folder of the user.
    folders = dict.fromkeys(Path(folder) for folder in (os.environ.get("PWD"), output_dir) if folder)
    try:
        given = Path(data_path).expanduser()
        paths = [
            path for folder in folders if (path := folder / given).exists() or glob.glob(str(path), recursive=True)
        ]
    except (OSError, RuntimeError, ValueError) as error:  # no permission, a name too long, no such user
        raise TableError(f"data_path: {data_path!r}: {error}; give its full path") from error
    if not paths:
        searched = "" if given.is_absolute() else f" in {' or '.join(map(str, folders))}"
        raise TableError(f"data_path: there is no file {data_path!r}{searched}; give its full path")
    if paths[0].exists() and not paths[0].is_file() and not paths[0].is_dir():
        raise TableError(
            f"data_path: {paths[0]} is a pipe or a device; give a CSV or Parquet file, or a folder of them"
        )
    if Path.cwd().is_relative_to(paths[0].resolve()):
        raise TableError(
            f"data_path: {paths[0]} is a folder around the new project; give a folder with only data in it"
        )
    return paths[0]


def raw_name(source: Path, files: list[Path]) -> str:
    """Return the name of the file or folder for any shell, YAML and DVC: only ASCII, a letter first; a file has a dot.

    The files of a pattern are put into a folder named after theirs.
    """
    is_file = source.is_file()
    named = source if is_file else source.resolve() if source.is_dir() else files[0].resolve().parent
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", named.name).strip(".-")
    return name if re.match(r"[A-Za-z][^.]*\." if is_file else "[A-Za-z]", name) else f"table-{name}"


def target_and_task(files: list[Path], target: str) -> tuple[str | None, str, bool]:
    """Return the target column, the task, and whether there are many rows. Raises TableError without the table's name.

    Of many files the first ones are looked at. If a file cannot be read here (zstd before Python 3.14), target and task
    are left to the prepare stage.
    """
    forms: list[dialect.Format] = []
    try:
        for path in sample(files):
            forms.append(_detect(path, files, forms))
        if forms[0].kind == "parquet":
            return _inspect_parquet(files, target)
        return _inspect_csv(files, forms, target)
    except ModuleNotFoundError:
        return target or None, "auto", False


def _detect(path: Path, files: list[Path], forms: list[dialect.Format]) -> dialect.Format:
    try:
        _refuse_secret(path)
        return detect_like(path, files[0], forms[0], MAX_BYTES) if forms else dialect.detect(path, MAX_BYTES)
    except (TableError, OSError) as error:
        raise TableError(str(error) if len(files) == 1 else f"(file {path.name}) {error}") from error


def sample(files: list[Path]) -> list[Path]:
    """The first files: at most MAX_FILES, and no more once they have MAX_BYTES."""
    sizes = accumulate(file.stat().st_size for file in files[:MAX_FILES])
    return [file for file, size in zip(files, sizes, strict=False) if size - file.stat().st_size < MAX_BYTES]


def _refuse_secret(path: Path) -> None:
    """Refuse a key, none of which is to be in a message."""
    with path.open("rb") as file:
        if file.read(100).lstrip(b"\xef\xbb\xbf \r\n").startswith(b"-----BEGIN "):
            raise TableError("is a key or a certificate; give a CSV or Parquet file")


def _inspect_csv(files: list[Path], forms: list[dialect.Format], target: str) -> tuple[str, str, bool]:
    names = list(forms[0].names)
    if len(names) < 2 and len(names[0]) > MAX_NAME:
        raise TableError("has one column, with a long name, and nothing to predict it from; is it a table?")
    target = target_column(names, target)
    rows = chain.from_iterable(_rows(path, form, names) for path, form in zip(files, forms, strict=False))
    first = next(rows, None)
    if first is None:
        raise TableError("has a header and no rows; give it some")
    values, decimal = count_values(chain([first], rows), names, target)
    is_longer = len(forms) < len(files) or any(_is_longer(path, MAX_BYTES) for path in files)
    has_many_rows = is_longer or values.total() >= MANY_ROWS
    if len(values) < 2 and is_longer:
        return target, "auto", has_many_rows  # the rest of the file may have more values
    return target, infer_task(target, values, decimal), has_many_rows


def _rows(path: Path, form: dialect.Format, names: list[str]) -> Iterator[list[str]]:
    """The rows of a file, with its columns in the order of the names."""
    rows = dialect.read_rows(path, form, MAX_BYTES)
    if list(form.names) == names:
        return rows
    places = [form.names.index(name) for name in names]
    return ([row[place] if place < len(row) else "" for place in places] for row in rows)


def _is_longer(path: Path, size: int) -> bool:
    with dialect.open_bytes(path) as stream:
        stream.seek(size)
        return bool(stream.read(1))


def _inspect_parquet(files: list[Path], target: str) -> tuple[str, str, bool]:
    import parquet_footer

    names: list[str] = []
    rows, columns = 0, []  # of all files that are looked at
    for path in files[:MAX_FILES]:
        found, count = parquet_footer.read(path)
        found = [column for column in found if not dialect.is_index(column.name)]
        here = dialect.column_names([column.name for column in found])
        if names:
            check_columns(here, files[0], names)
        else:
            names = here
            target = target_column(names, target) if names else target
        rows += count
        columns += [found[here.index(target)]] if names and count else []
    if not names or not rows:
        raise TableError("has no columns or no rows; give it some")
    if any(column.kind == "nested" for column in columns):
        raise TableError(f"has a nested column {target!r}; choose a flat one to predict")
    is_sample = len(files) > MAX_FILES
    if sum(column.missing for column in columns) == rows and not is_sample:
        raise TableError(f"has no value in the target column {target!r}; choose another target")
    bounds = {bound for column in columns for bound in (column.low, column.high)}
    if len(bounds) == 1 and None not in bounds and not is_sample:
        raise TableError(f"has one value, {bounds.pop()!r}, in the target column {target!r}; choose another")
    # The footer has bounds and no values: prepare decides the rest.
    is_boolean = all(column.kind == "boolean" for column in columns)
    return target, "classification" if is_boolean else "auto", is_sample or rows >= MANY_ROWS
