"""How cost grows with the number of edges: a straight line in logarithms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LARGE", "PowerLaw", "fit_large", "fit_power_law"]

LARGE = 10_000
"""Edges from which a case counts as large: below, the cost of a call hides that of an edge."""

LEAST_SPAN = 4.0
"""Between the fewest and the most edges; over less than this an exponent says nothing."""


@dataclass(frozen=True)
class PowerLaw:
    """``seconds = factor * edges**exponent``; `error` is the exponent's standard error."""

    exponent: float
    error: float
    factor: float

    def __call__(self, edges: float) -> float:
        """Return the fitted seconds."""
        return float(self.factor * edges**self.exponent)


def fit_power_law(edges: Sequence[float], seconds: Sequence[float]) -> PowerLaw | None:
    """Fit a power law by least squares in logarithms.

    Parameters
    ----------
    edges, seconds : sequence of float
        One pair a case, all positive.

    Returns
    -------
    PowerLaw or None
        None with fewer than three different numbers of edges, or where they span less than a
        factor of 4.

    Examples
    --------
    >>> fit_power_law([1, 10, 100], [2, 20, 200]).exponent.__round__(6)
    1.0
    """
    distinct = set(edges)
    if len(distinct) < 3 or max(distinct) < LEAST_SPAN * min(distinct):
        return None
    x, y = np.log(np.asarray(edges, float)), np.log(np.asarray(seconds, float))
    centred = x - x.mean()
    spread = float(centred @ centred)
    exponent = float(centred @ y) / spread
    rest = y - y.mean() - exponent * centred
    variance = float(rest @ rest) / max(x.size - 2, 1)
    factor = float(np.exp(y.mean() - exponent * x.mean()))
    return PowerLaw(exponent, float(np.sqrt(variance / spread)), factor)


def fit_large(points: Sequence[tuple[float, float]]) -> PowerLaw | None:
    """Fit the pairs of edges and seconds with at least `LARGE` edges, as `fit_power_law` does."""
    large = [point for point in points if point[0] >= LARGE]
    return fit_power_law(*zip(*large, strict=True)) if large else None
