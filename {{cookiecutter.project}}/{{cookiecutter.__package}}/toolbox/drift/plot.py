"""Draw what drift reports: the index of each column, and its distribution in the reference and in the current rows."""

import html
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from ...core.files import write_text
from ..report.charts import COLOURS, GREY

MAX_BARS = 30  # columns in the chart of the index
MAX_DISTRIBUTIONS = 12  # columns whose distribution is drawn
PER_ROW = 3
LEVELS = {"drifted": COLOURS[1], "moderate": COLOURS[4], "stable": COLOURS[2], "unclear": GREY, "not judged": GREY}
SIDES = {"reference": GREY, "current": COLOURS[0]}
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Drift</title>
<body style="font-family: sans-serif">
<h1 style="font-size: 1.2em">{title}</h1>
{svg}
</body>
</html>
"""


def save(facts: dict[str, Any], title: str, path: Path) -> None:
    """Write the page: a drawing without a script, which opens without a network."""
    columns = facts["columns"]
    charts = [draw_distribution(column) for column in columns[:MAX_DISTRIBUTIONS]]
    distributions = alt.concat(*charts, columns=PER_ROW)
    distributions = distributions.resolve_scale(color="shared", x="independent", xOffset="independent", y="independent")
    indices = draw_indices(columns[:MAX_BARS], facts["threshold"])
    chart = alt.vconcat(indices, distributions, spacing=40).resolve_scale(color="independent")
    chart = chart.configure(font="sans-serif").configure_view(stroke=None)
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=alt.SCHEMA_VERSION.rpartition(".")[0])
    write_text(path, PAGE.format(title=html.escape(title), svg=svg))


def draw_indices(columns: list[dict[str, Any]], threshold: float) -> alt.LayerChart:
    """Draw a bar per column, in the colour of its level, and the threshold."""
    frame = pd.DataFrame(columns)[["name", "psi", "level"]]
    bars = alt.Chart(frame).mark_bar()
    bars = bars.encode(
        x=alt.X("psi:Q", title="population stability index"),
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        color=_colour("level", LEVELS),
    )
    rule = alt.Chart(pd.DataFrame({"psi": [threshold]})).mark_rule(strokeDash=[4, 4]).encode(x="psi:Q")
    return (bars + rule).properties(width=700, height=alt.Step(18))


def draw_distribution(column: dict[str, Any]) -> alt.Chart:
    """Draw the share of the rows in each bin, in the reference and in the current rows."""
    frame = pd.DataFrame(column["bins"]).melt("bin", var_name="rows", value_name="share")
    subtitle = f"PSI {column['psi']:.3f}, {column['level']}"
    title = alt.TitleParams(column["name"], subtitle=subtitle, limit=240, anchor="start")
    bars = alt.Chart(frame, title=title).mark_bar()
    bars = bars.encode(
        x=alt.X("bin:N", sort=None, title=None, axis=alt.Axis(labelAngle=-60, labelLimit=110)),
        xOffset=alt.XOffset("rows:N", sort=list(SIDES)),
        y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
        color=_colour("rows", SIDES),
    )
    return bars.properties(width=240, height=130)


def _colour(field: str, colours: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=alt.Legend(orient="top"))
