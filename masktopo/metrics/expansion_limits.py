"""How large an expansion is at least, from the eigenvalues of a graph and its degrees."""

from dataclasses import dataclass

import numpy as np

from masktopo.metrics.expansion_sides import Sides

__all__ = ["DISCONNECTED", "Limits", "cut_bounds", "node_expansion_bound"]


@dataclass(frozen=True)
class Limits:
    """Both eigenvalues: as computed, and bounded on the safe side."""

    t2: float
    a2: float
    t2_bound: float
    a2_bound: float
    connected: bool
    certain: bool


DISCONNECTED = Limits(1.0, 0.0, 1.0, 0.0, connected=False, certain=True)


def cut_bounds(sides: Sides, limits: Limits) -> tuple[float, float]:
    """Lower bounds of conductance and edge expansion: CHUNG's, and that some edge is cut."""
    if not limits.connected:
        return 0.0, 0.0
    conductance = max((1 - limits.t2_bound) / 2, 1 / sides.n_edges)
    by_conductance = conductance * float(sides.degrees.min())
    return conductance, max(limits.a2_bound / 2, by_conductance, 1 / (sides.degrees.size // 2))


def node_expansion_bound(sides: Sides, t2_bound: float) -> float:
    """Bound the node expansion of the left side from below (after TANNER84).

    A left set S has ``vol N(S) >= vol S / (t2^2 + (1 - t2^2) vol S / E)``, which grows with
    ``vol S``. So k left nodes, whose volume is at least that of the k smallest degrees, have
    at least as many neighbours as it takes right nodes of the largest degrees to fill that
    volume. Nor can they have fewer than the k-th smallest left degree, which one of them
    reaches. This is at least the bound of the definitions, which takes the largest right degree
    for all right nodes, and on biregular graphs Tanner's, rounded up to whole nodes.

    Parameters
    ----------
    sides : Sides
        With at least two left nodes.
    t2_bound : float
        At least t2.

    Returns
    -------
    float
        The least over sets of at most half the left nodes.

    Notes
    -----
    O(n log n).
    """
    half = sides.n_left // 2
    smallest = np.sort(sides.by_left.degrees)[:half]
    share = np.cumsum(smallest) / sides.n_edges
    volume = sides.n_edges * share / (t2_bound**2 + (1 - t2_bound**2) * share)
    filled = np.cumsum(np.sort(sides.by_right.degrees)[::-1])
    # Rounding must not ask for a whole node more.
    needed = np.searchsorted(filled, volume * (1 - 1e-9)) + 1
    return float((np.maximum(needed, smallest) / np.arange(1, half + 1)).min())
