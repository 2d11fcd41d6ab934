#!/bin/sh
# From nothing to tracked experiments, as a new user works. It needs requirements.txt installed: see README.md.
set -eu
template=$(pwd)
folder=$(mktemp -d)
run() { printf '\n$ %s\n' "$*"; "$@"; }

cd "$folder"
run cookiecutter "$template" --no-input
cd penguins
run dvc repro
git add -A
git commit --quiet -m "First results"
run dvc exp run -S train.random_forest.n_estimators=300
run dvc exp run -S train.model=hist_gradient_boosting
run dvc exp run -S train.model=logistic_regression -S train.logistic_regression.C=0.1
run python -m penguins sweep --trials 20 --jobs 2 --top 2
export COLUMNS="${COLUMNS:-200}"
run dvc exp show --only-changed --no-pager --drop '.*/|train_|cv_train|dummy|precision|recall|f1|roc_auc|log_loss|coverage|selective|experiment|Created'
run dvc push
run dvc plots show
run python -m penguins best
run python -m penguins report
run python -m penguins predict data/raw/penguins.csv -o predictions.csv
printf '\nThe project: %s/penguins\nThe plots:   dvc_plots/index.html\nThe report:  report.html\n' "$folder"
