"""What the plots of a study share: colours, fonts, and an axis to draw on."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.transforms import ScaledTranslation

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "MARKERS",
    "STYLE",
    "legend_below",
    "make_axis",
    "shades",
    "styled",
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

INK = "#222222"
GREY = "#8a8a8a"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5D3B", "#4D4D4D")
"""Colours that stay apart for readers with any of the common colour deficiencies."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.fontsize": 9,
    "legend.title_fontsize": 9,
    "legend.frameon": False,
}
"""Settings of matplotlib under which the plots are drawn; the user's own stay as they are."""


def styled(plot: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function plot under `STYLE`."""

    @wraps(plot)
    def plotted(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with mpl.rc_context(cast(Any, STYLE)):
            return plot(*args, **kwargs)

    return plotted


def make_axis(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or the axis of a new figure of this size in inches."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def legend_below(axis: Axes, labels: Sequence[str]) -> None:
    """Put the legend under the axis label, in as many columns as its labels leave room for."""
    columns = max(1, min(len(labels), 64 // (max(map(len, labels)) + 6)))
    down = ScaledTranslation(0, -0.68, axis.figure.dpi_scale_trans)
    axis.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=axis.transAxes + down,
        ncols=columns,
        borderaxespad=0,
    )


def shades(n: int) -> Sequence[str]:
    """Return `n` colours from dark to light, for values that have an order."""
    ramp = mpl.colormaps["viridis"]
    return [to_hex(ramp(0.85 * i / max(1, n - 1))) for i in range(n)]
