"""report: all experiments on one page that needs no network, and the same in Markdown for a pull request."""

import base64
import hashlib
import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from altair import SCHEMA_VERSION

from .. import params
from ..errors import UserError
from ..files import replacing
from . import charts
from .compare import headings
from .facts import collect

SHOWN_CLASSES = 4  # with curves of their own


def run(arguments: Namespace) -> None:
    """Write the page and its Markdown, or print the facts that they show. Raises UserError where there are none."""
    page = Path(arguments.output)
    if page.suffix != ".html":
        raise UserError(f"--output {arguments.output}: is no .html file; the Markdown goes beside it")
    params.read()  # which says where to run this
    facts = collect(arguments.all, arguments.where, arguments.top)
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for path, text in ((page, html(facts)), (page.with_suffix(".md"), markdown(facts))):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


def html(facts: dict[str, Any]) -> str:
    """The page, with all that it needs in it."""
    bundle = vl_convert.javascript_bundle(vl_version=SCHEMA_VERSION.rpartition(".")[0])
    bundle = bundle.replace("</script", r"<\/script")
    page = template("report.html", autoescape=True, finalize=shown)
    return page.render(facts, bundle=bundle, figures=figures(facts))


def markdown(facts: dict[str, Any]) -> str:
    """The same for a pull request, without the charts."""
    # What the template calls safe, as an indented line of code is, has __html__.
    page = template("report.md", finalize=lambda cell: cell if hasattr(cell, "__html__") else escaped(shown(cell)))
    return page.render(facts)


def template(name: str, **options: Any) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    options |= {"trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
    pages = jinja2.Environment(loader=loader, **options)
    pages.filters |= {"flat": params.flat, "headings": headings, "digest": digest, "pieces": pieces}
    pages.filters["colour_of"] = charts.colour_of
    return pages.get_template(name)


def figures(facts: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The charts of each section: title, spec, and for one of a single experiment, its rank."""
    return {
        "history": _of_commits(facts),
        "parallel": _parallel(facts),
        **_of_the_best(facts),
        "sweep": _of_sweep(facts),
    }


def _of_commits(facts: dict[str, Any]) -> list[dict[str, Any]]:
    drawn = []
    for metric in dict.fromkeys(name for commit in facts["history"] for name in commit["scores"]):
        records = [{**commit, "value": commit["scores"].get(metric)} for commit in facts["history"]]
        frame = pd.DataFrame(records).drop(columns="scores").dropna()
        if len(frame) > 1:
            drawn.append({"title": metric, "spec": charts.spec(charts.metric_over_commits(frame, metric), 130)})
    return drawn


def _parallel(facts: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [row for row in facts["experiments"] if row["ranked"]]
    several = {name: len({repr(row.get(name)) for row in rows}) for name in facts["params"]}
    # Those with the most values, in the order of params.yaml.
    most = sorted(facts["params"], key=several.__getitem__, reverse=True)[: charts.AXES - 1]
    axes = [name for name in facts["params"] if name in most and several[name] > 1] + ["cv_mean"]
    if len(rows) < 3 or len(axes) < 2:
        return []
    frame = pd.DataFrame([[row["label"], *map(row.get, axes)] for row in rows], columns=["experiment", *headings(axes)])
    names = [one["experiment"] for one in facts["top"]]
    spec = charts.spec(charts.parallel(frame.convert_dtypes(), names), 340)
    return [{"title": f"{len(frame)} experiments, the best {len(names)} in colour", "spec": spec}]


def _of_the_best(facts: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Charts of the best few: overlaid, or where that would hide one behind another, side by side."""
    names = [one["experiment"] for one in facts["top"]]

    def together(plot: str) -> pd.DataFrame:
        points = [{"experiment": one["experiment"], **point} for one in facts["top"] for point in one.get(plot, [])]
        return pd.DataFrame(points).round(5)

    drawn = {"curves": [], "confusion": [], "importance": [], "predicted": [], "residuals": []}
    if len(frame := together("learning")):
        chart = charts.spec(charts.learning_curves(frame, names, facts["score"]), 260)
        drawn["curves"].append({"title": "Learning curve of cross-validation", "spec": chart})
    for plot, title, x, y in (
        ("roc", "ROC curve", "false_positive_rate", "true_positive_rate"),
        ("precision_recall", "Precision-recall curve", "recall", "precision"),
    ):
        frame = together(plot)
        for label in frame["class"].unique()[:SHOWN_CLASSES] if len(frame) else []:
            chart = charts.curves(frame[frame["class"] == label].drop(columns="class"), names, x, y, plot == "roc")
            drawn["curves"].append({"title": f"{title} of class {label}", "spec": charts.spec(chart, 260)})
    if len(frame := together("importance")):
        height = 60 + 24 * min(frame.feature.nunique(), charts.FEATURES)
        chart = charts.spec(charts.importance(frame, names), height)
        drawn["importance"].append({"title": "A dot per experiment", "spec": chart})
    for rank, one in enumerate(facts["top"]):
        frames = {plot: pd.DataFrame(one.get(plot, [])) for plot in ("confusion", "predicted", "residuals")}
        for plot, frame in frames.items():
            if len(frame):
                chart = (
                    charts.confusion(frame)
                    if plot == "confusion"
                    else charts.scatter(frame, charts.colour_of(rank), *frame.columns, plot == "predicted")
                )
                drawn[plot].append({"title": one["experiment"], "rank": rank, "spec": charts.spec(chart, 200)})
    return drawn


def _of_sweep(facts: dict[str, Any]) -> list[dict[str, Any]]:
    if facts["sweep"] is None:
        return []
    chart = charts.sweep(pd.DataFrame(facts["sweep"]["trials"]), facts["score"])
    return [{"title": "Score by trial, and the best so far", "spec": charts.spec(chart, 260)}]


def shown(value: Any) -> str:
    """A value as people read it; a text stays as it is."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, str):
        return value
    return "—" if value is None else json.dumps(value, ensure_ascii=False)


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in a table too."""
    text = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    return re.sub(r"([\\`*\[\]|~!#]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)


def pieces(name: str) -> list[str]:
    """The name in pieces that a line may end after."""
    return re.split("(?<=[._/-])", name)


def digest(script: str) -> str:
    """What the page's policy names a script by, so that no other script runs."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
