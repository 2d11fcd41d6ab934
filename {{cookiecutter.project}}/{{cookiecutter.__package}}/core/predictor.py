"""Predict rows of a raw table from Python, a script or a service: `from <package> import Predictor`."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from . import model_file, paths, reader
from . import schema as schemas
from .config import read_params
from .errors import UserError
from .predictions import predict
from .schema import Schema
from .validation import InputValidator

CHUNK_ROWS = 100_000  # in memory at a time


class Predictor:
    """A model with its schema: it reads raw rows as `prepare` read the training rows, and predicts them.

    Attributes:
        pipeline: the fitted pipeline of scikit-learn.
        schema: the columns that it was trained on.
        threshold: the probability of the predicted class below which `decision` is `unsure`.
        commit: the Git commit of the model, None for a file.
    """

    def __init__(self, pipeline: Pipeline, schema: Schema, threshold: float, commit: str | None = None) -> None:
        model_file.check(pipeline, schema)
        self.pipeline, self.schema, self.threshold, self.commit = pipeline, schema, threshold, commit

    @classmethod
    def load(cls, model: str | Path | None = None, rev: str | None = None) -> Self:
        """Load a model from a file, or from a revision of the project in the current folder.

        Args:
            model: the model file, by default models/model.skops of the current folder; or a folder with model.skops,
                schema.json and params.yaml. The schema and params.yaml are looked for beside the file, then in the
                project that it lies in.
            rev: an experiment, branch, tag or commit, or a version of the registry: NAME@STAGE, NAME@v1.2.0.

        Raises:
            UserError: a file is missing, damaged, or of another run than the others.
        """
        if rev is not None:
            if model is not None:
                raise UserError("Predictor.load: give model or rev, not both")
            return cls._of_revision(rev)
        path = Path(model or paths.MODEL)
        path = path / paths.MODEL.name if path.is_dir() else path
        pipeline = model_file.load(path)
        schema = schemas.load(_beside(path, paths.SCHEMA))
        return cls(pipeline, schema, _threshold(_beside(path, paths.PARAMS)))

    @classmethod
    def _of_revision(cls, rev: str) -> Self:
        from . import revisions  # DVC and GTO are slow to load

        commit = revisions.resolve(rev)
        with revisions.files(commit, [paths.MODEL, paths.SCHEMA, paths.PARAMS]) as folder:
            try:
                pipeline = model_file.load(folder / paths.MODEL)
                schema = schemas.load(folder / paths.SCHEMA)
                return cls(pipeline, schema, _threshold(folder / paths.PARAMS), commit)
            except UserError as error:
                raise UserError(f"{rev}: {str(error).replace(f'{folder}{os.sep}', '')}") from error

    def predict(self, data: pd.DataFrame | str | Path) -> pd.DataFrame:
        """Predict the rows of a table.

        Args:
            data: a CSV or Parquet file, or a frame with the raw columns. Text in a frame is read by the formats in the
                schema, as a file is.

        Returns:
            A row for each row, with the index of the frame: `predicted`; for classes whose model knows probabilities
            also `decision` and `probability_CLASS` of each class.

        Raises:
            UserError: a column is missing, or most of its values cannot be read as in training.
        """
        if isinstance(data, pd.DataFrame):
            tidy = pd.DataFrame({name: reader.tidy(data[name].reset_index(drop=True)) for name in data})
            return self._predict_frames("the frame", list(data), [tidy]).set_axis(data.index)
        chunks = reader.read_chunks(data, CHUNK_ROWS)
        return self._predict_frames(str(data), chunks.names, map(reader.to_frame, chunks.tables))

    def _predict_frames(self, source: str, names: list[str], frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
        validator = InputValidator(source, self.schema)
        validator.extra(names)
        parts = [pd.DataFrame(self.predict_columns(validator.read(frame))) for frame in frames if len(frame)]
        validator.raise_if_unreadable()
        return pd.concat(parts, ignore_index=True)

    def predict_tables(
        self, tables: Iterator[pa.Table], validator: InputValidator
    ) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
        """Each table of raw rows with the columns of its predictions; rows are checked after the first and the last.

        Raises UserError as `predict` does.
        """
        features = [column.name for column in self.schema.feature_columns]
        for table in tables:
            if not table.num_rows:
                continue
            frame = validator.read(reader.to_frame(table.select(features)))
            if validator.rows == table.num_rows:
                validator.raise_if_unreadable()
            yield table, self.predict_columns(frame)
        validator.raise_if_unreadable()

    def predict_columns(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The columns of the predictions for features that were read by the schema."""
        predictions = predict(self.pipeline, self.schema.features(frame))
        if not predictions.has_probabilities:
            return {"predicted": predictions.labels}
        labels = predictions.labels.astype(str).astype(object)
        decision = np.where(predictions.confidence >= self.threshold, labels, self.unsure)
        columns = (predictions.labels, decision, *predictions.probabilities.T)
        return dict(zip(self.names, columns, strict=True))

    @property
    def names(self) -> list[str]:
        """The names of the columns that `predict` returns."""
        if not hasattr(self.pipeline, "predict_proba"):
            return ["predicted"]
        return ["predicted", "decision", *(f"probability_{label}" for label in self.schema.classes or ())]

    @property
    def unsure(self) -> str:
        """The word for a decision that the model abstains from; it is not the name of a class."""
        word = "unsure"
        while word in map(str, self.schema.classes or ()):
            word += "_"
        return word


def _beside(model: Path, path: Path) -> Path:
    """A file of the model's run: at its own place if the model is at its own in a project, else in the model's folder."""
    near = model.parent / path.name
    in_project = model.parent.name == paths.MODEL.parent.name and not near.exists()
    return model.parent.parent / path if in_project else near


def _threshold(path: Path) -> float:
    if not path.exists():
        raise UserError(f"{path}: is missing; copy params.yaml beside the model")
    values = read_params(path)
    try:
        return float(values["evaluate"]["confidence_threshold"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: evaluate.confidence_threshold: is missing or not a number; add it") from error
