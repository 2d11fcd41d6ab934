"""Whether two experiments differ by more than their folds do."""

import json
import shlex
from typing import Any

import dvc.api
import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from scipy.stats import t as student

from ..errors import UserError
from .experiments import plain

ROWS, SCORES = "data/prepared/train.parquet", "results/train/plots/custom/folds.json"
# The params that make the folds of given training rows.
PARAMS = ("prepare.split", "prepare.by", "train.folds", "train.seed")


def verdict(one: pd.Series, other: pd.Series) -> dict[str, Any]:
    """What is known of the noise in the difference of cv_mean between two rows of Experiments.

    verdict, in words; and test, t and p if there could be a test: both need the same folds, and files that say so.
    """
    try:
        (rows, params, scores), (other_rows, other_params, other_scores) = folds(one), folds(other)
    except UserError as error:
        return {"verdict": f"not tested: {error}"}
    if rows != other_rows:
        return {"verdict": "not tested: other data"}
    if params != other_params or len(scores) != len(other_scores):
        return {"verdict": "not tested: other folds"}
    by_time = params.get("prepare.split") == "time"
    t, p = corrected_t_test(np.subtract(scores, other_scores), by_time)
    test = "corrected resampled t-test" + (", approximated for folds by time" if by_time else "")
    said = f"{'within' if p > 0.05 else 'more than'} the folds' noise" if t else "the same in every fold"
    return {"verdict": f"{said} ({test}, p = {p:.2g})", "test": test, "t": plain(t), "p": p}


def folds(row: pd.Series) -> tuple[set[str], dict[str, Any], list[float]]:
    """The MD5 of the training rows, the params that made folds of them, and the score of each.

    Raises UserError where they are not on this machine, nor in a remote that can be read.
    """
    try:
        lock = YAML(typ="safe", pure=True).load(dvc.api.read("dvc.lock", rev=row.rev, encoding="utf-8"))
        scores = json.loads(dvc.api.read(SCORES, rev=row.rev, encoding="utf-8"))
    except Exception as error:  # a cache, a remote and a network have no common error
        how = f"dvc exp pull origin {shlex.quote(row['name'])}" if row.kind == "experiment" else "dvc pull"
        raise UserError(f"the folds of {row['name']} are not in the cache; get them: {how}") from error
    stages = lock["stages"].values()
    rows = {dep["md5"] for stage in stages for dep in stage.get("deps", []) if dep["path"] == ROWS}
    params = [stage.get("params", {}).get("params.yaml", {}) for stage in stages]
    made_by = {name: value for of in params for name, value in of.items() if name in PARAMS}
    return rows, made_by, [fold["score"] for fold in scores]


def corrected_t_test(differences: np.ndarray, by_time: bool) -> tuple[float, float]:
    """t and the two-sided p of paired differences by fold, whose training rows overlap (Nadeau and Bengio, 2003).

    The variance counts (1/k + test rows / training rows) times, not 1/k: of k folds, the ratio is 1/(k - 1). Folds by
    time learn from 1, 2, ... k parts and are scored on one: the ratio is taken as that to their mean, 2/(k + 1). Neither
    allows for the choice of the best of many.
    """
    k = len(differences)
    if np.allclose(differences, 0, atol=1e-12):
        return 0.0, 1.0
    ratio = 2 / (k + 1) if by_time else 1 / (k - 1)
    with np.errstate(divide="ignore"):  # a difference that is the same in every fold
        t = np.mean(differences) / np.sqrt((1 / k + ratio) * np.var(differences, ddof=1))
    return float(t), float(2 * student.sf(abs(t), k - 1))
