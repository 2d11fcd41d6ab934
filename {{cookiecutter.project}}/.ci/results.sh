# Pull data and results. Fail if a stage would run again: then dvc.lock does not describe this commit.
set -eu
reason=$(python .ci/unreachable.py)
if [ -n "$reason" ]; then
    echo "$reason"
    exit 0
fi

dvc pull
dvc status
if ! dvc status --quiet; then
    echo "dvc.lock: does not describe this commit; run: dvc repro, commit the changes, dvc push" >&2
    exit 1
fi
dvc repro
git diff --exit-code
