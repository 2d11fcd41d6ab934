"""metadata: the five kinds of facts about a result: experiment, environment, data, model and evaluation.

The last four are files that the stages write. The first comes from Git and DVC when it is asked for: a file that held
the time or the commit would differ in every run.
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .. import params
from ..errors import UserError
from ..params import flat
from . import models
from .git import git

FILES = {
    "environment": ["models/environment.json"],
    "data": ["dvc.lock", "results/prepare/metrics.json"],
    "model": ["models/model.json"],
    "evaluation": ["results/train/metrics.json", "results/evaluate/metrics.json"],
}


def run(arguments: Namespace) -> None:
    """Print the facts about a revision or an experiment, or about the workspace."""
    params.read()  # which says where to run this
    facts = collect(arguments.rev)
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for kind, values in facts.items():
        print(kind)
        for name, value in flat(values).items():
            print(f"  {name:<34} {value}")


def collect(rev: str | None) -> dict[str, dict[str, Any]]:
    """The facts by kind. Raises UserError for an unknown revision, or one in which the pipeline never ran."""
    facts = {"experiment": experiment(rev)}
    commit = rev and facts["experiment"]["commit"]
    with models.files(commit, [path for paths in FILES.values() for path in paths]) as folder:
        for kind, paths in FILES.items():
            facts[kind] = {}
            for path in paths:
                facts[kind] |= read(folder, path)
    return facts


def read(folder: Path, path: str) -> dict[str, Any]:
    """What a file has; of dvc.lock, the raw data. Raises UserError where it is not there."""
    try:
        content = YAML(typ="safe", pure=True).load((folder / path).read_text(encoding="utf-8"))
        if path == "dvc.lock":
            raw = next(dep for dep in content["stages"]["prepare"]["deps"] if dep["path"].startswith("data/raw/"))
            return {"file": raw["path"], "md5": raw["md5"]}
        content.pop("step", None)  # of dvclive
        return content
    except FileNotFoundError as error:
        raise UserError(f"{path} is not in the workspace; run: dvc repro") from error
    except (YAMLError, AttributeError, KeyError, StopIteration, TypeError) as error:
        raise UserError(f"{path} is damaged; bring it back by Git or DVC, or run: dvc repro") from error


def experiment(rev: str | None) -> dict[str, Any]:
    """Name, commit, time and author of a revision; whether the workspace has changes that are in no commit."""
    commit = models.resolve(rev or "HEAD")
    time, author, subject, *_ = git("log", "-1", "--format=%aI%n%an <%ae>%n%s", commit).split("\n")
    names = git("for-each-ref", "refs/exps", f"--points-at={commit}", "--format=%(refname:lstrip=4)").split()
    dirty = rev is None and bool(git("status", "--porcelain"))
    return {"name": names[0] if names else subject, "commit": commit, "time": time, "author": author, "dirty": dirty}
