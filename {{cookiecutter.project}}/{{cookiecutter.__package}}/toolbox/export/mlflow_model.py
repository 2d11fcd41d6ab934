"""The model of a run as an MLflow model: a pyfunc from code and a skops file, without pickle."""

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import AnyType, ColSpec, TensorSpec
from mlflow.types.schema import Schema as MlflowSchema

from ...core.infer import ISO
from ...core.predictor import Predictor
from ...core.schema import ColumnSchema, Schema
from .models import PACKAGE, ModelParts

SCRIPT = Path(__file__).with_name("served_model.py")
EXAMPLE_TEXT = "text"


def save(folder: Path, parts: ModelParts, model_id: str, run_id: str) -> None:
    """Write the MLflow model into a folder."""
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(SCRIPT),
        artifacts={"model": str(parts.model)},
        code_paths=[str(parts.code)],
        model_config={"package": PACKAGE},
        pip_requirements=str(parts.requirements),
        signature=build_signature(parts),
        input_example=build_example(parts.schema),
        mlflow_model=Model(run_id=run_id, model_uuid=model_id, model_id=model_id),
    )


def build_signature(parts: ModelParts) -> ModelSignature:
    """The columns that the model reads, and those that it returns.

    The columns that it reads are optional and of any type: the model itself reads values by schema.json, so that text,
    numbers and missing values are taken as `predict` takes them, and its own line names the mistake in a row.
    """
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), column.name, required=False) for column in parts.schema.feature_columns
    ]
    predictor = Predictor.load(parts.model)
    types = {"predicted": label_type(parts.schema), "decision": "string"}
    outputs: list[ColSpec | TensorSpec] = [ColSpec(types.get(name, "double"), name) for name in predictor.names]
    return ModelSignature(inputs=MlflowSchema(inputs), outputs=MlflowSchema(outputs))


def label_type(schema: Schema) -> str:
    """MLflow's type of the target."""
    if schema.classes is None:
        return "double"
    return "long" if all(isinstance(label, int) for label in schema.classes) else "string"


def build_example(schema: Schema) -> pd.DataFrame:
    """A row that is made up from schema.json, in which no row of the data is."""
    return pd.DataFrame([{column.name: example_value(column) for column in schema.feature_columns}])


def example_value(column: ColumnSchema) -> Any:
    """The first category, the least number or date as the raw table would have it, or any text."""
    if column.categories:
        return column.categories[0]
    if column.min is None:
        return EXAMPLE_TEXT
    if column.type == "date":
        return column.min if column.format in (None, ISO) else pd.Timestamp(column.min).strftime(column.format)
    return f"{column.min:g} {column.unit}" if column.unit else column.min
