"""Find the commit of a revision: an experiment, a Git revision, a version or stage of the registry; get its files."""

import getpass
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, overload

import gto.api
import pygit2
from dvc.config import ConfigError, NoRemoteError
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.fs import RemoteMissingDepsError
from dvc.repo import Repo
from dvc.scm import RevError, SCMError, resolve_rev
from gto.constants import Shortcut, parse_shortcut, tag_re
from gto.exceptions import ArtifactNotFound, GTOException, WrongConfig

from .errors import UserError
from .temporary import temporary_folder

MAX_LENGTH = 250  # characters of a revision; Git and the file system refuse longer names
NO_COMMIT = "this repository has no commit yet; run: git add -A && git commit -m 'First commit'"
# What reading from Git raises for a name that is not a commit: pygit2 has no error of its own for a file or a folder.
NOT_A_COMMIT = (AttributeError, KeyError, OSError, RevError, SCMError, ValueError)
# Words in the errors of remotes that know the address and refuse the user.
REFUSALS = (
    "permission",
    "credential",
    "forbidden",
    "unauthorized",
    "access denied",
    "accessdenied",
    "auth",
    "401",
    "403",
)


@contextmanager
def open_repo(**options: Any) -> Iterator[Repo]:
    """The project in the current folder as DVC reads it. Raises UserError without a DVC project or a Git repository."""
    _ensure_user_name()
    try:
        with Repo(**options) as repo:
            yield repo
    except NotDvcRepoError as error:
        raise UserError(f"{Path.cwd()}: is not a DVC project; run this in the project's root") from error
    except (SCMError, pygit2.GitError) as error:
        raise UserError(explain_git(one_line(error))) from error
    except ConfigError as error:
        raise UserError(f".dvc/config: cannot be read: {one_line(error)}; restore it with Git") from error
    except IsADirectoryError as error:
        raise UserError(f"{error.filename}: is a folder, and should be a file; restore it with Git") from error


def _ensure_user_name() -> None:
    """Name a user whom the system does not know, as in a container: DVC asks for the name."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid())


def explain_git(message: str) -> str:
    """What Git or pygit2 reports, with what to do if there is no repository, or another user owns it."""
    if "not a git repository" in message:
        return (
            f"{Path.cwd()}: is not in a Git repository; get it with git clone, "
            "or run: git init && git add -A && git commit -m 'First commit'"
        )
    if "dubious ownership" in message or "not owned by current user" in message:
        return (
            f"{Path.cwd()}: Git refuses the repository, because another user owns it; if you trust it, run: "
            "git config --global --add safe.directory FOLDER, with the folder that has .git"
        )
    if "ambiguous argument 'HEAD'" in message:
        return NO_COMMIT
    return message


def one_line(error: object) -> str:
    """The message of an error in one line."""
    return " ".join(str(error).split()).rstrip(".")


@overload
def resolve(rev: str) -> str: ...


@overload
def resolve(rev: None) -> None: ...


def resolve(rev: str | None) -> str | None:
    """Find the commit of a revision.

    Args:
        rev: the name of an experiment; a branch, tag or hash of Git; NAME@STAGE, NAME@v1.2.0 or NAME@latest of the
            registry, also as GTO writes it, NAME#STAGE. None is the workspace.

    Returns:
        The hash of the commit, None for the workspace.

    Raises:
        UserError: there is no such commit; the message lists the versions of the registry.
    """
    if rev is None:
        return None
    if not rev.strip():
        raise UserError(f"{rev!r}: is empty; name a commit, branch, tag or experiment")
    with open_repo() as repo:
        shortcut = _parse_shortcut(rev)
        versions = registered(shortcut.name, repo) if shortcut else []
        for version in versions:
            if shortcut and _matches(version, shortcut):
                return version["commit_hexsha"]
        commit = _find_commit(repo, rev)
    if commit is None:
        raise UserError(_not_registered(rev, versions) if shortcut else _unknown(rev))
    return commit


def _parse_shortcut(rev: str) -> Shortcut | None:
    """The name and version or stage in NAME@STAGE or NAME#STAGE; None for any other revision."""
    for text in (rev, rev.replace("@", "#")):
        shortcut = parse_shortcut(text)
        if shortcut.shortcut:
            return shortcut
    return None


def _find_commit(repo: Repo, rev: str) -> str | None:
    if not rev or len(rev) > MAX_LENGTH:  # Git takes no name at all for HEAD
        return None
    try:
        return repo.scm.resolve_commit(resolve_rev(repo.scm, rev)).hexsha
    except NOT_A_COMMIT:
        return None


def _unknown(rev: str) -> str:
    if rev == "HEAD":
        return NO_COMMIT
    short = rev if len(rev) <= MAX_LENGTH else f"{rev[:30]}..."
    return f"{short!r}: is not a commit, branch, tag or experiment; dvc exp list -A and git log list their names"


def _not_registered(rev: str, versions: list[dict]) -> str:
    if not versions:
        return f"{rev}: the registry has no version of that name; are its tags here? git fetch --tags, git tag"
    known = [f"{version['version']} ({', '.join(stages(version)) or 'no stage'})" for version in versions]
    return f"{rev}: is not in the registry; it has {', '.join(known)}"


def _matches(version: dict, shortcut: Shortcut) -> bool:
    return shortcut.latest or version["version"] == shortcut.version or shortcut.stage in stages(version)


def registered(name: str, repo: Repo) -> list[dict]:
    """The versions of an artifact of dvc.yaml in GTO's registry, the latest first.

    Raises UserError if a tag of the registry is not the tag of a commit.
    """
    folder = Path(repo.root_dir).resolve().relative_to(Path(repo.scm.root_dir).resolve()).as_posix()
    full_name = name if folder == "." or ":" in name else f"{folder}:{name}"  # a project within another repository
    try:
        return gto.api.show(repo.scm.root_dir, full_name, registered_only=True)
    except ArtifactNotFound:
        return []
    except GTOException as error:
        raise UserError(explain_gto(error)) from error
    except NOT_A_COMMIT:
        refuse_wrong_tags(repo)
        raise


def refuse_wrong_tags(repo: Repo) -> None:
    """Raise UserError for a tag of the registry that is not the tag of a commit."""
    for tag in repo.scm.list_tags():
        if tag_re.search(tag) and _find_commit(repo, f"refs/tags/{tag}^{{}}") is None:
            raise UserError(f"tag {tag}: is not the tag of a commit; delete it: git tag -d '{tag}'")


def explain_gto(error: Exception) -> str:
    """What GTO reports, with what to do if its settings are damaged."""
    if isinstance(error, WrongConfig):
        return ".gto: is damaged; restore it with Git, or delete it if all stages are allowed"
    return one_line(error)


def stages(version: dict) -> list[str]:
    """The stages that a version of the registry is in."""
    return [assignment["stage"] for assignment in version["stages"]]


@contextmanager
def files(rev: str | None, paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield a folder in which files of a commit are at their own paths; for None, the workspace itself.

    Outputs of DVC come from its cache, or else from the remote, into a temporary folder.

    Raises:
        UserError: the commit does not have a file, neither cache nor remote has it, or its content is not the one that
            dvc.lock names.
    """
    if rev is None:
        yield Path()
        return
    with temporary_folder() as folder, at_revision(rev) as repo:
        for path in map(Path, paths):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(repo, rev[:7], path.as_posix(), target)
        yield folder


def _fetch(repo: Repo, commit: str, path: str, target: Path) -> None:
    """Copy a file of the commit to the target."""
    try:
        info = repo.dvcfs.info(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: is not in {commit}") from error
    except ImportError as error:  # DVC opens its remote here
        raise UserError(f"{path}: {explain_remote(error)}") from error
    md5 = info.get("md5")
    if info.get("dvc_info") and not md5:
        raise UserError(f"{path}: dvc.lock of {commit} does not have it; run: dvc repro, and commit")
    cached = Path(repo.cache.local.oid_to_path(md5)) if md5 else None
    was_cached = cached is not None and cached.exists()
    try:
        repo.dvcfs.get_file(path, str(target), cache=True)
    except Exception as error:  # each kind of remote has errors of its own
        raise UserError(f"{path}: {_explain_missing(repo, commit, error)}") from error
    if cached is None or file_md5(target) == md5:
        return
    if not was_cached:
        cached.unlink(missing_ok=True)  # it has just come from the remote
    place = cached if was_cached else f"files/md5/{md5[:2]}/{md5[2:]} in the DVC remote"
    fix = "run this again" if was_cached else "run dvc push where the model was made"
    raise UserError(
        f"{path}: is not the file of {commit}: dvc.lock names MD5 {md5}, and the content of {place} was changed; "
        f"delete that file, and {fix}"
    )


def _explain_missing(repo: Repo, commit: str, error: Exception) -> str:
    """Why neither cache nor remote gives a file."""
    problem = find_remote_problem(repo) if isinstance(error, FileNotFoundError) else explain_remote(error)
    if problem:
        return f"is not in the cache, and {problem}"
    name = repo.config["core"].get("remote")
    settings = repo.config["remote"].get(name, {})
    remote = f"the DVC remote {without_password(settings['url'])}" if settings else "a DVC remote"
    return (
        f"neither the cache nor {remote} has the file of {commit}; where it was made, run: dvc push "
        "(apply an experiment first: dvc exp apply)"
    )


def find_remote_problem(repo: Repo, name: str | None = None) -> str | None:
    """Why a DVC remote cannot be used, by default the default one; None if it can, is empty, or there is none.

    File systems report a file that they may not read, or on a server that does not answer, as missing.
    """
    try:
        remote = repo.cloud.get_remote(name)
        # Servers of HTTP refuse to show a folder. Of a file that is not there, they report 404 to those with access.
        path = remote.fs.join(remote.path, "absent") if remote.fs.protocol in ("http", "https") else remote.path
        remote.fs.info(path)
    except NoRemoteError:
        return None
    except Exception as error:  # noqa: BLE001 - each kind of remote has errors of its own
        if isinstance(error, FileNotFoundError) and _is_of_the_remote(error, remote.path):
            return None  # nothing was ever pushed
        return explain_remote(error)
    return None


def _is_of_the_remote(error: FileNotFoundError, path: str) -> bool:
    """Whether the server has no such file; else the server, or a file of this machine such as a key, is missing."""
    if error.__cause__ is None:
        return error.filename in (None, path)
    text = f"{type(error.__cause__).__name__} {error.__cause__}"
    return any(sign in text for sign in ("404", "SFTPNoSuchFile", "ResourceNotFound"))


def explain_remote(error: BaseException) -> str:
    """Why a DVC remote cannot be used, with what to install or to check."""
    while error.__cause__ is not None:
        error = error.__cause__
    extra = None
    if isinstance(error, RemoteMissingDepsError):
        extra = error.protocol
    elif isinstance(error, ModuleNotFoundError) and (name := error.name or "").startswith("dvc_"):
        extra = name.removeprefix("dvc_")
    if extra:
        install = f'python -m pip install -c requirements.txt "dvc[{extra}]"'
        return f"the DVC remote needs a package that is not installed; run: {install}"
    kind, text = type(error).__name__, without_password(one_line(error))
    if any(sign in f"{kind} {text}".casefold() for sign in REFUSALS):
        return f"the DVC remote refuses access: {text or kind}; check the credentials for it, see dvc remote list"
    return f"the DVC remote cannot be reached: {text or kind}; see dvc remote list"


def without_password(text: str) -> str:
    """The text without user names and passwords in addresses."""
    return re.sub("(?<=://)[^/@\\s]*@", "", text)


def file_md5(file: Path) -> str:
    """The MD5 of a file, as dvc.lock has it."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def at_revision(commit: str) -> Iterator[Repo]:
    """The project as DVC reads it in a commit, also in a folder of a repository, which Repo(rev=...) does not read.

    Raises UserError for a commit that DVC cannot read, such as one with a damaged dvc.lock.
    """
    # DVC looks for a remote beside the project, ../penguins-remote, in / if it reads another commit: the remotes of the
    # workspace, with full paths, win.
    with open_repo() as repo:
        config = {name: repo.config[name] for name in ("core", "remote")}
    try:
        with open_repo(config=config) as repo, repo.switch(commit):
            yield repo
    except DvcException as error:
        raise UserError(f"{commit[:7]}: {one_line(error)}") from error
