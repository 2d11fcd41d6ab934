"""report: write all experiments on one page that needs no network, and the same in Markdown for a pull request."""

import base64
import hashlib
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from altair import SCHEMA_VERSION

from ...core.config import flatten, read_params
from ...core.errors import UserError
from ...core.files import write_text
from ...core.formatting import format_value, to_json
from ..tables import short_headings
from . import charts
from .context import build_report

MAX_CLASSES = 4  # with curves of their own
# The curves that overlay the best experiments: plot, title, x and y.
CURVES = (
    ("roc", "ROC curve", "false_positive_rate", "true_positive_rate"),
    ("precision_recall", "Precision-recall curve", "recall", "precision"),
)


def run(arguments: Namespace) -> None:
    """Write the page and its Markdown, or print their content as JSON. Raises UserError if there are no results."""
    page = Path(arguments.output)
    if page.suffix != ".html":
        raise UserError(f"--output {arguments.output}: should end in .html; the Markdown is written beside it")
    read_params()  # its message names the folder to run this in
    facts = build_report(arguments.all, arguments.where, arguments.top)
    if arguments.json:
        print(to_json(facts))
        return
    for path, text in ((page, to_html(facts)), (page.with_suffix(".md"), to_markdown(facts))):
        write_text(path, text)
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


def to_html(facts: dict[str, Any]) -> str:
    """The page, with all scripts and data in it."""
    version = SCHEMA_VERSION.rpartition(".")[0]
    bundle = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # its stub requires `snippet`
    bundle = bundle.replace("</script", r"<\/script")
    page = load_template("report.html", autoescape=True, finalize=format_text)
    return page.render(facts, bundle=bundle, figures=draw_figures(facts))


def to_markdown(facts: dict[str, Any]) -> str:
    """The content for a pull request, without the charts."""
    return load_template("report.md", finalize=format_markdown).render(facts)


def load_template(name: str, **options: Any) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    options |= {"trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
    environment = jinja2.Environment(loader=loader, **options)
    environment.filters |= {"flatten_keys": flatten, "headings": short_headings, "digest": digest, "pieces": pieces}
    environment.filters["colour_of"] = charts.colour_of
    return environment.get_template(name)


def draw_figures(facts: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The charts of each section: title, Vega-Lite, and for a chart of one experiment, its rank."""
    return {
        "history": draw_history(facts),
        "parallel": draw_parallel(facts),
        "curves": draw_curves(facts),
        "importance": draw_importance(facts),
        "sweep": draw_sweep(facts),
        "confusion": draw_each(facts, "confusion"),
        "predicted": draw_each(facts, "predicted"),
        "residuals": draw_each(facts, "residuals"),
    }


def figure(title: str, chart: charts.Drawing, height: int, **options: Any) -> dict[str, Any]:
    return {"title": title, "spec": charts.to_spec(chart, height), **options}


def draw_history(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """A chart per metric, of the commits that have it."""
    figures = []
    for metric in dict.fromkeys(name for commit in facts["history"] for name in commit["scores"]):
        records = [{**commit, "value": commit["scores"].get(metric)} for commit in facts["history"]]
        frame = pd.DataFrame(records).drop(columns="scores").dropna()
        if len(frame) > 1:
            figures.append(figure(metric, charts.metric_over_commits(frame, metric), 130))
    return figures


def draw_parallel(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Parallel coordinates of the params with the most values, in the order of params.yaml, and of cv_mean."""
    rows = [row for row in facts["experiments"] if row["ranked"]]
    count = {name: len({repr(row.get(name)) for row in rows}) for name in facts["params"]}
    most = sorted(facts["params"], key=count.__getitem__, reverse=True)[: charts.AXES - 1]
    axes = [name for name in facts["params"] if name in most and count[name] > 1] + ["cv_mean"]
    if len(rows) < 3 or len(axes) < 2:
        return []
    columns = ["experiment", *short_headings(axes)]
    frame = pd.DataFrame([[row["label"], *map(row.get, axes)] for row in rows], columns=columns)
    names = [experiment["experiment"] for experiment in facts["top"]]
    title = f"{len(frame)} experiments, the best {len(names)} in colour"
    return [figure(title, charts.parallel(frame.convert_dtypes(), names), 340)]


def points_of(facts: dict[str, Any], plot: str) -> pd.DataFrame:
    """The points of a plot of all of the best experiments."""
    points = [
        {"experiment": experiment["experiment"], **point}
        for experiment in facts["top"]
        for point in experiment.get(plot, [])
    ]
    return pd.DataFrame(points).round(5)


def draw_curves(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The learning curves, and the curves of each class, of the best experiments in one chart each."""
    names = [experiment["experiment"] for experiment in facts["top"]]
    figures = []
    frame = points_of(facts, "learning")
    if len(frame):
        chart = charts.learning_curves(frame, names, facts["score"])
        figures.append(figure("Learning curve of cross-validation", chart, 260))
    for plot, title, x, y in CURVES:
        frame = points_of(facts, plot)
        for label in frame["class"].unique()[:MAX_CLASSES] if len(frame) else []:
            points = frame[frame["class"] == label].drop(columns="class")
            chart = charts.curves(points, names, x, y, diagonal=plot == "roc")
            figures.append(figure(f"{title} of class {label}", chart, 260))
    return figures


def draw_importance(facts: dict[str, Any]) -> list[dict[str, Any]]:
    frame = points_of(facts, "importance")
    if frame.empty:
        return []
    names = [experiment["experiment"] for experiment in facts["top"]]
    height = 60 + 24 * min(frame.feature.nunique(), charts.FEATURES)
    return [figure("A dot per experiment", charts.importance(frame, names), height)]


def draw_each(facts: dict[str, Any], plot: str) -> list[dict[str, Any]]:
    """A chart for each of the best experiments: in one chart, some points would hide others."""
    figures = []
    for rank, experiment in enumerate(facts["top"]):
        frame = pd.DataFrame(experiment.get(plot, []))
        if frame.empty:
            continue
        if plot == "confusion":
            chart = charts.confusion(frame)
        else:
            x, y = frame.columns
            chart = charts.scatter(frame, charts.colour_of(rank), x, y, diagonal=plot == "predicted")
        figures.append(figure(experiment["experiment"], chart, 200, rank=rank))
    return figures


def draw_sweep(facts: dict[str, Any]) -> list[dict[str, Any]]:
    if facts["sweep"] is None:
        return []
    chart = charts.sweep(pd.DataFrame(facts["sweep"]["trials"]), facts["score"])
    return [figure("Score by trial, and the best so far", chart, 260)]


def format_text(value: Any) -> str:
    """A value of the page; a text stays as it is, also one that Jinja marks as safe."""
    if isinstance(value, str):
        return value
    return "—" if value is None else format_value(value)


def format_markdown(value: Any) -> str:
    """A value of the Markdown, escaped unless the template marks it as safe."""
    return value if hasattr(value, "__html__") else escape_markdown(format_text(value))


def escape_markdown(text: str) -> str:
    """A text that Markdown shows as it is, also in a table."""
    text = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    return re.sub(r"([\\`*\[\]|~!#]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)


def pieces(name: str) -> list[str]:
    """The parts of a name after which a line may end."""
    return re.split("(?<=[._/-])", name)


def digest(script: str) -> str:
    """The hash by which the page's policy allows a script, so that no other script runs."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
