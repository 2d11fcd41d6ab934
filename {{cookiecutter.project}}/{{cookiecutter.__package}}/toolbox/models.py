"""Which state of the project is meant - an experiment, a Git revision, a version or stage of the registry - and its files."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gto.api
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev
from gto.constants import Shortcut, parse_shortcut
from gto.exceptions import ArtifactNotFound

from ..errors import UserError


def resolve(which: str | None) -> str | None:
    """The commit of what is meant; None, the workspace, for None.

    which: the name of an experiment; a branch, tag or hash of Git; of the registry NAME@STAGE, NAME@v1.2.0 or NAME@latest,
    also as GTO writes it, NAME#STAGE. Raises UserError for what is none of them, with what the registry has.
    """
    if which is None:
        return None
    with Repo() as repo:
        why = f"there is no revision or experiment {which!r}; dvc exp list -A and git log have their names"
        wanted = parse_shortcut(which) if parse_shortcut(which).shortcut else parse_shortcut(which.replace("@", "#"))
        if wanted.shortcut:
            versions = registered(wanted.name, repo)
            if found := [version for version in versions if _is(version, wanted)]:
                return found[0]["commit_hexsha"]
            why = _none(which, versions)
        if not which:  # which Git takes for HEAD
            raise UserError(why)
        try:
            return resolve_rev(repo.scm, which)
        except RevError as error:
            raise UserError(why) from error


def registered(name: str, repo: Repo) -> list[dict]:
    """The versions of an artifact of dvc.yaml in GTO's registry, the latest first."""
    folder = Path(repo.root_dir).resolve().relative_to(Path(repo.scm.root_dir).resolve()).as_posix()
    name = name if folder == "." or ":" in name else f"{folder}:{name}"  # a project within another repository
    try:
        return gto.api.show(repo.scm.root_dir, name, registered_only=True)
    except ArtifactNotFound:
        return []


def stages(version: dict) -> list[str]:
    """The stages that a version of the registry is in."""
    return [assignment["stage"] for assignment in version["stages"]]


def _is(version: dict, wanted: Shortcut) -> bool:
    return wanted.latest or version["version"] == wanted.version or wanted.stage in stages(version)


def _none(which: str, versions: list[dict]) -> str:
    if not versions:
        return f"{which}: the registry has no version of that name; are its tags here? git fetch --tags, git tag"
    known = [f"{version['version']} ({', '.join(stages(version)) or 'no stage'})" for version in versions]
    return f"{which}: is not in the registry; it has {', '.join(known)}"


@contextmanager
def files(rev: str | None, paths: Iterable[str | Path]) -> Iterator[Path]:
    """A folder in which files of a commit are at their own paths; for None, the workspace itself.

    What DVC tracks comes from its cache, or else from the remote, into a temporary folder. Raises UserError for a file that
    the commit does not have, or that is neither in the cache nor in the remote.
    """
    if rev is None:
        yield Path()
        return
    with tempfile.TemporaryDirectory() as folder, switched(rev) as repo:
        for path in map(Path, paths):
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                if not _made(repo.dvcfs.info(path.as_posix())):
                    raise UserError(
                        f"{path}: was not made in {rev[:7]}: no dvc.lock there has it; dvc repro, and commit it"
                    )
            except FileNotFoundError as error:
                raise UserError(f"{path}: is not in {rev[:7]}") from error
            try:
                repo.dvcfs.get_file(path.as_posix(), str(target), cache=True)
            except (OSError, DvcException) as error:
                raise UserError(
                    f"{path}: of {rev[:7]} is neither in the cache nor in the remote; where it was made, run: dvc push "
                    "(an experiment is applied first: dvc exp apply)"
                ) from error
        yield Path(folder)


@contextmanager
def switched(commit: str) -> Iterator[Repo]:
    """The project as DVC sees it in a commit; also one that is a folder of its repository, which Repo(rev=...) is not for."""
    # In a commit, DVC would look for a remote beside the project, ../penguins-remote, in /: those of the workspace count.
    with Repo() as repo:
        config = {name: repo.config[name] for name in ("core", "remote")}
    try:
        with Repo(config=config) as repo, repo.switch(commit):
            yield repo
    except DvcException as error:  # such as a dvc.lock that is damaged
        raise UserError(f"{commit[:7]}: {' '.join(str(error).split())}") from error


def _made(info: dict) -> bool:
    """Whether a file of a commit is Git's, or an output of a stage that ran."""
    return not info.get("dvc_info") or "md5" in info
