"""XGBoost and LightGBM as entries of MODELS. A package is imported if train.model names it, not before."""

from .estimators import Imported

XGBOOST = (Imported(f"{__package__}.xgboost_classifier.XGBClassifier"), Imported("xgboost.XGBRegressor"))
# The same trees on any number of cores, and no number of cores in the model file: 0 is the default of OpenMP.
_SETTINGS = {"deterministic": True, "force_col_wise": True, "n_jobs": 0, "verbosity": -1}
LIGHTGBM = (Imported("lightgbm.LGBMClassifier", **_SETTINGS), Imported("lightgbm.LGBMRegressor", **_SETTINGS))
