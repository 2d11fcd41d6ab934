"""Refuse unusable answers before anything is written, in one line: the answer, the problem, the fix."""

import json
import keyword
import os
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip
# The template may be named by a path from where the user stands, and a hook runs inside the new project. Under
# cruft the place is unknown, and TEMPLATE is None.
STARTS = (os.environ.get("PWD", ""), ANSWERS.get("_output_dir", ""))
FOLDER, PACKAGE = {% raw %}"{{cookiecutter.project}}", "{{cookiecutter.__package}}"{% endraw %}
FOLDERS = [Path(start, ANSWERS.get("_repo_dir", "-"), FOLDER) for start in STARTS]
TEMPLATE = next((folder for folder in FOLDERS if folder.is_dir()), None)
# What DVC has remotes for, beside folders; the first seven are the usual ones.
SCHEMES = ("s3", "gs", "azure", "ssh", "webdavs", "webdav", "https", "http", "hdfs", "webhdfs", "oss", "gdrive")
# A package of the project's name would hide these: folders, modules and, by the names to import, other packages.
TAKEN = {"data", "models", "results", "tests", "dvc_plots", "attr", "dateutil", "git", "ruamel", "sklearn", "yaml"}
TAKEN |= {"dask", "mlflow", "optuna", "wandb", *sys.stdlib_module_names}


def check_name(project: str, package: str) -> None:
    """Refuse a project name that cannot name a folder, a package and a DVC artifact."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", project):
        sys.exit(f"project: {project!r} cannot name a folder and a package; use lower-case letters, digits and hyphens")
    if package != ("p" if project[0].isdigit() else "") + project.replace("-", "_"):
        sys.exit(f"__package: {package!r} is not the package of {project!r}; leave it out, it follows from project")
    pinned = (TEMPLATE / "requirements.txt").read_text().splitlines() if TEMPLATE else []
    packages = {line.partition("==")[0].replace("-", "_") for line in pinned}
    if package in TAKEN | packages or keyword.iskeyword(package):
        sys.exit(f"project: {project!r} is taken by Python or a package it needs; choose another name")


def check_remote(url: str) -> None:
    """Refuse a URL with a secret in it, one that DVC does not know, or one that its config file cannot hold."""
    scheme, mark, _ = url.strip().partition("://")
    # A colon before an @ parts user and password, unless a port or a path follows it.
    if re.search(r"(^|//)[^/@]*:(?!\d*/)[^@]*@", url) or (mark and "?" in url):
        sys.exit(
            "remote_url: holds a password or a token, and Git would keep it; give the address without it, and later run: "
            "dvc remote modify --local storage password ..."
        )
    if any(not character.isprintable() for character in url) or {"'", '"'} <= set(url) or "%(" in url:
        sys.exit(f"remote_url: {url!r} holds a control character, both kinds of quotes or %(; choose another place")
    if (mark and scheme not in SCHEMES) or re.match(r"[\w.-]+@[\w.-]+:", url.strip()):
        known = "://, ".join(SCHEMES[:7])
        sys.exit(f"remote_url: {url!r} is neither a folder nor an address that DVC knows; begin with {known}://")


def check_table() -> None:
    """Refuse a table that cannot be learned from; leave the result to post_gen, in table.json."""
    if TEMPLATE is None:
        return  # post_gen looks at the table then
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(TEMPLATE / "_generate"), str(TEMPLATE / PACKAGE / "core")]
    from inspect_table import TableError, inspect

    try:
        Path("table.json").write_text(json.dumps(inspect(ANSWERS)), encoding="utf-8")
    except TableError as error:
        sys.exit("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(error)))


if __name__ == "__main__":
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper here
    check_name(ANSWERS["project"], ANSWERS["__package"])
    check_remote(ANSWERS["remote_url"])
    check_table()
