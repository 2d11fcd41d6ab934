"""Read YAML and JSON; replace files so that an interrupted command never leaves half of one."""

import glob
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from .errors import UserError

try:
    from yaml import CSafeLoader as SafeLoader  # ten times faster
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

RUN = uuid4().hex[:8]  # of this process: in a container, the next process may have the same number
MAX_DEPTH = 100  # of YAML: far beyond it, the C loader ends the process


class Yaml12Loader(SafeLoader):
    """PyYAML with the scalars of YAML 1.2, which DVC writes: `1e-05` is a number, `yes` and `on` are text."""


Yaml12Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
    ("merge", r"<<", "<"),
):  # fmt: skip
    characters = [*first, ""] if tag == "null" else [*first]
    Yaml12Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), characters)


def _construct_int(loader: Yaml12Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)  # 010 is ten


Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def parse_yaml(text: str, source: str | Path) -> Any:
    """The content of a YAML document. Raises UserError that names the source and the line of a mistake."""
    try:
        _check_depth(text)
        return yaml.load(text, Yaml12Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{source}: {' '.join(str(error).split())}") from error


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Yaml12Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"is nested more than {MAX_DEPTH} levels deep, {event.start_mark}")


def read_yaml(path: str | Path) -> Any:
    """The content of a YAML file. Raises FileNotFoundError, or UserError for a file that cannot be read as YAML."""
    try:
        return parse_yaml(Path(path).read_text(encoding="utf-8"), path)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there if the block ends without an error.

    Temporary files that a killed process left there are removed.

    Raises UserError if the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{RUN}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def _remove_abandoned(path: Path) -> None:
    """Remove what killed processes left of earlier attempts to write a file."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.*.*.tmp"):
        number, run = left.name.split(".")[-4:-2]
        if number.isdigit() and not _is_running(int(number), run):
            left.unlink(missing_ok=True)


def _is_running(number: int, run: str) -> bool:
    import psutil  # here, because there is rarely such a file

    return run == RUN if number == os.getpid() else psutil.pid_exists(number)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text that ends in one newline. Raises UserError if the file cannot be written."""
    with atomic_write(path) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON. Raises ValueError for NaN or infinity, which are not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
