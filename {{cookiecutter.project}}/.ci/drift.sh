# Compare new rows with the training rows, and write drift.html. The exit code is 2 if a column has drifted.
# NEW_ROWS is the address of a CSV or Parquet file, such as s3://bucket/new.csv: anything that dvc get-url reads.
set -eu
if [ -z "${NEW_ROWS:-}" ]; then
    echo "Skipped: NEW_ROWS is not set; give CI a variable of this name with the address of a file of new rows"
    exit 0
fi
reason=$(python .ci/unreachable.py)
if [ -n "$reason" ]; then
    echo "$reason"
    exit 0
fi

dvc pull data/prepared/profile.json data/prepared/schema.json
file="new-rows-${NEW_ROWS##*/}"
dvc get-url --force "$NEW_ROWS" "$file"
python -m {{cookiecutter.__package}} drift "$file" --plot drift.html
