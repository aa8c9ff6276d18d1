"""Pictures of a report's layers: data and an axis in, the axis out."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from masktopo.errors import ArgumentError
from masktopo.metrics.spectral import COORDINATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_coordinates", "plot_densities"]

# Okabe and Ito's colours, which most colour-blind readers can tell apart.
COLORS = dict(zip(COORDINATES, ("#0072B2", "#E69F00", "#009E73", "#CC79A7"), strict=True))
MARKERS = dict(zip(COORDINATES, "osD^", strict=True))
LABELS = {
    "ramanujan_gap": "Ramanujan gap",
    "weighted_spectral_gap": "weighted spectral gap",
    "imdb": "IMDB",
    "imsg": "IMSG",
}


def plot_coordinates(layers: pd.DataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw every layer's full-spectrum coordinate; layers that are not valid leave a gap.

    Parameters
    ----------
    layers : DataFrame
        A report's layers, with at least one of the coordinates.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    shown = [name for name in COORDINATES if name in layers]
    if not shown:
        raise ArgumentError(
            f"the report holds none of {', '.join(COORDINATES)}: analyze with metrics='spectral'"
        )
    ax = _layer_axis(layers, ax)
    places = np.arange(len(layers))
    for name in shown:
        values = layers[name].to_numpy(np.float64)
        ax.plot(places, values, marker=MARKERS[name], color=COLORS[name], label=LABELS[name])
    ax.axhline(0, color="0.4", linewidth=0.8)
    finite = np.isfinite(layers[shown].to_numpy(np.float64)).all(axis=1).sum()
    ax.set_title(f"Spectral coordinates ({finite} of {len(layers)} layers have all)")
    _add_legend(ax)
    return ax


def plot_densities(layers: pd.DataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw every layer's density, and the density that lies on paths where it is known.

    Parameters
    ----------
    layers : DataFrame
        A report's layers.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = _layer_axis(layers, ax)
    places = np.arange(len(layers))
    ax.bar(places, layers["density"], width=0.75, color="#BBBBBB", label="density")
    if "effective_density" in layers and layers["effective_density"].notna().any():
        effective = layers["effective_density"]
        ax.bar(places, effective, width=0.45, color="#0072B2", label="on an input-output path")
    ax.set_title("Density of the layers")
    ax.set_ylim(bottom=0)
    _add_legend(ax)
    return ax


def _add_legend(ax: "Axes") -> None:
    """Add a legend in two columns, with room for it above all that is drawn."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))
    ax.legend(frameon=False, loc="upper center", ncols=2)


def _layer_axis(layers: pd.DataFrame, ax: "Axes | None") -> "Axes":
    """Prepare an axis with one place a layer; at most some 40 of them carry their name."""
    if ax is None:
        from matplotlib.figure import Figure

        width = min(max(6.0, 0.35 * len(layers) + 2), 16.0)
        ax = Figure(figsize=(width, 4.2), layout="constrained").subplots()
    step = max(1, -(-len(layers) // 40))
    ax.set_xticks(np.arange(len(layers))[::step])
    names = [_short(str(name)) for name in layers.index[::step]]
    # An axis holds some 60 letters, and its places are equally far apart.
    widest = max(((len(left) + len(right)) / 2 for left, right in pairwise(names)), default=0)
    crowded = widest * len(names) > 60
    turn, side = (60, "right") if crowded else (0, "center")
    # A name may hold dollars, between which matplotlib would look for a formula.
    ax.set_xticklabels(names, rotation=turn, ha=side, parse_math=False)
    ax.set_xlim(-0.6, max(len(layers), 1) - 0.4)
    ax.set_xlabel("layer, from input to output")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _short(name: str, most: int = 28) -> str:
    """Keep the end of a long layer name, which tells layers apart."""
    return name if len(name) <= most else "…" + name[-most + 1 :]
