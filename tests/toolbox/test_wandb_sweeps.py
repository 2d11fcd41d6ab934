"""Sweep files in the shapes that W&B's users write, read as they are: what is used, what is left out, what is refused."""

from pathlib import Path

import optuna
import pytest
from example.core.config import read_params
from example.core.errors import UserError
from example.stages import prepare
from example.toolbox.sweep import sweep_file
from example.toolbox.sweep.objective import Objective

FILES = Path(__file__).parent / "wandb_sweeps"
FOREST, BOOSTING, HIST = "random_forest", "gradient_boosting", "hist_gradient_boosting"
ALL_NOTES = "left out, no use for it here: "
# The model, the score, the hyperparameters that are searched, and words of the lines about what is read differently.
READ = {
    "getting_started": (HIST, "neg_log_loss", {"learning_rate", "max_iter"}, [
        f"{ALL_NOTES}program, name", "validation_loss: read as cv_mean of neg_log_loss",
        f"not a hyperparameter of {HIST}: optimizer"]),
    "random_forest_grid": (FOREST, "accuracy", {"n_estimators", "max_depth", "criterion"}, []),
    "deep_learning_with_command": (HIST, "accuracy", {"learning_rate", "max_leaf_nodes"}, [
        f"{ALL_NOTES}program, command, project, entity, description", "val/accuracy: read as cv_mean of accuracy",
        "epochs, batch_size, dropout", "starts after 3 folds, and there are 3: no trial ends early"]),
    "exponents_of_e": ("ridge", "neg_root_mean_squared_error", {"alpha"}, ["valid_rmse: read as"]),
    "nested_parameters": (FOREST, "roc_auc_ovr", {"max_depth", "n_estimators"}, [
        "val_auc: read as", "model.max_depth: read as train.random_forest.max_depth", "model.n_estimators: read as",
        "model.colsample_bytree, data.validation_split"]),
    "dotted_hydra": (FOREST, "f1_macro", {"max_depth", "min_samples_leaf"}, [
        f"{ALL_NOTES}program, command", "eval/f1_score: read as", "model.max_depth: read as", "model.min_samples_leaf",
        "trainer.max_epochs, data.batch_size"]),
    "double_underscores": (FOREST, None, {"max_features", "min_samples_split", "n_estimators"}, [
        f"{ALL_NOTES}name, project", "mean_test_score: read as cv_mean of train.scoring", "model__max_features: read as",
        "model__min_samples_split", "model__n_estimators", "model_type, data__keyword, n_iter"]),
    "quantized_uniform": (FOREST, "accuracy", {"n_estimators", "max_features"}, ["test_acc: read as cv_mean of accuracy"]),
    "normal_distributions": (
        FOREST, "neg_log_loss", {"n_estimators", "max_features", "min_weight_fraction_leaf", "ccp_alpha"},
        ["loss: read as cv_mean of neg_log_loss"]),
    "inverse_log": ("ridge", "neg_mean_absolute_error", {"alpha", "tol"}, ["val_mae: read as"]),
    "ordinary_keys_of_others": (FOREST, "f1_macro", {"max_depth"}, [
        f"{ALL_NOTES}name, project, entity, seed, Timeout, defaults, version, controller",
        f"{ALL_NOTES}metric.impute", "val_f1: read as cv_mean of f1_macro", "hyperparameter of random_forest: seed"]),
    "hyperband_of_epochs": (FOREST, "accuracy", {"max_depth"}, [
        "val_acc: read as", f"{ALL_NOTES}early_terminate.strict", "starts after 9 folds, and there are 3: no trial ends"]),
    "hyperband_without_numbers": ("logistic_regression", "accuracy", {"C"}, ["val_accuracy: read as"]),
    "model_choice": (FOREST, "balanced_accuracy", {"max_depth", "C", "model"}, ["not models for classification: svm"]),
    "boosting_parameters": (BOOSTING, "roc_auc_ovr", {"learning_rate", "n_estimators", "max_depth", "subsample"}, [
        f"{ALL_NOTES}program", "roc_auc: read as cv_mean of roc_auc_ovr",
        "min_child_weight, colsample_bytree, reg_lambda, objective"]),
    "command_line_flags": (FOREST, "accuracy", {"n_estimators", "max_depth"}, [
        "valAcc: read as", "n-estimators: read as train.random_forest.n_estimators", "max-depth: read as", "no-cuda"]),
    "mean_squared_error": ("ridge", "neg_root_mean_squared_error", {"alpha", "fit_intercept"}, ["val_mse: read as"]),
    "no_metric": (FOREST, None, {"max_depth", "max_samples"}, []),
    "values_for_exponents": (BOOSTING, "accuracy", {"learning_rate"}, [
        "error_rate: read as cv_mean of accuracy", "log_uniform: bounds are exponents of e: 1.001 to 1.105"]),
    "single_trial": (FOREST, None, set(), ["hyperparameter of random_forest: wandb_log"]),
}  # fmt: skip
REFUSED = {
    "no_parameter_of_this_model": "parameters: epochs, batch_size, hidden_size: not of this model; nothing to search; "
    "train.model is random_forest",
    "model_of_another_library": "parameters.model: for classification, use random_forest",
    "wrong_goal": "metric.goal: 'maximize': val_loss is better if smaller; use minimize",
    "metric_of_another_field": "metric.name: 'eval/mean_reward': not a score of classification here; use cv_mean",
    "misspelt_name": "parameters.max_dept: not a hyperparameter of random_forest; did you mean max_depth?",
    "method_of_another_tool": "method: 'tpe': use bayes, random, grid",
    "early_stop_of_another_kind": "early_terminate.type: 'median_stopping': use hyperband",
    "scalars": "parameters.max_depth: 5: should have value, values, or min and max",
}


def load(name, model, params):
    task = "regression" if model == "ridge" else "classification"
    target = {"target": "weight", "task": task} if task == "regression" else {}
    params(train={"model": model}, data=target)
    return sweep_file.load(str(FILES / f"{name}.yaml"), read_params(), task)


def test_the_expectations_are_of_the_files():
    assert {path.stem for path in FILES.glob("*.yaml")} == READ.keys() | REFUSED.keys()
    assert len(READ) >= 20


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_and_its_points_are_models(name, params):
    model, scoring, searched, notes = READ[name]
    space = load(name, model, params)
    assert space.scoring == scoring
    assert {parameter.key.rpartition(".")[2] for parameter in space.parameters} == searched
    assert len(space.notes) == len(notes), space.notes
    for line, words in zip(sorted(space.notes), sorted_like(space.notes, notes), strict=True):
        assert words in line
        assert "\n" not in line
    prepare.main()
    objective = Objective(read_params())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    numbers = list(space.grid())[:5] if space.method == "grid" else [None] * 5
    for point in numbers:
        trial = study.ask()
        if point is None:
            space.suggest(trial)
        objective(space.point(trial.params if point is None else point))  # scikit-learn accepts the values


def sorted_like(lines, words):
    """The words, each at the place of the line that has it."""
    return [next((word for word in words if word in line), f"an expected line, not {line!r}") for line in sorted(lines)]


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_in_one_line(name, params):
    with pytest.raises(UserError) as caught:
        load(name, FOREST, params)
    assert str(caught.value).startswith(f"{FILES / name}.yaml: {REFUSED[name]}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "target"), [("exponents_of_e", -0.5), ("mean_squared_error", -0.5), ("values_for_exponents", 0.9)]
)
def test_a_target_is_in_the_unit_of_the_metric(name, target, params):
    assert load(name, READ[name][0], params).target == pytest.approx(target)


@pytest.mark.parametrize(
    ("given", "scoring"),
    [
        ("f1", "f1"), ("val_precision", "precision"), ("Recall", "recall"), ("val_macro_f1", "f1_macro"),
        ("valid_1-auc", "roc_auc"), ("test/AUROC", "roc_auc"), ("val_average_precision", "average_precision"),
        ("cv_mean_balanced_accuracy", "balanced_accuracy"), ("val_acc_epoch", "accuracy"), ("val_top1", "accuracy"),
        ("val/loss/dataloader_idx_0", "neg_log_loss"), ("neg_log_loss", "neg_log_loss"), ("ValidationAccuracy", "accuracy"),
    ],
)  # fmt: skip
def test_a_metric_of_a_positive_class_is_of_that_class(given, scoring, params):
    from example.toolbox.sweep.metric_names import read_metric_name

    assert read_metric_name(given, "classification", "yes").scoring == scoring
