"""Plots of correlations: dots with whiskers, and scatters. Each takes an axis and returns it."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from masktopo.errors import ArgumentError
from masktopo.study.columns import check_table
from masktopo.study.correlate import COLUMNS, ONE_GROUP
from masktopo.study.findings import method_label
from masktopo.study.scatter import plot_scatter
from masktopo.study.style import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    legend_below,
    make_axis,
    shades,
    styled,
)

__all__ = ["plot_correlations", "plot_scatter"]

# More groups than this are drawn as dots without whiskers and without names.
_MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class _Series:
    """Estimates that share a look: those of one group, of one scope, or of many groups."""

    label: str
    rows: pd.DataFrame
    colour: str
    marker: str = "o"
    size: float = 4.5
    width: float = 1.1
    whiskers: bool = True


@styled
def plot_correlations(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    r"""Draw correlations as dots with their intervals, one line a metric.

    Parameters
    ----------
    table : DataFrame
        As `masktopo.correlate` returns it, or several of its tables concatenated. Estimates
        over all groups are large; up to 6 groups have colours and intervals, more are small
        grey dots.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        Metrics from the most positive to the most negative, by the last scope of the table;
        those without a coefficient come last, with the reason. A label carries n where it
        differs from the commonest.

    Raises
    ------
    ArgumentError
        If the table is not one of correlations, or is empty.

    Examples
    --------
    >>> from masktopo.study.correlate import correlate
    >>> rows = pd.DataFrame({"gap": range(8), "accuracy": range(8)})
    >>> plot_correlations(correlate(rows, resamples=100)).get_xlabel()
    'Spearman correlation with accuracy\n95 % intervals, n = 8'
    """
    _check_correlations(table)
    lines = _lines(table)
    series = _series(table)
    dodged = [one for one in series if one.whiskers]
    axis = make_axis(ax, 7.0, 1.4 + len(lines) * max(0.28, 0.1 + 0.09 * len(dodged)))
    axis.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    for one in series:
        shift = _shift(dodged.index(one), len(dodged)) if one.whiskers else 0.0
        _draw_series(axis, one, lines, shift)
    _label_lines(axis, lines)
    axis.set_xlabel(_axis_label(table, lines))
    if len(series) > 1:
        legend_below(axis, [one.label for one in series])
    return axis


def _check_correlations(table: pd.DataFrame) -> None:
    """Raise unless `table` has the columns of a table of correlations, and rows."""
    check_table("plot_correlations", table)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ArgumentError(
            f"not a table of masktopo.correlate: it has no column {', '.join(missing)}"
        )
    if table.empty:
        raise ArgumentError("the table of correlations has no rows")


def _group_columns(table: pd.DataFrame) -> list[str]:
    """List the columns that name groups: those that the result has not by itself."""
    return [str(name) for name in table.columns if name not in COLUMNS]


def _lines(table: pd.DataFrame) -> pd.DataFrame:
    """Sort the metrics as they are drawn from top to bottom; index: metric."""
    pooled = table[table["scope"] != ONE_GROUP]
    scope = (table if pooled.empty else pooled)["scope"].iloc[-1]
    last = table[table["scope"] == scope].groupby("metric", sort=False)
    lines = last.agg({"coefficient": "mean", "n": "max", "reason": "first"})
    everything: pd.DataFrame = lines.reindex(table["metric"].unique())
    return everything.sort_values("coefficient", ascending=False, kind="stable")


def _series(table: pd.DataFrame) -> list[_Series]:
    """Divide the estimates into series: scopes over all groups, then the groups."""
    groups = table[table["scope"] == ONE_GROUP]
    pooled = table[table["scope"] != ONE_GROUP]
    scopes = list(pooled.groupby("scope", sort=False))
    looks = [(INK, "o"), (COLOURS[1], "D"), (COLOURS[0], "s"), (COLOURS[2], "^")]
    large = [
        _Series(
            str(scope), rows, *looks[(len(scopes) - 1 - number) % len(looks)], size=6, width=2.0
        )
        for number, (scope, rows) in enumerate(scopes)
    ]
    return [*large, *_group_series(groups)]


def _group_series(groups: pd.DataFrame) -> list[_Series]:
    """Make a series of each group, or one of all where they are many."""
    columns = [name for name in _group_columns(groups) if groups[name].notna().any()]
    if not columns:
        return []
    divided = list(groups.groupby(columns, sort=True, dropna=False))
    if len(divided) > _MOST_NAMED:
        label = f"each {', '.join(columns)} ({len(divided)} groups)"
        return [_Series(label, groups, GREY, size=3, whiskers=False)]
    ordered = len(columns) == 1 and pd.api.types.is_numeric_dtype(groups[columns[0]])
    colours = shades(len(divided)) if ordered else COLOURS
    return [
        _Series(_group_label(columns, key), rows, colours[number], MARKERS[number])
        for number, (key, rows) in enumerate(divided)
    ]


def _group_label(columns: list[str], key: tuple[object, ...]) -> str:
    """Name a group: with its column where it is a number, which says little by itself."""
    pairs = zip(columns, key, strict=True)
    return ", ".join(
        value if isinstance(value, str) else f"{name} {value}" for name, value in pairs
    )


def _shift(number: int, total: int) -> float:
    """Place series `number` of `total` within the height of a line, the first on top."""
    step = 0.66 / max(3, total - 1)
    return step * ((total - 1) / 2 - number)


def _draw_series(axis: Axes, series: _Series, lines: pd.DataFrame, shift: float) -> None:
    """Draw the estimates that exist, with whiskers where they have intervals."""
    rows = series.rows[series.rows["coefficient"].notna()]
    place = {metric: -line for line, metric in enumerate(lines.index)}
    heights = rows["metric"].map(place).to_numpy(dtype=float) + shift
    if series.whiskers:
        axis.hlines(heights, rows["low"], rows["high"], color=series.colour, linewidth=series.width)
    axis.plot(
        rows["coefficient"].to_numpy(dtype=float),
        heights,
        linestyle="none",
        marker=series.marker,
        markersize=series.size,
        zorder=3 if series.whiskers else 2,
        color=series.colour,
        markeredgecolor="white",
        markeredgewidth=0.5,
        alpha=1.0 if series.whiskers else 0.55,
        label=series.label,
    )


def _label_lines(axis: Axes, lines: pd.DataFrame) -> None:
    """Name the metrics, and say why one has no coefficient."""
    common = _common_n(lines)
    names = []
    for line, (metric, row) in enumerate(lines.iterrows()):
        known = pd.notna(row["coefficient"])
        names.append(
            f"{metric} (n = {row['n']:,.0f})" if known and row["n"] != common else f"{metric}"
        )
        if not known:
            axis.text(0.03, -line, f"{row['reason']}", color=GREY, va="center", fontsize=8)
        if line % 2:
            axis.axhspan(-line - 0.5, -line + 0.5, color="#f4f4f4", linewidth=0, zorder=-1)
    axis.set_yticks(range(0, -len(lines), -1), names)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(0.5 - len(lines), 0.5)
    axis.set_xlim(-1.04, 1.04)
    axis.set_xticks([-1, -0.5, 0, 0.5, 1])


def _common_n(lines: pd.DataFrame) -> float:
    """Return the commonest number of rows of the metrics that have a coefficient."""
    counts = lines.loc[lines["coefficient"].notna(), "n"].mode()
    return float(counts.iloc[0]) if len(counts) else 0.0


def _axis_label(table: pd.DataFrame, lines: pd.DataFrame) -> str:
    """Say what the horizontal axis shows; a table that lost its `attrs` says less."""
    found = table.attrs
    notes = [f"n = {_common_n(lines):,.0f}"]
    if "confidence" in found:
        notes.insert(0, f"{found['confidence'] * 100:g} % intervals")
    method = method_label(table)
    what = method if method == "correlation" else f"{method} correlation"
    return f"{what} with {found.get('target', 'the target')}\n{', '.join(notes)}"
