#!/bin/sh
# Pin every package, for Python 3.11 and later on Linux, macOS and Windows, without any address.
set -eu
folder=$(mktemp -d)
template=$(pwd)
pin() { uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --quiet "$@"; }

cookiecutter . --no-input --output-dir "$folder" >/dev/null
pin --upgrade --extra dev --extra sweep --extra report "$folder/penguins/pyproject.toml" -o "$template/{{cookiecutter.project}}/requirements.txt"
pin --upgrade --extra test -c "{{cookiecutter.project}}/requirements.txt" pyproject.toml \
    "{{cookiecutter.project}}/requirements.txt" -o requirements.txt
