"""Any estimator of scikit-learn can be an entry of MODELS: it works, or is refused in one line."""

import json
import warnings
from pathlib import Path

import pytest
from example import Predictor
from example import model as models
from example.core.errors import UserError, install_excepthook
from example.model import Model
from example.stages import evaluate, prepare, train
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

TASKS = {"classification": "classifier", "regression": "regressor"}


def plain_estimators(task):
    """Every estimator of a task that can be built without arguments, by name."""
    result = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of classes that scikit-learn is about to remove
        for name, cls in all_estimators(type_filter=TASKS[task]):
            try:
                result[name] = cls()
            except TypeError:  # needs estimators: see NESTED
                continue
    return result


NESTED = {
    "classification": {
        "calibrated": CalibratedClassifierCV(SVC()),
        "calibrated isotonic": CalibratedClassifierCV(DecisionTreeClassifier(), method="isotonic", ensemble=False),
        "pipeline": make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression()),
        "stacking": StackingClassifier([("tree", DecisionTreeClassifier()), ("line", LogisticRegression())]),
        "voting": VotingClassifier([("tree", DecisionTreeClassifier()), ("line", LogisticRegression())], voting="soft"),
        "neighbors in a tree": KNeighborsClassifier(algorithm="kd_tree"),
        "neighbors in balls": KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
        "one against the rest": OneVsRestClassifier(SVC()),
    },
    "regression": {
        "stacking": StackingRegressor([("tree", DecisionTreeRegressor()), ("line", Ridge())]),
        "voting": VotingRegressor([("tree", DecisionTreeRegressor()), ("line", Ridge())]),
    },
}
NEGATIVE = "Negative values in data"
SEVERAL_TARGETS = "For mono-task outputs, use"
# The others are refused: they need other data, or an argument.
REFUSED = {
    "CCA": "`n_components` upper bound is 1",
    "CategoricalNB": NEGATIVE,
    "ComplementNB": NEGATIVE,
    "GammaRegressor": "out of the valid range of the loss",
    "IsotonicRegression": "should be a 1d array",
    "MultiTaskElasticNet": SEVERAL_TARGETS,
    "MultiTaskElasticNetCV": SEVERAL_TARGETS,
    "MultiTaskLasso": SEVERAL_TARGETS,
    "MultiTaskLassoCV": SEVERAL_TARGETS,
    "MultinomialNB": NEGATIVE,
    "PLSCanonical": "`n_components` upper bound is 1",
    "PoissonRegressor": "out of the valid range of the loss",
    "QuadraticDiscriminantAnalysis": "is not full rank",
    "RadiusNeighborsClassifier": "No neighbors found",
    "RadiusNeighborsRegressor": "contains NaN",
    "SelfTrainingClassifier": "must be an object implementing 'fit'",
}
TARGETS = {"classification": "kind", "regression": "weight"}
QUICK = {"importance": {"n_repeats": 1, "max_samples": 20, "max_features": 1}}


@pytest.fixture
def fit(params, monkeypatch):
    """Run train and evaluate with an estimator as the model: `fit(task, estimator)`."""

    def run(task, estimator):
        entry = Model(**{task: estimator}, scale=True)
        monkeypatch.setitem(models.MODELS, "mine", entry)
        params(
            data={"target": TARGETS[task], "task": task},
            train={"model": "mine", "mine": {}, "n_splits": 2, "train_sizes": [1.0]},
            evaluate=QUICK,
        )
        prepare.main()
        train.main()
        evaluate.main()
        return Predictor.load().predict("table.csv")

    return run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("task", "name"), [(task, name) for task in TASKS for name in plain_estimators(task)])
def test_an_estimator_works_or_is_refused_in_one_line(fit, task, name):
    estimator = plain_estimators(task)[name]
    if name in REFUSED:
        with pytest.raises(UserError, match=REFUSED[name]) as refused:
            fit(task, estimator)
        assert "\n" not in str(refused.value)
        assert "train" in str(refused.value)
    else:
        assert fit(task, estimator)["predicted"].notna().all()


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in TASKS for name in NESTED[task]])
def test_nested_estimators_work(fit, task, name):
    assert fit(task, NESTED[task][name])["predicted"].notna().all()
    assert json.loads(Path("models/model.json").read_text(encoding="utf-8"))["parameters"]


def test_a_classifier_without_probabilities_predicts_classes_only(fit, capsys):
    predicted = fit("classification", SVC())
    assert list(predicted) == ["predicted"]
    assert "plots of probabilities are left out" in capsys.readouterr().out
    scores = json.loads(Path("results/evaluate/metrics.json").read_text(encoding="utf-8"))
    assert "test_accuracy" in scores
    assert "test_coverage" not in scores
    assert json.loads(Path("results/evaluate/plots/custom/roc.json").read_text(encoding="utf-8")) == []


def test_every_nested_random_state_is_the_seed(fit):
    fit("classification", NESTED["classification"]["stacking"])
    parameters = json.loads(Path("models/model.json").read_text(encoding="utf-8"))["parameters"]
    assert parameters["tree__random_state"] == parameters["line__random_state"] == 0


def test_a_repeated_warning_is_printed_once_in_one_line(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        install_excepthook()
        for iterations in (100, 200):
            warnings.warn(f"failed to converge\nafter {iterations} iterations", ConvergenceWarning, stacklevel=1)
    assert capsys.readouterr().err.count("warning: failed to converge after 100 iterations\n") == 1
