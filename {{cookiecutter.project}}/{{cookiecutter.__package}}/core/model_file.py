"""The model file: written by skops, never pickle, and loaded against a short list of allowed types."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.pipeline import Pipeline

from . import indices, paths
from .allowed_types import ALLOWED, PACKAGE
from .errors import UserError, not_installed
from .files import atomic_write
from .schema import Schema

# A model of a hundred trees unpacks to ten times its size.
MAX_BYTES, MAX_RATIO = 1 << 30, 50
# The user's own modules: a model file may name the functions and classes that they define.
OWN_MODULES = (f"{PACKAGE}.features", f"{PACKAGE}.model")


def save(pipeline: Pipeline, row: pd.DataFrame, path: str | Path = paths.MODEL) -> None:
    """Write the pipeline so that the same fit gives the same bytes, once it loads and predicts `row` alike.

    Raises UserError if the file could not be loaded, with the type that is not allowed and the place to allow it.
    """
    with atomic_write(path) as temporary:
        try:
            content = skops.io.dumps(pipeline)
        except Exception as error:  # skops meets any code that the estimator's author wrote
            raise UserError(f"{path}: {type(pipeline['model']).__name__} cannot be saved: {error}") from error
        temporary.write_bytes(_normalised(content))
        loaded = load(temporary, called=path)
        if not np.array_equal(loaded.predict(row), pipeline.predict(row)):
            raise UserError(f"{path}: the saved model predicts otherwise than the fitted one; use another estimator")


def load(path: str | Path = paths.MODEL, *, called: str | Path | None = None) -> Pipeline:
    """Read a pipeline; `called` is the name for messages.

    Raises UserError for a missing or damaged file, or one that holds a type that is not allowed.
    """
    name = called or path
    if not Path(path).is_file():
        raise UserError(f"{name}: there is no such model; run dvc repro, or fetch it with dvc pull")
    if not _is_intact(path, name):
        raise UserError(f"{name}: is damaged; run dvc repro, or fetch it with dvc checkout --force")
    try:
        untrusted = skops.io.get_untrusted_types(file=path)
        trusted = _allowed(untrusted)
        if refused := sorted(set(untrusted) - trusted):
            raise UserError(
                f"{name}: refused: it holds {', '.join(refused)}; if you trust that code, add it to TRUSTED in model.py"
            )
        pipeline = skops.io.load(path, trusted=sorted(trusted))
        indices.check(pipeline)
        return pipeline
    except ModuleNotFoundError as error:
        raise UserError(f"{name}: {not_installed((error.name or '').partition('.')[0])}") from error
    except UserError:
        raise
    except Exception as error:  # skops calls the libraries whose objects the file holds, and each has errors of its own
        versions = "was it saved by another version of scikit-learn or skops (models/environment.json)?"
        raise UserError(f"{name}: cannot be loaded ({' '.join(str(error).split())}); {versions}") from error


def _allowed(types: Iterable[str]) -> set[str]:
    """Those types that the template allows, that model.py trusts, or that the user's own modules define."""
    trusted = getattr(import_module(f"{PACKAGE}.model"), "TRUSTED", ())
    return {name for name in types if name in ALLOWED or name in trusted or _is_own(name)}


def _is_own(type_name: str) -> bool:
    """Whether one of the user's modules defines it: a name that the module merely imports could be any code."""
    module, _, name = type_name.rpartition(".")
    if module not in OWN_MODULES:
        return False
    return getattr(getattr(import_module(module), name, None), "__module__", None) == module


def _is_intact(path: str | Path, name: str | Path) -> bool:
    """Whether every member can be unpacked. Raises UserError, before any is, for a file that would fill the memory."""
    try:
        with Path(path).open("rb") as content, zipfile.ZipFile(content) as file:
            size = sum(member.file_size for member in file.infolist())
            if size > max(MAX_BYTES, MAX_RATIO * Path(path).stat().st_size):
                raise UserError(f"{name}: refused: it unpacks to {size / 1e6:,.0f} MB; is it a model of this project?")
            content.seek(0)
            return content.read(2) == b"PK" and file.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        return False


def check(pipeline: Pipeline, schema: Schema) -> None:
    """Raise UserError if the schema belongs to another model: its columns, their types or the classes differ."""
    trained = dict(pipeline["features"].types)
    known = {column.name: column.type for column in schema.feature_columns}
    differing = sorted(name for name in trained | known if trained.get(name) != known.get(name))
    classes = np.asarray(pipeline.classes_).tolist() if hasattr(pipeline, "classes_") else None
    if differing or classes != schema.classes:
        what = f"the columns {', '.join(map(repr, differing))}" if differing else "the classes"
        raise UserError(f"the model and schema.json are of different runs: {what} differ; run: dvc repro")


def _normalised(file: bytes) -> bytes:
    """Number skops's objects and members in order, in place of memory addresses, random names, the time and cores."""
    source = zipfile.ZipFile(io.BytesIO(file))
    state = json.loads(source.read("schema.json"))
    members: dict[str, str] = {}
    _renumber(state, {}, members)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as target:
        for old, new in [*members.items(), ("schema.json", "schema.json")]:
            content = source.read(old) if old in members else json.dumps(state).encode()
            info = zipfile.ZipInfo(new, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, on every system
            target.writestr(info, content, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _renumber(node: Any, numbers: dict[Any, int], members: dict[str, str]) -> None:
    if isinstance(node, dict):
        if node.get("__class__") == "_BinMapper":  # of HistGradientBoosting: it keeps this machine's number of cores
            node["content"]["content"]["n_threads"] |= {"content": "1", "__id__": object()}
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            name = Path(node["file"])
            node["file"] = members.setdefault(node["file"], f"{len(members)}{name.suffix}")
        for child in node.values():
            _renumber(child, numbers, members)
    elif isinstance(node, list):
        for child in node:
            _renumber(child, numbers, members)
