"""Bounds on how often permuted rows give a coefficient far from 0, where none was drawn.

A coefficient V of permuted values is often the conditional mean of a sum W of independent
parts: ranks are mean values of sorted random numbers, and ties are what random choices among
them give in the mean. Then ``E exp(s V) <= E exp(s W)`` (Jensen), and with K the logarithm of
W's moment generating function ``P(|V| >= t) <= 2 exp(K(s) - s t)`` for every s > 0 (Chernoff).
A distribution with the draws' spread, such as a beta distribution, knows nothing of ties and of
the last steps to 1: for 14 rows in two halves it gave a fifteenth of the exact value.

References
----------
Rado (1952), An Inequality, for majorised values; Blom (1958), Statistical Estimates and
Transformed Beta-Variables, for normal order statistics; Amos (1974), Computation of Modified
Bessel Functions and Their Ratios, for the sphere.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogMoments", "concordance_moments", "product_moments", "tail_bound"]

FloatArray = NDArray[np.float64]
LogMoments = Callable[[float], float]
"""K: the logarithm of a moment generating function, or a bound of it, at s > 0 and at -s."""

# Logarithms of the smallest and the largest s that are tried: any gives a bound, but larger ones
# leave few digits of K(s) - s t.
_SLOPES = (-5.0, 16.0)
_SMALL = 1e-3
_LEAST_SCORES = 5


def tail_bound(summands: Sequence[LogMoments], coefficient: float) -> float:
    """Bound the chance of a sum of independent parts as far from 0."""
    from scipy.optimize import minimize_scalar

    def exponent(log_slope: float) -> float:
        slope = float(np.exp(log_slope))
        return sum(log_moments(slope) for log_moments in summands) - slope * abs(coefficient)

    return 2 * float(np.exp(minimize_scalar(exponent, bounds=_SLOPES, method="bounded").fun))


def product_moments(left: FloatArray, right: FloatArray) -> LogMoments:
    """Bound the moments of the sum of products of two scores, (clusters, rows) of one layout.

    The mean over permutations is fixed. Clusters that change places move the products of their
    means; rows within them add a sum whose range follows from their spread (Hoeffding's lemma),
    and is largest where the clusters with the largest spreads meet.
    """
    shift = abs(left.size * float(left.mean()) * float(right.mean()))
    means = left.mean(axis=1), right.mean(axis=1)
    within = float(np.sort(left.var(axis=1)) @ np.sort(right.var(axis=1))) * left.shape[1] ** 2
    between = _mean_moments(*(np.sqrt(left.shape[1]) * (side - side.mean()) for side in means))
    return lambda slope: slope * shift + slope**2 * within / 2 + between(slope)


def _mean_moments(left: FloatArray, right: FloatArray) -> LogMoments:
    """Bound the moments of the sum of products of two centred scores, (clusters,).

    Scores are means over permutations of whatever majorises them (Rado's theorem), and so of
    the mean order statistics of random numbers that are stretched far enough: independent
    uniform ones, which fit ranks, or a random point on a sphere, which fits normal values.
    Either side can be the random one. Few scores have no more than the range of their sum.
    """
    norms = float(np.linalg.norm(left)), float(np.linalg.norm(right))
    if left.size < _LEAST_SCORES:
        return lambda slope: (slope * norms[0] * norms[1]) ** 2 / 2
    uniform, sphere = _uniform_means(left.size), _sphere_means(left.size)
    sums = left * _stretch(right, uniform), right * _stretch(left, uniform)
    radius = min(norms[0] * _stretch(right, sphere), norms[1] * _stretch(left, sphere))

    def log_moments(slope: float) -> float:
        of_sums = (float(_uniform(slope * terms).sum()) for terms in sums)
        return min(_sphere(slope * radius, left.size), *of_sums)

    return log_moments


def _stretch(scores: FloatArray, means: FloatArray) -> float:
    """Find the least factor with which ascending `means` majorise the scores."""
    highest = np.cumsum(np.sort(scores)[::-1])[:-1]
    return float((highest / np.cumsum(means[::-1])[:-1]).max())


def _uniform_means(n: int) -> FloatArray:
    """Return the mean order statistics of n numbers from [-1, 1]."""
    return 2 * np.arange(1, n + 1) / (n + 1) - 1


def _sphere_means(n: int) -> FloatArray:
    """Approach, from 0, the mean order statistics of a random unit vector with sum 0.

    They are those of normal numbers by their mean norm. Blom's alpha is over 1/3 from n = 3.
    """
    from scipy.special import gammaln, ndtri

    norm = float(np.sqrt(2) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))
    means: FloatArray = ndtri((np.arange(1, n + 1) - 1 / 3) / (n + 1 / 3)) / norm
    return means


def _uniform(slopes: FloatArray) -> FloatArray:
    """Compute log(sinh(s) / s), which s^2 / 6 bounds where s is small."""
    large = np.maximum(np.abs(slopes), _SMALL)
    found = large + np.log1p(-np.exp(-2 * large)) - np.log(2 * large)
    return np.where(np.abs(slopes) < _SMALL, slopes**2 / 6, found)


def _sphere(slope: float, n: int) -> float:
    """Bound K of one coordinate of a random unit vector in n - 1 dimensions.

    The integral of Amos's bound of the ratio of Bessel functions that K is the integral of; in
    one part it makes the bound of the tail ``2 (1 - t^2)^(n/2 - 1)``.
    """
    half = n / 2 - 1
    root = float(np.hypot(slope, half))
    return root - half - half * float(np.log((half + root) / (2 * half)))


def concordance_moments(left: FloatArray, right: FloatArray) -> LogMoments:
    """Bound the moments of Kendall's tau-b of codes (n, 1), each row by itself.

    With ties on one side alone, concordant less discordant pairs have Gauss's multinomial
    coefficient as their generating function; ties of the other side are random choices.
    """
    pairs = [np.unique(codes, return_counts=True)[1] for codes in (left, right)]
    untied = [float(left.size**2 - (counts**2).sum()) / 2 for counts in pairs]
    scale = float(np.sqrt(untied[0] * untied[1]))

    def log_moments(slope: float) -> float:
        factorials = np.cumsum(_uniform(slope / scale * np.arange(left.size + 1.0)))
        return float(factorials[-1] - max(factorials[counts].sum() for counts in pairs))

    return log_moments
