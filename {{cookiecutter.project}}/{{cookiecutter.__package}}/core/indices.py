"""Check the indices in the compiled parts of a model, which scikit-learn follows without looking at them.

One that is out of range ends the process, and a child that is its own ancestor is followed for ever.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree import BaseDecisionTree

FITTED = ("tree_", "estimators_", "_predictors")
LEAF = -1  # the number of a child that is not there


def check(model: Any) -> None:
    """Raise ValueError for a part whose indices leave its arrays, or go in circles."""
    for part in _parts(model):
        if isinstance(part, BaseEstimator) and not set(FITTED) & part.__dict__.keys():
            continue  # the pattern that an ensemble copies, or another kind of estimator
        if isinstance(part, BaseDecisionTree):
            _check_tree(part)
        elif isinstance(part, BaseGradientBoosting):
            _check_boosting(part)
        elif isinstance(part, BaseHistGradientBoosting):
            _check_hist_boosting(part)
        elif _kind(part) == "xgboost.core.Booster":  # by name: a model of scikit-learn does not need these packages
            _check_xgboost(part)
        elif _kind(part) == "lightgbm.basic.Booster":
            _check_lightgbm(part)
        elif isinstance(part, BallTree | KDTree):
            _check_neighbors(part)
        elif hasattr(part, "check_format"):  # a sparse matrix
            part.check_format(full_check=True)


def _parts(model: Any) -> Iterator[Any]:
    """Everything that a model holds, each once."""
    pending, seen = [model], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list | tuple | set):
            pending += part
        elif isinstance(part, np.ndarray):
            pending += part.ravel().tolist() if part.dtype == object else []
        elif not isinstance(part, type):
            pending += getattr(part, "__dict__", {}).values()


def _kind(part: object) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _require(is_right: Any, part: object) -> None:
    if not np.all(is_right):
        raise ValueError(f"an index in {type(part).__name__} is out of range")


def _check_tree(estimator: BaseDecisionTree) -> None:
    tree = estimator.tree_
    _require((tree.n_features, tree.n_outputs) == (estimator.n_features_in_, 1), tree)
    _require(len(tree.children_left) == tree.node_count > 0, tree)
    inner = np.flatnonzero(tree.children_left != LEAF)
    _check_children(inner, tree.children_left, tree.children_right, tree.feature, tree.n_features, tree)


def _check_children(
    inner: np.ndarray, left: np.ndarray, right: np.ndarray, feature: np.ndarray, n_features: int, part: object
) -> None:
    """Children come after their parent, as scikit-learn writes them: so no way down a tree is a circle."""
    for child in (left[inner], right[inner]):
        _require((child > inner) & (child < len(left)), part)
    _require((feature[inner] >= 0) & (feature[inner] < n_features), part)


def _check_boosting(model: BaseGradientBoosting) -> None:
    trees = model.estimators_
    _require(trees.ndim == 2 and trees.shape[1] == model.n_trees_per_iteration_, model)
    for tree in trees.ravel():
        _require(isinstance(tree, BaseDecisionTree) and tree.n_features_in_ == model.n_features_in_, model)


def _check_hist_boosting(model: BaseHistGradientBoosting) -> None:
    is_category = np.broadcast_to(
        False if model._bin_mapper.is_categorical_ is None else model._bin_mapper.is_categorical_, model.n_features_in_
    )
    for predictor in (predictor for iteration in model._predictors for predictor in iteration):
        nodes = predictor.nodes
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        _check_children(inner, left, right, nodes["feature_idx"], model.n_features_in_, predictor)
        by_category = nodes[inner][nodes[inner]["is_categorical"] != 0]
        _require(is_category[by_category["feature_idx"]], predictor)
        _require(by_category["bitset_idx"] < len(predictor.raw_left_cat_bitsets), predictor)
        _require(len(nodes) > 0, predictor)


def _check_neighbors(tree: BallTree | KDTree) -> None:
    data, order, nodes, bounds = map(np.asarray, tree.get_arrays())
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _require(2 * inner + 2 < len(nodes), tree)
    _require((nodes["idx_start"] >= 0) & (nodes["idx_start"] < nodes["idx_end"]), tree)
    _require(nodes["idx_end"] <= len(data), tree)
    _require(np.array_equal(np.sort(order), np.arange(len(data))), tree)
    _require(bounds.shape[1:] == (len(nodes), data.shape[1]), tree)


def _check_xgboost(booster: Any) -> None:
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    for tree in model.get("gbtree", model).get("model", {}).get("trees", ()):  # dart has gbtree; gblinear has no trees
        left, right, feature = (np.array(tree[name]) for name in ("left_children", "right_children", "split_indices"))
        _require(len(left) == len(right) == len(feature) > 0, booster)
        inner = np.flatnonzero(left != LEAF)
        _check_children(inner, left, right, feature, booster.num_features(), booster)


def _check_lightgbm(booster: Any) -> None:
    for tree in booster.model_to_string().split("\nTree=")[1:]:
        fields = dict(re.findall(r"^(\w+)=(.*)$", tree, re.MULTILINE))
        leaves = int(fields["num_leaves"])
        _require(leaves > 0 and fields["num_cat"] == "0", booster)  # preprocessing leaves numbers only
        if leaves == 1:
            continue
        names = ("left_child", "right_child", "split_feature")
        left, right, feature = (np.array(fields[name].split(), dtype=np.int64) for name in names)
        inner = np.arange(leaves - 1)
        _require(len(left) == len(right) == len(feature) == len(inner), booster)
        for child in (left, right):  # a leaf is written as -1 - its number
            _require(np.where(child < 0, -1 - child < leaves, (child > inner) & (child < len(inner))), booster)
        _require((feature >= 0) & (feature < booster.num_feature()), booster)
