"""Put the data and the free text in place, make the first commit, print the next steps. Warns, never fails."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip
PACKAGE = ANSWERS["__package"]
# Where cookiecutter runs in a Git hook, these would point the commands below at another repository.
ELSEWHERE = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
UNFINISHED = "unfinished-generation"  # the branch until it has its commit: a kill before that is noticed


def find_table() -> dict:
    """What pre_gen found, or under cruft what the same look finds now."""
    note = Path("table.json")
    if note.exists():
        found = json.loads(note.read_text(encoding="utf-8"))
        note.unlink()
        return found
    sys.dont_write_bytecode = True
    sys.path[:0] = ["_generate", f"{PACKAGE}/core"]
    from inspect_table import TableError, inspect

    try:
        return inspect(ANSWERS)
    except TableError as error:
        reason = printable(str(error))
        print(f"warning: {reason}. Put the table in data/raw/, name it in params.yaml, dvc add it.", file=sys.stderr)
        target = ANSWERS["target"] or None
        return {"source": None, "name": "table.csv", "target": target, "task": "auto", "model": "random_forest"}


def place(source: Path, name: str, files: list[Path]) -> None:
    """Copy the raw data, which is one file if there are no `files`, and write the .dvc file that tracks it, as `dvc add` would; the first repro checks it."""
    raw = Path("data/raw")
    raw.mkdir(parents=True, exist_ok=True)
    target = raw / name
    if files:
        root = source if source.is_dir() else Path(os.path.commonpath([file.parent for file in files]))
        facts = place_folder(files, root, target)
    else:
        shutil.copyfile(source, target)
        facts = {"md5": md5_of(target), "size": target.stat().st_size}
    if not ANSWERS["data_path"].strip():
        shutil.copyfile(source.with_name("README.md"), raw / "README.md")
    lines = "".join(f"  {key}: {value}\n" for key, value in facts.items())
    pointer = f"outs:\n- {lines.lstrip()}  hash: md5\n  path: {name}\n"
    target.with_name(f"{name}.dvc").write_text(pointer, encoding="utf-8", newline="\n")
    (raw / ".gitignore").write_text(f"/{name}\n", encoding="utf-8", newline="\n")


def place_folder(files: list[Path], root: Path, target: Path) -> dict[str, str | int]:
    """Copy files from below a folder; return what DVC records of the copy."""
    for file in files:
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    copies = {file.relative_to(target).as_posix(): file for file in target.rglob("*") if file.is_file()}
    listing = json.dumps([{"md5": md5_of(copies[path]), "relpath": path} for path in sorted(copies)])
    md5 = hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()
    size = sum(copy.stat().st_size for copy in copies.values())
    return {"md5": f"{md5}.dir", "size": size, "nfiles": len(copies)}


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def quote(text: str | None) -> str:
    """A scalar that JSON, YAML and TOML all read as the same text."""
    if text is None:
        return "null"
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda odd: f"\\u{ord(odd[0]):04x}", quoted)


def remote() -> str:
    """The URL of the DVC remote for .dvc/config, quoted for that file.

    A folder gets its full path, with ~ for the user's home: in other commits than the last one, DVC 3.67 looks for a
    relative path in the wrong place.
    """
    url = ANSWERS["remote_url"].strip() or f"../{ANSWERS['project']}-remote"
    if "://" not in url and not url.startswith("~"):
        url = with_home(Path(os.path.abspath(url))) if is_real_project() else f"../{url}"
    if {"'", '"'} <= set(url) or "%(" in url or not url.isprintable():  # which that file cannot hold
        url = f"../../{ANSWERS['project']}-remote"
    return f"'{url}'" if '"' in url else f'"{url}"'


def with_home(path: Path) -> str:
    """The path, from ~ if it is in the user's home: then it is right for others too, and names nobody."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (RuntimeError, ValueError):  # no home, or elsewhere
        return path.as_posix()


def is_real_project() -> bool:
    """Whether this folder will stay. `cruft update` compares two projects in temporary folders, which should not differ."""
    return "_output_dir" in ANSWERS or not Path.cwd().is_relative_to(Path(tempfile.gettempdir()).resolve())


def ignore_remote() -> None:
    """Keep a remote that is a folder within a Git repository out of the repository."""
    url = ANSWERS["remote_url"].strip() or f"../{ANSWERS['project']}-remote"
    if "://" in url or not is_real_project():
        return
    folder = Path(os.path.abspath(Path(url).expanduser()))
    in_git = Path.cwd() in folder.parents or any((parent / ".git").exists() for parent in folder.parents)
    if in_git and not folder.exists():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("# the DVC remote\n*\n", encoding="utf-8", newline="\n")


def fill(path: str, values: dict[str, str]) -> None:
    """Replace each "__NAME__" of the file by its value, in one pass: a value that looks like a name is left alone."""
    file = Path(path)
    text = re.sub(r'"(__[A-Z_]+__)"', lambda name: values[name[1]], file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8", newline="\n")


def remove_unwanted() -> None:
    """Remove what the answers leave out, and the hooks' helpers."""
    shutil.rmtree("_generate")
    for bytecode in Path().rglob("__pycache__"):  # of a template that was imported from where it lies
        shutil.rmtree(bytecode)
    if ANSWERS["ci"] != "github":
        shutil.rmtree(".github")
    if ANSWERS["ci"] == "none":
        shutil.rmtree(".ci")
    unwanted = [] if ANSWERS["ci"] == "gitlab" else [".gitlab-ci.yml"]
    if ANSWERS["license"] == "none":
        unwanted.append("LICENSE")
    if not ANSWERS["toolbox"]:
        shutil.rmtree(f"{PACKAGE}/toolbox")
        plots = ("parallel", "slices_categories", "slices_numbers")
        unwanted += ["sweep.yaml", "MLproject", "python_env.yaml", f"{PACKAGE}/__main__.py"]
        jobs = [path for job in ("drift", "version") for path in (f".ci/{job}.sh", f".github/workflows/{job}.yml")]
        unwanted += [path for path in jobs if Path(path).exists()]
        unwanted += [f".dvc/plots/{name}.json" for name in plots]
    for path in unwanted:
        Path(path).unlink()


def git(*arguments: str) -> subprocess.CompletedProcess:
    settings = (
        f"init.defaultBranch={UNFINISHED}",
        "core.safecrlf=false",
        "commit.gpgsign=false",
        "maintenance.auto=false",
    )
    command = ["git", *(word for setting in settings for word in ("-c", setting)), *arguments]
    return subprocess.run(command, check=False, env=ENVIRONMENT, capture_output=True, text=True, errors="replace")


def remove_unfinished() -> None:
    """Remove the repository of an earlier generation that was killed before its commit."""
    repository = Path(".git")
    head = repository / "HEAD"
    is_ours = head.is_file() and head.read_bytes().strip() == b"ref: refs/heads/" + UNFINISHED.encode()
    is_empty = repository.is_dir() and not head.exists() and not any(repository.glob("objects/*/*"))
    if is_ours and (repository / "refs/heads" / UNFINISHED).exists():
        git("branch", "-m", "main")
    elif is_ours or is_empty:
        shutil.rmtree(repository, ignore_errors=True)


def commit() -> str:
    """Make a repository with one commit, which DVC experiments need; return the remaining steps for the user."""
    if not shutil.which("git"):
        return "Git is not installed. DVC experiments need it: install it, then git init, git add -A and git commit."
    remove_unfinished()
    if Path(".git").exists():  # generated over a project, with --overwrite-if-exists
        return "This folder was a Git repository before: nothing was committed; see git diff."
    outer = next((folder for folder in Path.cwd().parents if (folder / ".git").exists()), None)
    if outer:
        return (
            f"This folder is inside the Git repository {outer}: nothing was committed there. "
            f"DVC experiments need a commit: git add -A . && git commit -m 'Add {ANSWERS['project']}'{move_ci(outer)}"
        )
    first = ("commit", "--no-verify", "-m", f"Create {ANSWERS['project']} from the template")
    left = ""
    for step in (("init",), ("add", "-A"), first):
        done = git(*step)
        if done.returncode and step is first and git("var", "GIT_COMMITTER_IDENT").returncode:
            left = set_identity()
            done = git(*step)
        if done.returncode:
            git("symbolic-ref", "HEAD", "refs/heads/main")
            return f"git {step[0]} failed ({done.stderr.strip()}); run git init, git add -A and git commit by hand."
    git("branch", "-m", "main")
    return left


def move_ci(outer: Path) -> str:
    """What to do with the CI file: Git hosts read it only at the root of the repository."""
    name = {"github": ".github/workflows", "gitlab": ".gitlab-ci.yml"}.get(ANSWERS["ci"])
    if name is None:
        return ""
    return (
        f"\nGit hosts read CI files only at the root of the repository: move {name} to {outer / name}, "
        f"and begin its commands with: cd {shlex.quote(Path.cwd().relative_to(outer).as_posix())}"
    )


def set_identity() -> str:
    """Give the new repository alone an identity: its first commit, and every DVC experiment, need one."""
    name, email = split_author(ANSWERS["author_name"])
    git("config", "user.name", name)
    git("config", "user.email", email)
    return (
        f"Git knows no user.name and user.email: this repository has {name} <{email}> until you set yours, "
        'with git config user.name "..." and git config user.email "..." in it'
    )


def split_author(author: str) -> tuple[str, str]:
    """The name and the address in `Jane Doe <jane@example.org>`, without what Git cannot hold in a signature."""
    name, _, email = author.partition("<")
    name = " ".join(printable(re.sub(r"[<>]", " ", name)).split()).strip(" .,:;\"'")
    email = re.sub(r"[<>\s]", "", printable(email.partition(">")[0]))
    return name or "nobody", email or "nobody@localhost"


def printable(text: str) -> str:
    """The text with escapes for characters that would control the terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def next_steps(table: dict) -> str:
    """Lines to paste into the shell that ran cookiecutter."""
    project, shell = Path.cwd(), Path(os.environ.get("PWD", "."))
    folder = project.relative_to(shell) if project.is_relative_to(shell) else project
    quoted = subprocess.list2cmdline([folder]) if os.name == "nt" else shlex.quote(str(folder))
    trees = {"random_forest": "n_estimators", "hist_gradient_boosting": "max_iter"}[table["model"]]
    activate = r".venv\Scripts\activate" if os.name == "nt" else ". .venv/bin/activate"
    extra = f' "dvc[{ANSWERS["__extra"]}]"' if ANSWERS["__extra"] else ""  # of the remote
    return f"""
{ANSWERS["project"]}: predicts {printable(table["target"] or "the last column")} ({table["task"]}) from data/raw/{table["name"]}. Next:

  cd {quoted}
  {"python" if os.name == "nt" else "python3"} -m venv .venv
  {activate}
  python -m pip install -r requirements.txt{extra}
  dvc repro
  git add -A
  git commit -m "First results"
  dvc exp run -S train.{table["model"]}.{trees}=300
  dvc exp show --only-changed
"""


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # a failure here would delete the project
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper here
    table = find_table()
    if table["source"]:
        place(Path(table["source"]), table["name"], [Path(file) for file in table.get("files", [])])
    for file in ("params.yaml", "pyproject.toml", "README.md", ".dvc/config"):
        fill(file, {
            "__PATH__": quote(f"data/raw/{table['name']}"),
            "__TARGET__": quote(table["target"]),
            "__TASK__": table["task"],
            "__MODEL__": table["model"],
            "__DESCRIPTION__": quote(ANSWERS["description"]),
            "__AUTHOR__": quote(ANSWERS["author_name"]),
            "__REMOTE__": remote(),
        })  # fmt: skip
    remove_unwanted()
    ignore_remote()
    left = commit()
    print(next_steps(table))
    if left:
        print(left)
    if not str(Path.cwd()).isascii():
        print(
            "The path of this folder has letters beyond ASCII. DVC's queue (dvc exp run --queue) and dvc remote add fail in "
            "such folders: use dvc exp run --temp, and edit .dvc/config by hand; or generate the project elsewhere."
        )
