"""The model as MLflow loads it: a script of its own, which MLflow runs, and which does what `predict` does."""

from importlib import import_module
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel


class ServedModel(PythonModel):
    """Predicts raw rows: `predicted`, `decision` by the threshold of params.yaml, `probability_CLASS` of each class."""

    def load_context(self, context: Any) -> None:
        """Load the model with the code that is packaged beside it; the project is not needed."""
        self.package = context.model_config["package"]
        self.predictor = import_module(self.package).Predictor.load(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict rows. Rows that `predict` refuses are refused with the same line, as a bad request."""
        user_error = import_module(f"{self.package}.core.errors").UserError
        try:
            return self.predictor.predict(model_input)
        except user_error as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None


set_model(ServedModel())
