"""The command line of the toolbox: python -m <package> COMMAND."""

import argparse
import math
import sys
from importlib import import_module
from typing import NoReturn

from ..core.errors import install_excepthook

# The module of each command; imported on use, since DVC, Optuna and Altair are slow to load.
COMMANDS = {
    "sweep": "sweep.sweep",
    "compare": "compare",
    "best": "best",
    "report": "report.report",
    "predict": "predict",
    "drift": "drift.drift",
    "register": "registry.register",
    "registry": "registry.registry",
    "rollback": "registry.rollback",
    "model-card": "model_card",
    "verify": "verify",
    "export": "export.export",
}
REVISIONS = "include all branches, tags and commits; default: only the last commit and its experiments"
REV = "a commit, branch, tag, experiment, or NAME@STAGE of the registry"
WHERE = "condition that rows must meet, e.g. 'cv_mean > 0.9 and model == \"ridge\"'; default: all rows"
GRAMMAR = (
    "CONDITION compares columns with values: ==, !=, <, <=, >, >=, in, joined by and, or, not, with arithmetic and "
    "methods such as name.str.contains('x') and cv_std.isna(). A column may be named by the end of its name: n_splits "
    "for train.n_splits. Put a name in backquotes if it has other characters than letters, digits and dots."
)
SWEEP = (
    "The best trials become DVC experiments, run in a temporary folder. Run the same command again to go on after "
    "Ctrl-C, a kill or an error. Other data, params, code or space begin another study, in results/sweep."
)

WHICH = "an experiment, a Git revision, or of the registry NAME@STAGE or NAME@v1.0.0; default: the workspace"


def main() -> None:
    install_excepthook()
    arguments = parser().parse_args()
    import_module(f"{__package__}.{COMMANDS[arguments.command]}").run(arguments)


REFERENCE = (
    "revision whose training rows are the reference; default: the last commit, or the workspace if there is a FILE"
)
DRIFT = (
    "A column has drifted if its population stability index (PSI) reaches the threshold, and a two-sample test "
    "(Kolmogorov-Smirnov or chi-square, p adjusted for the number of columns) has p below 0.05; or if it is lost, or "
    "has another type. moderate: at least half of the threshold. unclear: p is 0.05 or more. Dates are not judged. "
    "Exit code: 0 if nothing drifted, 2 if a column did, 1 for an error."
)


class Parser(argparse.ArgumentParser):
    """Exits with 1 for a mistake: 2 means that drift or verify found a difference."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    root = Parser(prog=f"python -m {__package__.partition('.')[0]}", description="Commands on top of the pipeline.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sweep = _command(
        commands, "sweep", "search params by cross-validation, and make DVC experiments of the best", SWEEP
    )
    sweep.add_argument(
        "file", nargs="?", default="sweep.yaml", help="search space, as for W&B sweeps; default: sweep.yaml"
    )
    sweep.add_argument(
        "--trials", type=_at_least(1), help="number of trials in all; default: run_cap of the file, or 50"
    )
    sweep.add_argument("--jobs", type=_at_least(1), default=1, help="number of processes that fit trials; default: 1")
    sweep.add_argument("--top", type=_at_least(0), default=3, help="number of DVC experiments to make; default: 3")
    sweep.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="scheduler of a Dask cluster to fit trials on; default: DASK_SCHEDULER_ADDRESS",
    )

    compare = _command(commands, "compare", "compare experiments in a table", GRAMMAR)
    compare.add_argument("--all", action="store_true", help=REVISIONS)
    compare.add_argument("--where", metavar="CONDITION", help=WHERE)
    compare.add_argument("--sort", metavar="COLUMN", help="column to sort by, largest first; default: the newest first")
    compare.add_argument("--ascending", action="store_true", help="sort the smallest first")
    compare.add_argument("--columns", metavar="A,B", help="columns to show; default: scores, and params that differ")
    compare.add_argument("--format", choices=["table", "csv", "markdown"], default="table", help="default: table")

    best = _command(
        commands, "best", "choose the best experiment, and test whether it beats the others by more than noise", GRAMMAR
    )
    best.add_argument("--all", action="store_true", help=REVISIONS)
    best.add_argument("--metric", default="cv_mean", help="metric to choose by; default: cv_mean")
    best.add_argument(
        "--goal",
        choices=["maximize", "minimize"],
        help="default: known by the metric's name, e.g. minimize for log_loss",
    )
    best.add_argument("--where", metavar="CONDITION", help=WHERE)
    best.add_argument("--allow-test-metrics", action="store_true", help="allow a choice by scores on the test rows")
    outcome = best.add_mutually_exclusive_group()
    outcome.add_argument(
        "--apply",
        action="store_true",
        help="choose among experiments, and merge the files of the best into the workspace",
    )
    outcome.add_argument("--branch", metavar="NAME", help="make a branch of the best")

    drift = _command(
        commands, "drift", "compare new rows with the training rows, or the training rows of two revisions", DRIFT
    )
    drift.add_argument(
        "file",
        nargs="?",
        help="new rows in CSV or Parquet: a file, a folder or a quoted pattern; default: the training rows of the workspace",
    )
    drift.add_argument("--reference", metavar="REV", help=REFERENCE)
    drift.add_argument(
        "--threshold", type=_above_0, default=0.2, help="PSI from which a column has drifted; default: 0.2"
    )
    drift.add_argument(
        "--ignore", metavar="COLUMN", action="append", default=[], help="column to leave out; repeat for more"
    )
    drift.add_argument("--plot", metavar="FILE.html", help="also draw it, on a page that needs no network")

    report = _command(commands, "report", "write all experiments on one page, and in Markdown for a pull request")
    report.add_argument(
        "-o", "--output", default="report.html", help="page to write; default: report.html, and report.md beside it"
    )
    report.add_argument("--all", action="store_true", help=REVISIONS)
    report.add_argument("--where", metavar="CONDITION", help=WHERE)
    report.add_argument(
        "--top", type=_at_least(1), default=5, help="number of experiments to draw curves of; default: 5"
    )

    predict = _command(commands, "predict", "predict the rows of a file with a model")
    predict.add_argument("input", metavar="FILE", help="rows in CSV or Parquet: a file, a folder or a quoted pattern")
    predict.add_argument("-o", "--output", metavar="FILE", help=".csv or .parquet; default: the terminal, as CSV")
    predict.add_argument("--model", metavar="REV", help=WHICH)
    predict.add_argument(
        "--id-column",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column to copy, to join by; again for another",
    )

    register = _command(
        commands, "register", "make the model of a commit a version of the registry, and give it a stage"
    )
    register.add_argument("rev", nargs="?", help=f"{REV}; default: the last commit")
    number = register.add_mutually_exclusive_group()
    number.add_argument(
        "--version", metavar="vX.Y.Z", help="version; default: one patch after the latest, v0.0.1 at first"
    )
    number.add_argument("--bump", choices=["major", "minor", "patch"], help="number to raise; default: patch")
    register.add_argument(
        "--stage", help="stage to assign, e.g. prod; it is taken from the version that currently holds it"
    )
    register.add_argument("--push", action="store_true", help="push the tags to the Git remote")

    _command(commands, "registry", "list the versions of the model: stages, scores, commits")

    rollback = _command(
        commands, "rollback", "give a stage back to the version that held it before; again: one further back"
    )
    rollback.add_argument("--stage", required=True, help="stage, e.g. prod")
    rollback.add_argument("--push", action="store_true", help="push the tag to the Git remote")

    card = _command(commands, "model-card", "print a model card in Markdown: training data, scores and known limits")
    card.add_argument("rev", nargs="?", help=f"{REV}; default: the workspace")
    card.add_argument("-o", "--output", metavar="FILE", help="file to write; default: print it")

    verify = _command(commands, "verify", "re-run a result from its raw data, and compare every file with dvc.lock")
    verify.add_argument("rev", nargs="?", help=f"{REV}; default: the last commit")
    verify.epilog = "Exit code: 0 if the results are identical, 2 if a file differs, 1 if it could not be run."

    _export(commands)
    return root


def _export(commands) -> None:
    text = "show experiments and commits in another tool, as runs that are written once"
    export = commands.add_parser("export", help=text, description=f"{text[0].upper()}{text[1:]}.")
    tools = export.add_subparsers(dest="tool", required=True, metavar="TOOL")
    mlflow = _command(tools, "mlflow", "write runs, models and the registry to MLflow")
    mlflow.add_argument("--uri", help="tracking server; default: MLFLOW_TRACKING_URI, or sqlite:///mlflow.db")
    wandb = _command(tools, "wandb", "write runs, models and the registry to Weights & Biases, offline by default")
    wandb.add_argument("--project", metavar="P", help="W&B project; default: WANDB_PROJECT, or the package's name")
    wandb.add_argument("--entity", metavar="E", help="W&B user or team; default: WANDB_ENTITY, or your own")
    for tool in (mlflow, wandb):
        tool.add_argument("--all", action="store_true", help=REVISIONS)
        tool.add_argument("--where", metavar="CONDITION", help=WHERE)
        tool.add_argument(
            "--models",
            choices=["best", "all", "none"],
            default="best",
            help="models to export: the best and those in the registry, all or none; default: best",
        )
        tool.add_argument("--prune", action="store_true", help="delete runs of removed experiments; default: mark them")
        tool.add_argument("--dry-run", action="store_true", help="print what would be exported, and export nothing")
        tool.add_argument("--follow", action="store_true", help="go on while experiments run; Ctrl-C ends it")


def _command(commands, name: str, text: str, more: str | None = None) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=more)
    command.add_argument("--json", action="store_true", help="print JSON")
    return command


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: should be a number above 0")
    return number


def _at_least(least: int):
    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: at least {least}")
        return int(text)

    return number
