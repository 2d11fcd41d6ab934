"""metadata: the five kinds of facts about a result: experiment, environment, data, model and evaluation.

The last four are files that the stages write. The first comes from Git and DVC when it is asked for: a file that held
the time or the commit would differ in every run.
"""

import json
from argparse import Namespace
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev
from ruamel.yaml import YAML

from ..errors import UserError
from ..params import flat
from .git import git

FILES = {
    "environment": ["models/environment.json"],
    "data": ["dvc.lock", "results/prepare/metrics.json"],
    "model": ["models/model.json"],
    "evaluation": ["results/train/metrics.json", "results/evaluate/metrics.json"],
}


def run(arguments: Namespace) -> None:
    """Print the facts about a revision or an experiment, or about the workspace."""
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
    for kind, paths in FILES.items():
        facts[kind] = {}
        for path in paths:
            try:
                content = YAML(typ="safe", pure=True).load(dvc.api.read(path, rev=rev, encoding="utf-8"))
            except (FileNotFoundError, DvcException) as error:
                raise UserError(f"{path} is not in {rev or 'the workspace'}; run: dvc repro") from error
            if path == "dvc.lock":
                raw = next(dep for dep in content["stages"]["prepare"]["deps"] if dep["path"].startswith("data/raw/"))
                content = {"file": raw["path"], "md5": raw["md5"]}
            content.pop("step", None)  # of dvclive
            facts[kind] |= content
    return facts


def experiment(rev: str | None) -> dict[str, Any]:
    """Name, commit, time and author of a revision; whether the workspace has changes that are in no commit."""
    with Repo() as repo:
        try:
            commit = resolve_rev(repo.scm, rev or "HEAD")
        except RevError as error:
            raise UserError(
                f"there is no revision or experiment {rev or 'HEAD'!r}; dvc exp list -A and git log have their names"
            ) from error
    time, author, subject, *_ = git("log", "-1", "--format=%aI%n%an <%ae>%n%s", commit).split("\n")
    names = git("for-each-ref", "refs/exps", f"--points-at={commit}", "--format=%(refname:lstrip=4)").split()
    dirty = rev is None and bool(git("status", "--porcelain"))
    return {"name": names[0] if names else subject, "commit": commit, "time": time, "author": author, "dirty": dirty}
