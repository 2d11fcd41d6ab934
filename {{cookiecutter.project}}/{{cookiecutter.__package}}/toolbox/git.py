"""Git's command line."""

import subprocess

from ..errors import UserError


def git(*arguments: str) -> str:
    """What Git prints. Raises UserError with its reason."""
    command = ["git", "-c", "log.showSignature=false", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip().removeprefix('fatal: ')}")
    return done.stdout.strip()
