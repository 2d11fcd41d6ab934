"""Refuse unusable answers before anything is written: one line that says what and what to do."""

import json
import keyword
import os
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')
# Folders of the project, and packages that it imports: a package of the same name would hide them.
TAKEN = {"data", "models", "results", "tests", "dvc", "dvclive", "numpy", "pandas", "pyarrow", "pydantic", "pytest"}
TAKEN |= {"scipy", "sklearn", "skops", "yaml", "git", "optuna", "mlflow", "wandb", "dask", *sys.stdlib_module_names}


def check_name(project: str, package: str) -> None:
    """Refuse a project name that is no folder, no package or no DVC artifact."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", project):
        sys.exit(f"project: {project!r} is no usable name; use lower-case letters, digits and single hyphens")
    if package in TAKEN or keyword.iskeyword(package):
        sys.exit(f"project: {project!r} is taken by Python or a package it needs; choose another name")


def check_remote(url: str) -> None:
    """Refuse what DVC's config file, which has no escapes, cannot hold."""
    if any(not character.isprintable() for character in url) or {"'", '"'} <= set(url) or "%(" in url:
        sys.exit(f"remote_url: {url!r} holds a control character, both kinds of quotes or %(; choose another place")


def check_table() -> None:
    """Refuse a table that cannot be learned from; leave what was found to post_gen, in table.json.

    cruft does not tell where the template is: post_gen looks at the table then.
    """
    # The template may be named by a path from where the user stands, and a hook runs inside the new project.
    starts = (os.environ.get("PWD", ""), ANSWERS.get("_output_dir", ""))
    project = {% raw %}"{{cookiecutter.project}}", "{{cookiecutter.__package}}"{% endraw %}
    templates = [Path(start, ANSWERS.get("_repo_dir", "-"), project[0]) for start in starts]
    template = next((folder for folder in templates if folder.is_dir()), None)
    if template is None:
        return
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(template / "_generate"), str(template / project[1])]
    from inspect_table import TableError, inspect

    try:
        Path("table.json").write_text(json.dumps(inspect(ANSWERS)), encoding="utf-8")
    except TableError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    check_name(ANSWERS["project"], ANSWERS["__package"])
    check_remote(ANSWERS["remote_url"])
    check_table()
