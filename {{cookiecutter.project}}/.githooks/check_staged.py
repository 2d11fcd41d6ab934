"""Check the staged content of each file: its size, secrets, and Python's style."""

import re
import shutil
import subprocess
import sys

MAX_MEGABYTES = 5
SECRETS = {
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY",
    "an AWS key": rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token": rb"\b(gh[opsur]_\w{36}|github_pat_\w{22}|glpat-[\w-]{20}|xox[abps]-[\w-]{10}|hf_\w{30}|AIza[\w-]{35})",
    "a password in an address": rb"://[^\s/:@]*:[^\s/@${]+@",
}
DVC_SECRET = rb"(?m)^\s*(\w*(password|secret|token|passphrase|account_key|connection_string)\w*|access_key_id)\s*="


def main() -> None:
    names = git("diff", "--cached", "--name-only", "-z", "--diff-filter=d").decode().split("\0")[:-1]
    problems = [problem for name in names for problem in check(name, git("cat-file", "blob", f":{name}"))]
    for problem in problems:
        print(f"pre-commit: {problem}", file=sys.stderr)
    sys.exit(bool(problems))


def check(name: str, content: bytes) -> list[str]:
    """The problems of a file, a line each. No secret is in them."""
    problems = []
    if len(content) > MAX_MEGABYTES * 10**6:
        size = f"{len(content) / 10**6:.1f} MB"
        return [f"{name}: is too large for Git ({size}); run: git rm --cached '{name}' && dvc add '{name}'"]
    patterns = SECRETS | ({"a secret of a DVC remote": DVC_SECRET} if name.endswith(".dvc/config") else {})
    for secret, pattern in patterns.items():
        if found := re.search(pattern, content):
            line = content.count(b"\n", 0, found.start()) + 1
            fix = "use dvc remote modify --local" if name.endswith(".dvc/config") else "take it out"
            problems.append(f"{name}:{line}: holds {secret}; {fix}, and change it if it was pushed")
    if name.endswith(".py") and shutil.which("ruff"):
        for action in (("check", "--quiet"), ("format", "--check", "--quiet")):
            command = ("ruff", *action, "--force-exclude", "--stdin-filename", name, "-")
            done = subprocess.run(command, input=content, check=False, capture_output=True)
            if done.returncode:
                print((done.stdout + done.stderr).decode(), file=sys.stderr, end="")
                problems.append(f"{name}: ruff {action[0]} fails; run: ruff {action[0]} '{name}'")
    return problems


def git(*arguments: str) -> bytes:
    return subprocess.run(("git", *arguments), check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
