"""Model files that somebody else wrote: a crash or a loop of compiled code is an error in one line instead."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from example.core import indices, model_file
from example.core.errors import UserError
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

ROWS = np.random.default_rng(0).normal(size=(80, 3))
LABELS = (ROWS.sum(axis=1) > 0).astype(int)
MODELS = {
    "forest": RandomForestClassifier(n_estimators=2, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=2, random_state=0),
    "hist": HistGradientBoostingClassifier(max_iter=2),
    "neighbors": KNeighborsClassifier(algorithm="kd_tree", leaf_size=5),
}


def member_arrays(content: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {
            name: np.load(io.BytesIO(file.read(name)), allow_pickle=False)
            for name in file.namelist()
            if name.endswith(".npy")
        }


def replace_members(content: bytes, members: dict[str, bytes]) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, members.get(name) or source.read(name))
    return result.getvalue()


def with_nodes(content: bytes, field: str, value: int) -> bytes:
    """The model file, with another value in one field of the root of each tree."""
    changed = {}
    for name, array in member_arrays(content).items():
        if array.dtype.names and field in array.dtype.names:
            array[field].flat[0] = value
            buffer = io.BytesIO()
            np.save(buffer, array)
            changed[name] = buffer.getvalue()
    assert changed, field
    return replace_members(content, changed)


@pytest.fixture
def saved(tmp_path):
    def save(content: bytes) -> Path:
        path = tmp_path / "model.skops"
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_scikit_learn_wrote_is_accepted(name, saved):
    model = make_pipeline(MODELS[name]).fit(ROWS, LABELS)
    loaded = model_file.load(saved(skops.io.dumps(model)))
    assert np.array_equal(loaded.predict(ROWS), model.predict(ROWS))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *(("forest", "left_child", value) for value in (0, -2, 10**9)),  # itself, before the array, behind it
        *(("forest", "right_child", value) for value in (0, -1, 10**9)),
        *(("forest", "feature", value) for value in (-2, 3, 10**9)),
        *(("boosting", "left_child", value) for value in (0, 10**9)),
        *(("hist", "left", value) for value in (0, 2**32 - 1)),
        *(("hist", "right", value) for value in (0, 2**32 - 1)),
        ("hist", "feature_idx", 10**6),
        ("hist", "is_categorical", 1),
    ],
)
def test_an_index_out_of_range_is_refused_before_the_model_predicts(name, field, value, saved):
    content = skops.io.dumps(make_pipeline(MODELS[name]).fit(ROWS, LABELS))
    with pytest.raises(UserError, match=r"model\.skops: cannot be loaded \(an index in \w+ is out of range\)"):
        model_file.load(saved(with_nodes(content, field, value)))


@pytest.mark.parametrize("change", ["a row that is not there", "a row twice"])
def test_a_neighbor_out_of_range_is_refused(change):
    model = KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(ROWS, LABELS)
    data, order, *rest = model._tree.__getstate__()
    order = np.array(order)
    order[0] = 10**9 if change == "a row that is not there" else order[1]
    model._tree.__setstate__((data, order, *rest))
    with pytest.raises(ValueError, match="KDTree"):
        indices.check(model)


def test_fewer_features_than_the_trees_read_are_refused():
    model = GradientBoostingClassifier(n_estimators=2).fit(ROWS, LABELS)
    model.n_features_in_ = 1
    with pytest.raises(ValueError, match="GradientBoostingClassifier"):
        indices.check(model)


def test_a_sparse_matrix_out_of_range_is_refused():
    from scipy.sparse import csr_matrix

    matrix = csr_matrix(np.eye(3))
    matrix.indices[0] = 10**6
    with pytest.raises(ValueError):
        indices.check({"matrix": matrix})


def test_a_member_that_unpacks_to_much_more_is_refused_before_it_is_unpacked(saved, monkeypatch):
    monkeypatch.setattr(model_file, "MAX_BYTES", 1 << 20)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", json.dumps({}))
        file.writestr("0.npy", bytes(1 << 27))
    with pytest.raises(UserError, match=r"refused: it unpacks to 134 MB"):
        model_file.load(saved(content.getvalue()))


def test_a_file_that_is_nested_too_deep_is_refused(saved):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("schema.json", "[" * 100_000)
    with pytest.raises(UserError, match="cannot be loaded"):
        model_file.load(saved(content.getvalue()))


def test_the_check_costs_little_beside_the_loading(saved):
    import time

    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(2000, 5)))
    model = make_pipeline(RandomForestClassifier(100, random_state=0, n_jobs=1)).fit(
        frame.to_numpy(), frame[0] > frame[1] * frame[2]
    )
    path = saved(skops.io.dumps(model))
    start = time.perf_counter()
    loaded = model_file.load(path)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    indices.check(loaded)
    assert time.perf_counter() - start < whole / 4
