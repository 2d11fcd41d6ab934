"""Draw the charts of the report: each function takes a frame and returns a chart without legend and title.

The page has one legend for all of them, and captions. It sets the colours of text and lines, so that they can be read
on white, on black and on paper.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ...core.formatting import format_value

# Okabe and Ito's colours, which colour-blind people can distinguish; the blue is lighter, to be seen on black too.
COLOURS = ("#2B87C8", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#8c959f"
MISSING_POSITION = -0.15  # on an axis of parallel coordinates, below the smallest value
AXES = 9  # of parallel coordinates, at most
FEATURES = 15  # in the chart of importance, at most
NUMBERED_CLASSES = 12  # of a confusion matrix with numbers in it, at most

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart


def to_spec(chart: Drawing, height: int) -> dict[str, Any]:
    """The chart as Vega-Lite, as wide as its place on the page."""
    chart = chart.properties(width="container", height=height, background="transparent")
    chart = chart.configure(font="system-ui, sans-serif", padding=2).configure_view(stroke=None)
    chart = chart.configure_axis(labelFontSize=11, titleFontSize=11, titleFontWeight="normal", labelLimit=140)
    with alt.data_transformers.disable_max_rows():
        return chart.to_dict()


def colour_of(position: int) -> str:
    """The colour of the experiment of this rank, the same in every chart."""
    return COLOURS[position % len(COLOURS)]


def metric_over_commits(frame: pd.DataFrame, metric: str) -> Drawing:
    """Draw a metric of a branch. frame: commit, subject, time, value; the oldest first."""
    y = _axis("value", None)
    if frame.value.nunique() == 1:  # an axis of one value would be labelled 1
        value = frame.value.iloc[0]
        y = y.scale(domain=[value - (abs(value) / 20 or 1), value + (abs(value) / 20 or 1)])
    chart = alt.Chart(frame).encode(
        x=alt.X("commit:N", sort=None, axis=alt.Axis(labelAngle=-45, grid=False), title=None),
        y=y,
        tooltip=["commit:N", "subject:N", "time:N", alt.Tooltip("value:Q", title=metric, format=".4~g")],
    )
    return chart.mark_line(color=COLOURS[0]) + chart.mark_circle(color=COLOURS[0], size=45, opacity=1)


def parallel(frame: pd.DataFrame, names: list[str]) -> Drawing:
    """Draw a line per experiment, those in names in colour and on top. frame: experiment, then a column per axis."""
    lines, labels, width = [], [], 900 / (len(frame.columns) - 1) - 8
    for axis in frame.columns[1:]:
        positions, marks = _along(frame[axis])
        values = frame[axis].map(lambda value: format_value(value) or "none")
        lines.append(pd.DataFrame({"experiment": frame.experiment, "axis": axis, "at": positions, "value": values}))
        labels += [{"axis": axis, "at": at, "label": label} for label, at in marks.items()]
    lines = pd.concat(lines)
    x = alt.X("axis:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-18, domain=False, ticks=False))
    y = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[MISSING_POSITION - 0.05, 1.05]))
    encoded = {"x": x, "y": y, "detail": "experiment:N", "tooltip": ["experiment:N", "axis:N", "value:N"]}
    best = lines.experiment.isin(names)
    rules = alt.Chart(pd.DataFrame({"axis": frame.columns[1:], "low": MISSING_POSITION, "high": 1.0}))
    return alt.layer(
        rules.mark_rule(color=GREY).encode(x=x, y=alt.Y("low:Q", axis=None), y2="high:Q"),
        alt.Chart(lines[~best]).mark_line(color=GREY, opacity=0.4, strokeWidth=1.2).encode(**encoded),
        alt.Chart(lines[best]).mark_line(strokeWidth=2.5).encode(**encoded, color=_colour(names)),
        alt.Chart(pd.DataFrame(labels))
        .mark_text(align="left", dx=5, dy=-6, limit=width)
        .encode(x=x, y=y, text="label:N"),
    )


def learning_curves(frame: pd.DataFrame, names: list[str], score: str) -> Drawing:
    """Draw cv_mean by the number of training rows. frame: experiment, step (that number), cv_mean."""
    chart = alt.Chart(frame).mark_line(point=alt.OverlayMarkDef(size=30))
    x = alt.X("step:Q", title="rows of training data", axis=alt.Axis(grid=False, tickCount=6))
    return chart.encode(x=x, y=_axis("cv_mean", score), color=_colour(names), tooltip=_tips("step", "cv_mean"))


def curves(frame: pd.DataFrame, names: list[str], x: str, y: str, diagonal: bool) -> Drawing:
    """Draw curves with both axes from 0 to 1, such as ROC. frame: experiment, x, y, order."""
    ends = pd.DataFrame({x: [0, 1], y: [0, 1]} if diagonal else {x: [], y: []})
    chance = alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4], strokeWidth=1)
    unit, axis = alt.Scale(domain=[0, 1]), alt.Axis(tickCount=5)
    scales = {
        "x": alt.X(f"{x}:Q", title=_words(x), scale=unit, axis=axis),
        "y": alt.Y(f"{y}:Q", title=_words(y), scale=unit, axis=axis),
    }
    lines = alt.Chart(frame).mark_line(interpolate="linear", strokeWidth=2)
    return chance.encode(**scales) + lines.encode(**scales, order="order:Q", color=_colour(names), tooltip=_tips(x, y))


def confusion(frame: pd.DataFrame) -> Drawing:
    """Draw a confusion matrix: the darker, the larger the share of the class. frame: actual, predicted, count."""
    frame = frame.assign(share=frame["count"] / frame.groupby("actual")["count"].transform("sum").clip(lower=1))
    axis = alt.Axis(grid=False, domain=False, ticks=False, labelOverlap=True, labelAngle=0, labelLimit=90)
    chart = alt.Chart(frame).encode(
        x=alt.X("predicted:N", axis=axis, sort=None),
        y=alt.Y("actual:N", axis=axis, sort=None),
        tooltip=["actual:N", "predicted:N", "count:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    # At most 60%, so that a black or white number on it can be read.
    shade = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.6]), legend=None)
    cells = chart.mark_rect(color="#56B4E9").encode(opacity=shade)
    return alt.layer(
        cells, *([chart.mark_text().encode(text="count:Q")] if frame.actual.nunique() <= NUMBERED_CLASSES else [])
    )


def scatter(frame: pd.DataFrame, colour: str, x: str, y: str, diagonal: bool) -> Drawing:
    """Draw points, with the line on which x and y are equal, or else on which y is 0. frame: x, y."""
    low, high = frame[x].min(), frame[x].max()
    ends = pd.DataFrame({x: [low, high], y: [low, high] if diagonal else [0, 0]})
    encoded = {
        "x": alt.X(f"{x}:Q", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
        "y": alt.Y(f"{y}:Q", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
    }
    dots = alt.Chart(frame).mark_circle(color=colour, size=22, opacity=0.6)
    return dots.encode(**encoded) + alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(**encoded)


def importance(frame: pd.DataFrame, names: list[str]) -> Drawing:
    """Draw the most important features, a dot per experiment. frame: experiment, feature, importance."""
    order = frame.groupby("feature").importance.mean().sort_values(ascending=False).index[:FEATURES]
    chart = alt.Chart(frame[frame.feature.isin(order)]).mark_circle(size=90, opacity=0.85)
    x = alt.X("importance:Q", title="loss of test score when the column is shuffled", axis=alt.Axis(tickCount=8))
    y = alt.Y("feature:N", sort=list(order), title=None, axis=alt.Axis(grid=True))
    return chart.encode(x=x, y=y, color=_colour(names), tooltip=_tips("feature", "importance"))


def sweep(frame: pd.DataFrame, score: str) -> Drawing:
    """Draw a dot per trial, hollow if it was pruned, and the best so far as a line. frame: trial, state, value."""
    frame = frame[frame.value.notna()].sort_values("trial")
    best = frame[frame.state == "COMPLETE"].assign(best=lambda rows: rows.value.cummax())
    x = alt.X("trial:Q", axis=alt.Axis(grid=False, tickMinStep=1))
    whole = alt.condition("datum.state == 'COMPLETE'", alt.value(COLOURS[0]), alt.value("transparent"))
    tips = ["trial:Q", "state:N", alt.Tooltip("value:Q", format=".4~g")]
    dots = alt.Chart(frame).mark_point(size=45, stroke=COLOURS[0], strokeWidth=1.2, opacity=0.8)
    line = alt.Chart(best).mark_line(color=COLOURS[1], interpolate="step-after", strokeWidth=2)
    y = _axis("value", score)
    return line.encode(x=x, y=_axis("best", score)) + dots.encode(x=x, y=y, fill=whole, tooltip=tips)


def _axis(field: str, title: str | None) -> alt.Y:
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))


def _colour(names: list[str]) -> alt.Color:
    colours = [colour_of(position) for position in range(len(names))]
    return alt.Color("experiment:N", scale=alt.Scale(domain=names, range=colours), legend=None)


def _tips(*fields: str) -> list[str | alt.Tooltip]:
    return ["experiment", *(field if field == "feature" else alt.Tooltip(field, format=".4~g") for field in fields)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _along(column: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    """Positions on an axis from 0 to 1: of each value of the column, and of the labels of the axis."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        positions, labels = _along_numbers(column.dropna().astype(float))
    else:
        positions, labels = _along_texts(column.dropna().map(format_value))
    if column.isna().any():
        labels["none"] = MISSING_POSITION
    return positions.reindex(column.index).fillna(MISSING_POSITION).astype(float), labels


def _along_numbers(numbers: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    low, high = numbers.min(), numbers.max()
    labels = {format_value(low): 0.0, format_value(high): 1.0}
    if low > 0 and high / low >= 100:  # such as a learning rate
        low, high, numbers = np.log(low), np.log(high), np.log(numbers)
    return (numbers - low) / (high - low or 1), labels


def _along_texts(texts: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    values = sorted(set(texts))
    labels = {value: position / max(len(values) - 1, 1) for position, value in enumerate(values)}
    return texts.map(labels), labels
