"""Run Git's command line."""

import subprocess

from ..core.errors import UserError
from ..core.revisions import explain_git

# Settings of a user that would change what Git prints.
SETTINGS = ("-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8", "-c", "core.quotePath=false")


def git(*arguments: str) -> str:
    """What Git prints. Raises UserError with its reason in one line."""
    try:
        done = subprocess.run(["git", *SETTINGS, *arguments], check=False, capture_output=True)
    except FileNotFoundError as error:
        raise UserError("git: is not installed, or not on PATH; install Git") from error
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
        explained = explain_git(reason)
        raise UserError(explained if explained != reason else f"git {arguments[0]}: {reason}")
    return done.stdout.decode(errors="replace").strip()


def read_at(rev: str | None, path: str) -> str:
    """The text of a file that Git has, in a revision or in the workspace (None); empty if there is none."""
    if rev is None:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""
    try:
        return git("show", f"{rev}:./{path}")
    except UserError:
        return ""


def git_remote() -> str | None:
    """The name of the Git remote to share with: origin, or else the first; None if there is none."""
    names = git("remote").split()
    return "origin" if "origin" in names else next(iter(names), None)


def folder_in_repository() -> str:
    """The project's folder in its repository, empty if it is the root."""
    return git("rev-parse", "--show-prefix").rstrip("/")
