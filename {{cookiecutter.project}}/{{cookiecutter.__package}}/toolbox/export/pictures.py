"""Pictures of plots, as MLflow's own autologging draws them: with matplotlib, which MLflow needs too."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .results import PLOT_AXES, Points

SIZE, DPI = (6, 4.5), 110
MAX_NUMBERED = 12  # classes of a confusion matrix with numbers in it
MAX_BARS = 30


def write_pictures(plots: dict[str, Points], folder: Path) -> None:
    """Draw each plot whose axes are known into a file of its name, a PNG."""
    for name, points in plots.items():
        if name in PLOT_AXES:
            figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
            draw(figure.subplots(), name, points)
            figure.savefig(folder / f"{name}.png")


def draw(axes: Axes, name: str, points: Points) -> None:
    """Draw a matrix, bars, dots or curves, by the name of the plot."""
    x, y = PLOT_AXES[name]
    axes.set_title(name.replace("_", " "))
    axes.set_xlabel(x.replace("_", " "))
    axes.set_ylabel(y.replace("_", " "))
    if name == "confusion":
        draw_matrix(axes, points)
    elif name in ("importance", "folds"):
        bars = points[:MAX_BARS][::-1]
        axes.barh([str(bar[y]) for bar in bars], [bar[x] for bar in bars])
    elif name in ("predicted", "residuals"):
        axes.scatter([dot[x] for dot in points], [dot[y] for dot in points], s=10, alpha=0.6)
    else:
        draw_curves(axes, points, x, y)


def draw_matrix(axes: Axes, points: Points) -> None:
    """A confusion matrix, each row of actual classes shaded by its shares."""
    actual, predicted = (list(dict.fromkeys(point[key] for point in points)) for key in ("actual", "predicted"))
    counts = np.zeros((len(actual), len(predicted)))
    for point in points:
        counts[actual.index(point["actual"]), predicted.index(point["predicted"])] = point["count"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.6)
    axes.set_xticks(range(len(predicted)), predicted, rotation=45 if len(predicted) > 4 else 0)
    axes.set_yticks(range(len(actual)), actual)
    if len(actual) <= MAX_NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, f"{count:.0f}", ha="center", va="center")


def draw_curves(axes: Axes, points: Points, x: str, y: str) -> None:
    """A line for each class, or one if there are none."""
    classes = list(dict.fromkeys(point.get("class") for point in points))
    for label in classes:
        line = [point for point in points if point.get("class") == label]
        axes.plot([point[x] for point in line], [point[y] for point in line], label=label)
    if classes != [None]:
        axes.legend(title="class")
