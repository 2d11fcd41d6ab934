# Write the model card and the report of a version of the registry: sh .ci/version.sh NAME@v1.2.3
set -eu
reason=$(python .ci/unreachable.py)
if [ -n "$reason" ]; then
    echo "$reason"
    exit 0
fi

# GTO reads annotated tags only, and GitHub's checkout makes a plain one of the tag that was pushed.
if [ "$(git cat-file -t "$1")" = commit ]; then
    git -c user.name=CI -c user.email=ci@localhost tag --force -m "$1" "$1" "$1"
fi
dvc pull
python -m {{cookiecutter.__package}} model-card "$1" -o model-card.md
python -m {{cookiecutter.__package}} report
