"""Which models are exported, and the parts that a model needs outside of the project."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ...core import paths, records
from ...core.errors import UserError
from ...core.revisions import files, stages
from ...core.schema import Schema
from ...core.schema import load as load_schema
from ...core.temporary import temporary_folder
from ..best import rank
from ..experiments import Experiments
from ..registry.registry import artifact, versions
from .history import History
from .results import read_results
from .runs import Run
from .writer import RegisteredVersion, Writer

PACKAGE = __package__.partition(".")[0]
REQUIREMENTS = Path("requirements.txt")


class ModelParts(NamedTuple):
    """What a model needs outside of the project, in a temporary folder.

    Attributes:
        model: a folder with model.skops, schema.json and params.yaml, which Predictor.load takes.
        code: the package as it is in the model's commit, without toolbox/ and stages/.
        requirements: the pins of that commit.
        schema: the columns that it was trained on.
    """

    model: Path
    code: Path
    requirements: Path
    schema: Schema


def read_versions() -> list[RegisteredVersion]:
    """The versions in the registry, the oldest first; none if dvc.yaml has no name for the model."""
    try:
        name = artifact()
    except UserError:  # `register` reports it
        return []
    return [
        RegisteredVersion(
            artifact=name,
            version=version["version"],
            commit=version["commit_hexsha"],
            stages=stages(version),
            description=version["message"].partition("\n\n")[2].strip(),  # `register` puts the model card there
        )
        for version in reversed(versions(name))
    ]


def choose_models(runs: list[Run], table: Experiments, registered: list[RegisteredVersion], choice: str) -> list[Run]:
    """The runs whose models are exported: by default the best of them by cv_mean, and the registered ones.

    table: all rows, the last commit among them, whose data and scoring decide which can be compared.
    """
    done = [run for run in runs if run.state == "done"]
    if choice == "all":
        return done
    if choice == "none":
        return []
    wanted = {version.commit for version in registered}
    rows = table.rows[table.rows.rev.isin([run.rev for run in done])]
    rows = rows[rows.cv_mean.notna()] if "cv_mean" in rows else rows[:0]
    if len(rows):
        alike, _ = rank(rows, table.head, "cv_mean", ascending=False)
        wanted |= {*alike.rev[:1]}
    return [run for run in done if run.rev in wanted]


def export_models(runs: list[Run], writer: Writer, history: History) -> int:
    """Write the models that are not there; return how many. One that is not on this machine is reported and left out."""
    written = 0
    for run in runs:
        if writer.has_model(run):
            continue
        print(f"{run.name}: exporting the model ...", file=sys.stderr)
        try:
            with model_parts(run.rev) as parts:
                writer.write_model(run, read_results(history, run), parts)
        except UserError as error:
            print(f"warning: {run.name}: the model is left out: {error}", file=sys.stderr)
            continue
        written += 1
    return written


@contextmanager
def model_parts(rev: str) -> Iterator[ModelParts]:
    """Yield the parts of a commit's model. Raises UserError if one is neither in the cache nor in the remote."""
    wanted = [paths.MODEL, paths.SCHEMA, paths.PARAMS, paths.ENVIRONMENT]
    with files(rev, wanted) as source, temporary_folder() as folder:
        model = folder / "model"
        model.mkdir()
        for path in (paths.MODEL, paths.SCHEMA, paths.PARAMS):
            (model / path.name).write_bytes((source / path).read_bytes())
        extract_code(rev, folder / "code")
        requirements = folder / REQUIREMENTS
        requirements.write_text(read_requirements(rev, source), encoding="utf-8")
        schema = load_schema(model / paths.SCHEMA.name)
        yield ModelParts(model, folder / "code" / PACKAGE, requirements, schema)


def extract_code(rev: str, folder: Path) -> None:
    """Put the package of a commit into a folder. Raises UserError if the commit has no such package."""
    left_out = [f":(exclude){PACKAGE}/{part}" for part in ("toolbox", "stages")]
    command = ["git", "archive", "--format=tar", rev, "--", PACKAGE, *left_out]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise UserError(f"{rev[:7]}: has no package {PACKAGE}: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def read_requirements(rev: str, source: Path) -> str:
    """requirements.txt of a commit and the booster of its model; without that file, the libraries it was fitted with."""
    with History() as history:
        pinned = history.read(rev, REQUIREMENTS)
    libraries = json.loads((source / paths.ENVIRONMENT).read_text(encoding="utf-8"))["libraries"]
    if pinned is None:
        return "".join(f"{name}=={version}\n" for name, version in libraries.items())
    text = pinned.decode("utf-8").rstrip("\n") + "\n"
    boosters = [name for name in records.BOOSTERS if name in libraries and f"\n{name}" not in text]
    return text + "".join(line.format(libraries[name]) for name in boosters for line in records.BOOSTERS[name])
