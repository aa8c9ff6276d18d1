"""Where a value stands among the draws of a null model: z-score and p-value (section 7)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_DRAWS", "NullStatistics", "null_statistics"]

LEAST_DRAWS = 10
"""Finite draws that a z-score needs."""

ROUNDING = 1e-9
"""Differences up to this, relative to the largest magnitude, count as none: metrics come from
sums in different orders and from iterations."""

Array = NDArray[np.float64]


class NullStatistics(NamedTuple):
    """Statistics of n draws, one entry a metric.

    Attributes
    ----------
    mean, sd : ndarray of float64
        Over the finite draws; `sd` with ``n_finite - 1`` in the denominator, and exactly 0 where
        draws differ by no more than rounding.
    z : ndarray of float64
        ``(value - mean) / sd``; nan where `reason` says why.
    p : ndarray of float64
        ``(1 + #{|draw - mean| >= |value - mean|}) / (n_finite + 1)``, two-sided; ties within
        rounding count. nan where the value or all draws are not finite.
    n_finite : ndarray of int64
    reason : tuple of str
        Empty where z is a number.
    """

    mean: Array
    sd: Array
    z: Array
    p: Array
    n_finite: NDArray[np.int64]
    reason: tuple[str, ...]


def null_statistics(values: Array, draws: Array) -> NullStatistics:
    """Compare values with draws.

    Parameters
    ----------
    values : ndarray of float64, shape (n_metrics,)
    draws : ndarray of float64, shape (n_draws, n_metrics)
        Entries that are not finite are left out.

    Returns
    -------
    NullStatistics

    Examples
    --------
    >>> draws = np.arange(19.0)[:, None]
    >>> found = null_statistics(np.array([18.0]), draws)
    >>> found.mean.item(), round(found.sd.item(), 3), round(found.z.item(), 3), found.p.item()
    (9.0, 5.627, 1.599, 0.15)
    """
    finite = np.isfinite(draws)
    n_finite = finite.sum(axis=0)
    some = np.maximum(n_finite, 1)
    known = np.where(finite, draws, 0.0)
    # Means are taken from the least draw upwards, so that equal draws have exactly their mean.
    least = np.where(n_finite > 0, np.where(finite, draws, np.inf).min(axis=0, initial=np.inf), 0.0)
    mean = least + np.where(finite, draws - least, 0.0).sum(axis=0) / some
    distance = np.where(finite, np.abs(draws - mean), -1.0)
    slack = ROUNDING * np.maximum(np.abs(known).max(axis=0, initial=0.0), np.abs(mean))
    sd = np.sqrt((np.maximum(distance, 0.0) ** 2).sum(axis=0) / np.maximum(n_finite - 1, 1))
    sd[distance.max(axis=0, initial=-1.0) <= slack] = 0.0
    usable = np.isfinite(values)
    off = np.where(usable, values, 0.0) - mean
    as_far = (distance >= np.maximum(np.abs(off) - slack, 0.0)).sum(axis=0)
    reason = tuple(map(_reason, usable, n_finite, sd))
    scored = np.array([not why for why in reason], dtype=np.bool_)
    return NullStatistics(
        mean=np.where(n_finite > 0, mean, np.nan),
        sd=np.where(n_finite > 1, sd, np.nan),
        z=np.where(scored, off, np.nan) / np.where(scored, sd, 1.0),
        p=np.where(usable & (n_finite > 0), (1 + as_far) / (n_finite + 1), np.nan),
        n_finite=n_finite,
        reason=reason,
    )


def _reason(usable: bool, n_finite: int, sd: float) -> str:
    """Say why there is no z-score; empty where there is one."""
    if not usable:
        return "the value is not finite"
    if n_finite < LEAST_DRAWS:
        return f"only {n_finite} finite draws"
    return "all draws are equal" if sd == 0 else ""
