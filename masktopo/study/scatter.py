"""A scatter of one metric against the target, a point a network."""

import textwrap
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from masktopo.study.association import FloatArray
from masktopo.study.columns import check_columns, check_table, distinct, numbers
from masktopo.study.correlate import ONE_GROUP, correlate
from masktopo.study.findings import interval_text, method_label
from masktopo.study.style import COLOURS, GREY, MARKERS, make_axis, shades, styled

__all__ = ["plot_scatter"]

_MOST_SHADES = 8
_LOG_SPAN = 1000.0


@styled
def plot_scatter(
    df: pd.DataFrame,
    metric: str,
    target: str = "accuracy",
    *,
    hue: str | None = None,
    table: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one point a network, with the correlation and its interval as the title.

    Parameters
    ----------
    df : DataFrame
        One row a network.
    metric, target : str
        The columns of the horizontal and the vertical axis.
    hue : str, optional
        The column that gives colours: few values have a legend (numbers from dark to light),
        many numbers a colour bar.
    table : DataFrame, optional
        A table of `masktopo.correlate`, whose estimates over all groups are quoted, with its
        groups and clusters. By default the correlation over all rows, each row by itself.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        The metric's axis is logarithmic where it is never negative and spans a factor over 1000.

    Raises
    ------
    ArgumentError
        If a column is missing or not numeric, or the values of `hue` cannot be sorted.

    Examples
    --------
    >>> rows = pd.DataFrame({"gap": range(8), "accuracy": range(8)})
    >>> plot_scatter(rows, "gap").get_title(loc="left")
    'Spearman, all rows: +1.00 [1.00, 1.00], n = 8'
    """
    check_table("plot_scatter", df)
    check_columns(df, "hue", [] if hue is None else [hue])
    check_columns(df, "metric and target", [metric, target])
    if table is None:
        table = correlate(df, target=target, metrics=[metric])
    x, y = numbers(df, "metric", metric), numbers(df, "target", target)
    values = [] if hue is None else distinct(df, "hue", hue)
    axis = make_axis(ax, 6.2, 4.4)
    if hue is None:
        _draw_points(axis, x, y, COLOURS[0], MARKERS[0], None)
    else:
        _draw_hues(axis, x, y, df[hue], values)
    _scale_axis(axis, x)
    axis.set(xlabel=_with_infinite(metric, x), ylabel=_with_infinite(target, y))
    axis.set_title("\n".join(_quotes(table, metric)), loc="left", fontsize=9)
    return axis


def _draw_points(
    axis: Axes, x: FloatArray, y: FloatArray, colour: str, marker: str, label: str | None
) -> None:
    """Draw points of one colour, more transparent where there are many."""
    alpha = 0.8 if x.size < 300 else 0.5
    axis.scatter(x, y, s=22, color=colour, marker=marker, alpha=alpha, linewidths=0, label=label)


def _draw_hues(
    axis: Axes, x: FloatArray, y: FloatArray, hue: pd.Series, values: list[object]
) -> None:
    """Draw points coloured by another column, and say by what."""
    ordered = pd.api.types.is_numeric_dtype(hue)
    if ordered and len(values) > _MOST_SHADES:
        points = axis.scatter(x, y, s=22, c=hue.to_numpy(dtype=float), linewidths=0)
        axis.figure.colorbar(points, ax=axis, label=str(hue.name))
        return
    colours = shades(len(values)) if ordered else COLOURS
    for number, value in enumerate(values):
        chosen = (hue == value).to_numpy()
        drawn = (np.isfinite(x) & np.isfinite(y))[chosen].any()
        # A second round of colours comes with other markers.
        marker = MARKERS[(number + number // len(colours)) % len(MARKERS)]
        look = colours[number % len(colours)], marker
        _draw_points(
            axis, x[chosen], y[chosen], *look, f"{value}" if drawn else f"{value} (no values)"
        )
    missing = hue.isna().to_numpy()
    if missing.any():
        _draw_points(axis, x[missing], y[missing], GREY, "x", "missing")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title=str(hue.name))


def _with_infinite(name: str, values: FloatArray) -> str:
    """Name an axis, and say how many values lie at its infinite ends, where nothing is drawn."""
    infinite = int(np.isinf(values).sum())
    return f"{name} ({infinite} infinite, not drawn)" if infinite else name


def _scale_axis(axis: Axes, values: FloatArray) -> None:
    """Make the axis logarithmic where most of the values would else fall on one spot."""
    known = values[np.isfinite(values)]
    positive = known[known > 0]
    if not positive.size or known.min() < 0 or known.max() <= _LOG_SPAN * positive.min():
        return
    if positive.size == known.size:
        axis.set_xscale("log")
    else:
        axis.set_xscale("symlog", linthresh=float(positive.min()))


def _quotes(table: pd.DataFrame, metric: str) -> Iterator[str]:
    """Quote the estimates over all groups, with what is missing of them."""
    method = method_label(table)
    rows = table[(table["metric"] == metric) & (table["scope"] != ONE_GROUP)]
    for _, row in rows.iterrows():
        found = row["reason"] if pd.isna(row["coefficient"]) else interval_text(row)
        text = f"{method}, {row['scope']}: {found}, n = {row['n']:,}"
        yield textwrap.fill(text, 80, subsequent_indent="    ")
