"""Differences from the table of the last run: columns, types and categories."""

from pathlib import Path

from pydantic import ValidationError

from . import paths
from .errors import reading
from .files import read_yaml
from .schema import ColumnSchema, Schema
from .sniff.names import quote_list

PLURAL = {"number": "numbers", "date": "dates", "category": "categories", "text": "free text"}


def lines(schema: Schema) -> list[str]:
    """A line for each difference between the schema of the last run and this one."""
    if not paths.LOCK.exists():
        return []
    with reading(paths.LOCK, "restore it with Git"):
        outs = read_yaml(paths.LOCK)["stages"].get("prepare", {}).get("outs", [])
        md5 = [out["md5"] for out in outs if out["path"] == paths.SCHEMA.as_posix()]
    if not md5:
        return []
    # DVC deletes the outs of a stage before it runs: the last schema is in DVC's cache.
    from dvc.repo import Repo
    from dvc.scm import SCMError

    try:
        with Repo() as repo:
            path = Path(repo.cache.local.oid_to_path(md5[0]))
    except SCMError:
        return ["columns are not compared with the last run: this folder is not in a Git repository"]
    try:
        before = Schema.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ["columns are not compared with the last run, which is not in DVC's cache; see dvc pull"]
    except ValidationError:
        return ["columns are not compared with the last run: another version of this code wrote its schema"]
    return compare(before, schema)


def compare(before: Schema, now: Schema) -> list[str]:
    """Report columns that are new, lost or of another type, and categories and classes that are new."""
    old, new = ({column.name: column for column in schema.columns} for schema in (before, now))
    result = []
    if added := [name for name in new if name not in old]:
        result.append(f"new columns since the last run: {quote_list(added)}")
    if lost := [name for name in old if name not in new]:
        result.append(f"columns lost since the last run: {quote_list(lost)}")
    for name in [name for name in new if name in old and new[name].role != "target"]:
        type_, old_type = new[name].type, old[name].type
        if type_ != old_type:
            result.append(f"{name!r} holds {PLURAL[type_]} now, and held {PLURAL[old_type]} in the last run")
        elif old[name].categories is not None and (more := sorted(_categories(new[name]) - _categories(old[name]))):
            result.append(f"new categories of {name!r} since the last run: {quote_list(more)}")
    if before.target == now.target and before.classes and (classes := set(now.classes or ()) - set(before.classes)):
        result.append(f"new classes since the last run: {quote_list(sorted(map(str, classes)))}")
    return result


def _categories(column: ColumnSchema) -> set[str]:
    return {*(column.categories or ()), *(column.test_only_categories or ())}
