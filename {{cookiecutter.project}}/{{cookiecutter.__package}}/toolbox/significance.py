"""Whether two experiments differ by more than the noise of their folds."""

import json
import shlex
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from ..core import revisions
from ..core.config import flatten
from ..core.errors import UserError
from ..core.files import read_yaml
from ..core.formatting import to_json_value
from ..core.paths import FOLDS, LOCK, PARAMS, TRAIN

# The params that make the folds of given training rows.
FOLD_PARAMS = ("prepare.split", "prepare.split_column", "train.n_splits", "train.seed")


def verdict(row: pd.Series, other: pd.Series) -> dict[str, Any]:
    """Test the difference of cv_mean between two rows of Experiments.

    Returns `verdict`, in words; and `test`, `t` and `p` if a test is possible: it needs the same folds in both.
    """
    try:
        rows, params, scores = read_folds(row)
        other_rows, other_params, other_scores = read_folds(other)
    except UserError as error:
        return {"verdict": f"not tested: {error}"}
    if rows != other_rows:
        return {"verdict": "not tested: other data"}
    if params != other_params or len(scores) != len(other_scores):
        return {"verdict": "not tested: other folds"}
    by_time = params.get("prepare.split") == "time"
    t, p = corrected_t_test(np.subtract(scores, other_scores), by_time)
    test = "corrected resampled t-test" + (", approximated for folds by time" if by_time else "")
    if t == 0:
        words = "the same in every fold"
    elif p > 0.05:
        words = "within the folds' noise"
    else:
        words = "more than the folds' noise"
    return {"verdict": f"{words} ({test}, p = {p:.2g})", "test": test, "t": to_json_value(t), "p": p}


def read_folds(row: pd.Series) -> tuple[set[str], dict[str, Any], list[float]]:
    """The MD5 of the training rows, the params that made folds of them, and the score of each fold.

    Raises UserError if they are neither on this machine nor in a remote that can be read.
    """
    try:
        with revisions.files(row.rev, [LOCK, FOLDS]) as folder:
            stages = list(read_yaml(folder / LOCK)["stages"].values())
            folds = json.loads((folder / FOLDS).read_text(encoding="utf-8"))
        deps = [dep for stage in stages for dep in stage.get("deps", []) if dep["path"] == TRAIN.as_posix()]
        sections = [flatten(stage.get("params", {}).get(PARAMS.name, {})) for stage in stages]
        params = {key: value for section in sections for key, value in section.items() if key in FOLD_PARAMS}
        return {dep["md5"] for dep in deps}, params, [fold["score"] for fold in folds]
    except Exception as error:  # a cache, a remote, a network and damaged files have no common error
        how = f"dvc exp pull origin {shlex.quote(row['name'])}" if row.kind == "experiment" else "dvc pull"
        raise UserError(f"the folds of {row['name']} are not in the cache; get them: {how}") from error


def corrected_t_test(differences: np.ndarray, by_time: bool) -> tuple[float, float]:
    """t and the two-sided p of paired differences by fold, whose training rows overlap (Nadeau and Bengio, 2003).

    The variance counts (1/k + test rows / training rows) times, not 1/k: of k folds, the ratio is 1/(k - 1). Folds by
    time learn from 1, 2, ... k parts and are scored on one part. Their ratio is one part to the mean number of parts,
    2/(k + 1). Neither allows for the choice of the best of many.
    """
    k = len(differences)
    if np.allclose(differences, 0, atol=1e-12):
        return 0.0, 1.0
    ratio = 2 / (k + 1) if by_time else 1 / (k - 1)
    with np.errstate(divide="ignore"):  # a difference that is the same in every fold
        t = np.mean(differences) / np.sqrt((1 / k + ratio) * np.var(differences, ddof=1))
    return float(t), float(2 * student.sf(abs(t), k - 1))
