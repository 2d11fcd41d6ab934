"""The files of a table: a file, or the files of a folder or a pattern; only the standard library."""

import glob
from pathlib import Path

from .dialect import Format, TableError, column_names, detect, open_rows
from .names import quote_list

NOT_DATA = (".dvc", ".md")  # pointers of DVC, and texts about the data
MAX_LISTED = 5


def table_files(path: str | Path) -> list[Path]:
    """The file itself; or the files in a folder, or that fit a pattern such as `parts/*.csv`, in order of their names.

    Left out are empty files, .dvc and .md files, and names that begin with a dot or an underscore (.gitignore, _SUCCESS).
    Raises TableError if there is none, or a folder is named like a value (`year=2024`) that its files may lack.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        return [path]
    root = path if path.is_dir() else Path()
    found = path.rglob("*") if path.is_dir() else map(Path, glob.glob(str(path), recursive=True))
    if not path.is_dir() and not glob.has_magic(str(path)):
        raise TableError("there is no such file")
    places = {file: file.relative_to(root) if path.is_dir() else file for file in found if file.is_file()}
    files = sorted((file for file in places if _is_data(file, places[file])), key=lambda file: places[file].as_posix())
    if not files:
        raise TableError("has no file with data in it")
    if named := next((part for file in files for part in places[file].parts[:-1] if "=" in part), None):
        raise TableError(f"has a folder {named!r}, named after a value; make it a column of the files in it")
    return files


def _is_data(file: Path, place: Path) -> bool:
    is_hidden = any(part.startswith((".", "_")) for part in place.parts if part != "..")
    return not is_hidden and file.suffix not in NOT_DATA and file.stat().st_size > 0


def detect_like(path: Path, first: Path, form: Format, max_bytes: int | None = None) -> Format:
    """How to read another file of a table whose first file is read by `form`.

    The first file decides the dialect, and whether there is a header, if the other file can be read so; else the file
    itself does. Its columns may have another order.
    Raises TableError as `dialect.detect` does, and for another kind of file or other columns.
    """
    own = detect(path, max_bytes)
    if own.kind != form.kind:
        raise TableError(f"is not {form.kind}, as {first.name} is; give all files the same format")
    if own.names != form.names:
        same = own._replace(dialect=form.dialect, skip=form.skip, names=form.names)
        if _fits(path, same, max_bytes):
            return same
        check_columns(list(own.names), first, list(form.names))
    return own


def _fits(path: Path, form: Format, max_bytes: int | None) -> bool:
    """Whether the names of a format are in the header of a file; if it has no header, whether the row is as wide."""
    text, rows = open_rows(path, form._replace(skip=max(form.skip - 1, 0)), max_bytes)
    with text:
        row = next(rows, [])
    return column_names(row) == form.names if form.skip else len(row) == len(form.names)


def check_columns(names: list[str], first: Path, expected: list[str]) -> None:
    """Raise TableError if a file has other columns than the first file; their order is free."""
    lost = [name for name in expected if name not in names]
    extra = [name for name in names if name not in expected]
    if lost or extra:
        differences = [
            f"{word} {quote_list(columns, MAX_LISTED)}"
            for word, columns in (("lacks", lost), ("adds", extra))
            if columns
        ]
        raise TableError(
            f"{' and '.join(differences)}, compared with {first.name}; give all files of the table the same columns"
        )


def merge_notes(files: list[Path], forms: list[Format]) -> list[str]:
    """The notes on how the files are read, each once; with the names of the files if it is not of all."""
    names: dict[str, list[str]] = {}
    for file, form in zip(files, forms, strict=True):
        for note in form.notes:
            names.setdefault(note, []).append(file.name)
    return [
        note if len(noted) == len(files) else f"{', '.join(noted[:MAX_LISTED])}{_more(noted)}: {note}"
        for note, noted in names.items()
    ]


def _more(names: list[str]) -> str:
    return f" and {len(names) - MAX_LISTED} more files" if len(names) > MAX_LISTED else ""
