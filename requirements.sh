#!/bin/sh
# Pin every package, for Python 3.11 and later on Linux, macOS and Windows, without any address.
set -eu
folder=$(mktemp -d)
template=$(pwd)
pin() { uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --quiet "$@"; }

cookiecutter . --no-input --output-dir "$folder" >/dev/null
# All extras are resolved together first: the pins of a part would else leave no version of another extra that fits.
pin --upgrade --all-extras "$folder/penguins/pyproject.toml" -o "$folder/all.txt"
pin --upgrade --extra dev --extra sweep --extra report -c "$folder/all.txt" "$folder/penguins/pyproject.toml" \
    -o "$template/{{cookiecutter.project}}/requirements.txt"
pin --upgrade --extra test -c "{{cookiecutter.project}}/requirements.txt" -c "$folder/all.txt" pyproject.toml \
    "{{cookiecutter.project}}/requirements.txt" -o requirements.txt
