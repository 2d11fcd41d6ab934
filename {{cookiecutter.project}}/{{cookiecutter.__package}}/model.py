"""Estimators by name, the preprocessing in front of them, and the model file."""

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from .errors import UserError
from .files import replacing
from .params import Train
from .schema import Schema

PATH = Path("models/model.skops")
FEATURES = Path("models/features.json")
CATEGORIES = 30  # of a column, that become a column each
WORDS = 100  # of a column of free text


@dataclass(frozen=True)
class Model:
    """What params.yaml may name in train.model: an estimator for each task that it can do."""

    classification: type[BaseEstimator] | None = None
    regression: type[BaseEstimator] | None = None
    scaled: bool = False  # the estimator needs columns of like size


# To add a model: an entry here, and a section of its arguments under train in params.yaml. A classifier needs
# predict_proba; types that skops does not trust by itself go into ALLOWED below, where model.load names them.
MODELS = {
    "random_forest": Model(RandomForestClassifier, RandomForestRegressor),
    "gradient_boosting": Model(GradientBoostingClassifier, GradientBoostingRegressor),
    "hist_gradient_boosting": Model(HistGradientBoostingClassifier, HistGradientBoostingRegressor),
    "logistic_regression": Model(classification=LogisticRegression, scaled=True),
    "ridge": Model(regression=Ridge, scaled=True),
}


def build(settings: Train, schema: Schema) -> Pipeline:
    """The unfitted pipeline from a table's features to predictions.

    Raises UserError for a model that does not exist or cannot do the task, and for arguments it does not take.
    """
    able = [name for name, model in MODELS.items() if getattr(model, schema.task)]
    if settings.model not in able:
        raise UserError(f"params.yaml: train.model: {settings.model!r}: for {schema.task}, use {', '.join(able)}")
    model = MODELS[settings.model]
    estimator = getattr(model, schema.task)()
    _set(estimator, settings)
    return Pipeline([("preprocess", _preprocess(schema, model.scaled, settings.seed)), ("model", estimator)])


def baseline(task: str) -> BaseEstimator:
    """What always predicts the most frequent class, or the mean: a score means something next to its score."""
    return DummyClassifier() if task == "classification" else DummyRegressor()


def _set(estimator: BaseEstimator, settings: Train) -> None:
    """Give the estimator its section of params.yaml and the seed; it checks names, types and ranges itself."""
    allowed = estimator.get_params()
    for name in settings.arguments:
        if name not in allowed:
            where = f"params.yaml: train.{settings.model}.{name}"
            raise UserError(f"{where}: {type(estimator).__name__} has no such argument; it has {', '.join(allowed)}")
    seed = {"random_state": settings.seed} if "random_state" in allowed else {}
    estimator.set_params(**seed | settings.arguments)
    try:
        estimator._validate_params()  # what fit would do first; it has no public name
    except ValueError as error:
        raise UserError(f"params.yaml: train.{settings.model}: {error}") from error


def _preprocess(schema: Schema, scaled: bool, seed: int) -> ColumnTransformer:
    """What each kind of column becomes.

    Numbers: the median for missing ones, and a column that says so. Categories: a column each; where they are many, the
    mean target of each (Micci-Barreca, 2001), learned on other rows than it is used on; an unseen one is like none. Dates:
    their parts, then as numbers. Free text: its most frequent words.
    """
    numbers = [SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)]
    if scaled:
        numbers.append(StandardScaler())
    many = [name for name in schema.names("category") if len(schema.column(name).categories) > CATEGORIES]
    few = [name for name in schema.names("category") if name not in many]
    means = TargetEncoder(
        target_type="continuous" if schema.task == "regression" else "auto",
        cv=KFold(5, shuffle=True, random_state=seed),
    )
    words = TfidfVectorizer(max_features=WORDS, token_pattern=r"\w+|\S")
    parts = FunctionTransformer(date_parts, feature_names_out=date_part_names)
    return ColumnTransformer(
        [
            ("number", make_pipeline(*numbers), schema.names("number")),
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), few),
            ("category means", means, many),
            ("date", make_pipeline(parts, *numbers), schema.names("date")),
            *((f"text {name}", words, name) for name in schema.names("text")),
        ],
        sparse_threshold=0,
    )


PARTS = ("days", "month", "day", "weekday", "hour")


def date_parts(frame: pd.DataFrame) -> np.ndarray:
    """Days since 1970, month, day, weekday and hour of each date: (rows, 5 x columns), missing ones NaN."""
    parts = []
    for name in frame:
        column = frame[name].astype("datetime64[s]")  # nanoseconds end in 2262
        moments = column.dt
        days = column.astype("int64").where(column.notna()) / 86_400
        parts += [days, moments.month, moments.day, moments.day_of_week, moments.hour]
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def date_part_names(_: FunctionTransformer, columns: list[str]) -> list[str]:
    """The names of date_parts' columns."""
    return [f"{column}_{part}" for column in columns for part in PARTS]


def features(pipeline: Pipeline) -> list[dict[str, str]]:
    """What the estimator reads, in order: the name of each input, and the column that it is made of."""
    found = []
    for _, transformer, columns in pipeline["preprocess"].transformers_:
        if len(columns):
            text = isinstance(columns, str)
            names = transformer.get_feature_names_out()
            names = [f"{columns}_{word}" for word in names] if text else names
            sources = [columns] * len(names) if text else _sources(transformer, columns, len(names))
            found += [{"name": str(name), "column": source} for name, source in zip(names, sources, strict=True)]
    return found


def _sources(transformer: BaseEstimator, columns: list[str], size: int) -> list[str]:
    if isinstance(transformer, OneHotEncoder):
        return np.repeat(columns, [len(categories) for categories in transformer.categories_]).tolist()
    if isinstance(transformer, TargetEncoder):
        return np.repeat(columns, size // len(columns)).tolist()
    imputer = transformer["simpleimputer"]  # whose marks of missing values come last
    made = np.repeat(columns, imputer.n_features_in_ // len(columns))
    return [*made.tolist(), *made[imputer.indicator_.features_].tolist()]


def check(pipeline: Pipeline, schema: Schema) -> None:
    """Raise UserError where the schema is of another model: it has other columns, other kinds of them, or other classes."""
    kinds = {}
    for name, _, columns in pipeline["preprocess"].transformers:
        kinds |= dict.fromkeys([columns] if isinstance(columns, str) else columns, name.partition(" ")[0])
    known = {name: schema.column(name).kind for name in schema.names()}
    differing = sorted(name for name in kinds | known if kinds.get(name) != known.get(name))
    classes = pipeline.classes_.tolist() if hasattr(pipeline, "classes_") else None
    if differing or classes != schema.classes:
        what = f"the columns {', '.join(map(repr, differing))}" if differing else "the classes"
        raise UserError(f"the model and schema.json are not of the same run: {what} differ; run: dvc repro")


# --- The model file: skops, never pickle ------------------------------------------------------------------------

# All that a file may hold beyond the types that skops trusts by itself.
ALLOWED = [
    f"{__name__}.date_part_names",
    f"{__name__}.date_parts",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
    "sklearn.tree._tree.Tree",
]


def save(pipeline: Pipeline, path: str | Path = PATH) -> None:
    """Write the pipeline so that the same fit gives the same bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(_normalised(skops.io.dumps(pipeline)))


def load(path: str | Path = PATH) -> Pipeline:
    """Read a pipeline. Raises UserError for a missing or damaged file, or one with a type that is not allowed."""
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such model; run dvc repro, or fetch it with dvc pull")
    _check_zip(path)
    try:
        if forbidden := sorted(set(skops.io.get_untrusted_types(file=path)) - set(ALLOWED)):
            raise UserError(f"{path}: refused: it holds {', '.join(forbidden)}; see ALLOWED in {Path(__file__).name}")
        return skops.io.load(path, trusted=ALLOWED)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        versions = "was it saved by another version of scikit-learn or skops (models/environment.json)?"
        raise UserError(f"{path}: cannot be loaded ({error}); {versions}") from error


def _check_zip(path: str | Path) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            whole = file.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        whole = False
    if not whole:
        raise UserError(f"{path}: is damaged; run dvc repro, or fetch it with dvc checkout --force")


def _normalised(file: bytes) -> bytes:
    """Number skops's objects and members in order, in place of memory addresses, random names and the time."""
    source = zipfile.ZipFile(io.BytesIO(file))
    state = json.loads(source.read("schema.json"))
    numbers: dict[Any, int] = {}
    members: dict[str, str] = {}
    _renumber(state, numbers, members)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as target:
        for old, new in [*members.items(), ("schema.json", "schema.json")]:
            content = source.read(old) if old in members else json.dumps(state).encode()
            info = zipfile.ZipInfo(new, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, also where it is not
            target.writestr(info, content, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _renumber(node: Any, numbers: dict[Any, int], members: dict[str, str]) -> None:
    if isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            name = Path(node["file"])
            node["file"] = members.setdefault(node["file"], f"{len(members)}{name.suffix}")
        for child in node.values():
            _renumber(child, numbers, members)
    elif isinstance(node, list):
        for child in node:
            _renumber(child, numbers, members)
