"""Pictures of a PAGS run: the score over its samples, and the coordinates of its candidates."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from masktopo.metrics.spectral import COORDINATES
from masktopo.pictures import COLORS, LABELS
from masktopo.sampling.result import PagsResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_candidates", "plot_run", "plot_scores"]

_CHOSEN, _TICKET = "black", "#D55E00"


def plot_run(result: PagsResult) -> "Figure":
    """Draw the score over the samples, and below it each coordinate over the candidates.

    Parameters
    ----------
    result : PagsResult

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 10), layout="constrained")
    grid = figure.add_gridspec(3, 2)
    plot_scores(result, ax=figure.add_subplot(grid[0, :]))
    for place, name in enumerate(COORDINATES):
        ax = figure.add_subplot(grid[1 + place // 2, place % 2])
        plot_candidates(result, name, ax=ax)
        if place == 0:
            ax.legend(frameon=False, fontsize="small")
    return figure


def plot_scores(result: PagsResult, *, ax: "Axes | None" = None) -> "Axes":
    """Draw every candidate's mean score, the best so far, and that of the chosen masks."""
    ax = _axis(ax)
    means = _means(result.history, "score")
    ax.plot(means.index, means, ".", color="0.6", label="candidates")
    ax.plot(means.index, means.cummax(), color=COLORS["imdb"], label="best whole mask so far")
    ax.axhline(means.iloc[0], color=_TICKET, linestyle="--", label="ticket 0")
    chosen = _finite(result.layers["score"]).mean()
    ax.axhline(chosen, color=_CHOSEN, linewidth=1, label="chosen, after the repair")
    ax.set_xlabel("sample")
    ax.set_ylabel(f"{result.settings.score}, mean over layers")
    ax.set_title(f"PAGS of {result.settings.recipe.origin}")
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def plot_candidates(result: PagsResult, name: str, *, ax: "Axes | None" = None) -> "Axes":
    """Draw one coordinate of all candidates, layer by layer; gaps are layers that are not valid.

    Parameters
    ----------
    result : PagsResult
    name : str
        One of `masktopo.metrics.spectral.COORDINATES`.
    ax : matplotlib Axes, optional
    """
    ax = _axis(ax)
    table = result.history.pivot(index="candidate", columns="layer", values=name)
    table = table[list(result.layers.index)]
    places = np.arange(table.shape[1])
    spread = np.random.default_rng(0).uniform(-0.25, 0.25, table.shape)
    ax.plot((places + spread).ravel(), table.to_numpy().ravel(), ".", color="0.7", markersize=2)
    ticket = table.loc[0]
    ax.plot(places, ticket, "_", color=_TICKET, markersize=9, label="ticket 0")
    ax.plot(places, result.layers[name], "x", color=_CHOSEN, markersize=5, label="chosen")
    ax.set_title(LABELS[name], color=COLORS[name])
    ax.set_xlabel("layer, from input to output")
    ax.set_xticks(places, minor=True)
    return ax


def _axis(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4), layout="constrained").subplots()


def _means(history: pd.DataFrame, column: str) -> "pd.Series[float]":
    values = _finite(history[column])
    means: pd.Series[float] = values.groupby(history["candidate"]).mean()
    return means


def _finite(values: "pd.Series[float]") -> "pd.Series[float]":
    """Count as 0 what the selection counts as 0."""
    return values.where(np.isfinite(values), 0.0)
