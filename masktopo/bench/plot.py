"""Cost against edges in logarithms, a panel a task, with the fitted exponents."""

import os
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from masktopo.bench.fit import LARGE, PowerLaw, fit_large
from masktopo.bench.results import Row
from masktopo.bench.table import points_by_implementation
from masktopo.errors import ArgumentError
from masktopo.study.style import COLOURS, GREY, MARKERS, styled

__all__ = ["plot_cost", "save_plot"]

Points = Sequence[tuple[float, float]]
MOST_COLUMNS = 2


@styled
def plot_cost(rows: Sequence[Row]) -> Figure:
    """Draw the median time of every implementation over the number of edges.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    matplotlib.figure.Figure
        A panel for every task with cases of at least two sizes. Lines are power laws fitted to
        the cases of at least 10 000 edges, named with their exponents; grey dashes are the same
        cases' bounds from memory bandwidth.

    Raises
    ------
    ArgumentError
        If no task has cases of two sizes.
    """
    panels = _panels(rows)
    if not panels:
        raise ArgumentError("no task was timed on two sizes, so there is no cost to plot")
    columns = min(MOST_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(6.8 * columns, 3.6 * lines), layout="constrained", squeeze=False
    )
    for axis, (suite, task) in zip(axes.flat, panels, strict=False):
        _draw_panel(axis, [row for row in rows if (row.suite, row.task) == (suite, task)])
        axis.set_title(f"{suite}: {task}", loc="left")
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    return figure


def save_plot(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Draw and write a PNG, at 160 dots an inch; parents are made as needed."""
    figure = plot_cost(rows)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def _panels(rows: Sequence[Row]) -> list[tuple[str, str]]:
    sizes: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        if row.timing is not None and row.edges > 0:
            sizes.setdefault((row.suite, row.task), set()).add(row.edges)
    return [panel for panel, edges in sizes.items() if len(edges) > 1]


def _draw_panel(axis: Axes, rows: Sequence[Row]) -> None:
    for place, (key, points) in enumerate(points_by_implementation(rows).items()):
        style = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        _draw_implementation(axis, key[2], points, *style)
    bounds = sorted({(row.edges, row.bound) for row in rows if row.bound and row.edges >= LARGE})
    if bounds:
        label = "bound from memory\nbandwidth"
        axis.plot(*zip(*bounds, strict=True), ls="", marker="_", ms=7, color=GREY, label=label)
    axis.set(xscale="log", yscale="log", xlabel="edges", ylabel="median wall time [s]")
    axis.grid(which="major", color="#e6e6e6", lw=0.6)
    axis.set_axisbelow(True)
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), borderaxespad=0, labelspacing=0.9)


def _draw_implementation(axis: Axes, name: str, points: Points, colour: str, marker: str) -> None:
    edges, seconds = zip(*sorted(points), strict=True)
    law = fit_large(points)
    label = name if law is None else f"{name}\n{_exponent_text(law)}"
    axis.plot(
        edges, seconds, ls="", marker=marker, ms=5, mec="white", mew=0.4, color=colour, label=label
    )
    if law is not None:
        ends = np.array([min(edge for edge in edges if edge >= LARGE), edges[-1]])
        axis.plot(ends, [law(end) for end in ends], color=colour, lw=1.2)


def _exponent_text(law: PowerLaw) -> str:
    return rf"edges$^{{{law.exponent:.2f} \pm {law.error:.2f}}}$"
