"""The types that a model file may hold, beside those that skops trusts by itself and those that the user's code defines.

All are plain containers of numbers and settings; none of them runs other code when it is loaded.
"""

PACKAGE = __name__.partition(".")[0]

OF_THE_TEMPLATE = {
    f"{PACKAGE}.core.columns.{name}"
    for name in ("AddFeatures", "PerColumn", "category_columns", "date_columns", "number_columns", "text_columns")
} | {f"{PACKAGE}.core.xgboost_classifier.XGBClassifier"}
# Of extras: these keep their trees as text or bytes, which the libraries read again; core/indices.py checks them.
BOOSTERS = {
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBRegressor",
}
KERNELS = {
    f"sklearn.gaussian_process.kernels.{name}"
    for name in (
        "CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern",
        "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel",
    )
}  # fmt: skip
SCORE_FUNCTIONS = {
    *(f"sklearn.feature_selection._univariate_selection.{name}" for name in ("chi2", "f_classif", "f_regression")),
    *(f"sklearn.feature_selection._mutual_info.mutual_info_{name}" for name in ("classif", "regression")),
}
LOSSES = {
    f"sklearn._loss.loss.{name}"
    for name in (
        "AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss",
        "HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HuberLoss", "PinballLoss",
    )
}  # fmt: skip
NEIGHBORS = {
    *(
        f"sklearn.metrics._dist_metrics.{name}Distance64"
        for name in ("Chebyshev", "Euclidean", "Manhattan", "Minkowski")
    ),
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
}
SPLITTERS = {
    f"sklearn.model_selection._split.{name}"
    for name in ("GroupKFold", "KFold", "ShuffleSplit", "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit")
}
ALLOWED = frozenset({
    *OF_THE_TEMPLATE,
    *BOOSTERS,
    *KERNELS,
    *LOSSES,
    *NEIGHBORS,
    *SCORE_FUNCTIONS,
    *SPLITTERS,
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
})  # fmt: skip
