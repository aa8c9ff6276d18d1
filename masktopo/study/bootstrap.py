"""The cluster bootstrap: whole clusters are drawn again, with all their rows."""

from collections.abc import Iterator

import numpy as np

from masktopo.study.association import Association, FloatArray, IntArray
from masktopo.study.sample import Sample, chunks, coefficients

__all__ = ["draw_clusters", "interval", "replicates"]


def replicates(
    sample: Sample, method: Association, resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Compute the coefficient of every resample; nan where it drew nothing but one value.

    O(R n), or O(R n log n) for Kendall's tau.
    """
    found = [
        coefficients(sample, method, draw_clusters(sample, size, rng)[:, sample.clusters])
        for size in chunks(resamples, sample)
    ]
    return np.concatenate(found)


def draw_clusters(sample: Sample, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Draw clusters with replacement and count how often each was drawn; (R, clusters).

    As many clusters are drawn as there are. Where every cluster lies in one part, each part
    draws among its own, so that all parts stay as they are in size; where clusters reach over
    parts, they are drawn from all.
    """
    counts = np.zeros((resamples, sample.n_clusters))
    for members in _strata(sample):
        picks = rng.integers(members.size, size=(resamples, members.size))
        cells = picks + np.arange(resamples)[:, np.newaxis] * members.size
        drawn = np.bincount(cells.ravel(), minlength=cells.size)
        counts[:, members] = drawn.reshape(cells.shape)
    return counts


def _strata(sample: Sample) -> Iterator[IntArray]:
    """Give the clusters that stand for each other in a draw."""
    if any(len(layout) > 1 for layout in sample.layouts):
        yield np.arange(sample.n_clusters)
        return
    for part in sample.parts:
        yield np.unique(sample.clusters[part])


def interval(values: FloatArray, coefficient: float, confidence: float) -> tuple[float, float]:
    """Cut the same share off both ends of the replicates, moved onto the coefficient.

    Drawing a row twice ties it with itself, so replicates of a rank correlation lean towards 0.
    A mean over many groups keeps that lean while its spread shrinks, and plain percentiles then
    miss the truth: in 300 simulations of a correlation of 0.9 in 10 groups of 30, nominal 95 %
    intervals covered it in 62 %. So the replicates are moved along Fisher's z until their median
    is the coefficient, which gave 84 %: better, not right, since the coefficient leans as well.
    A coefficient or median of exactly -1 or 1 leaves the plain percentiles. BCa would need an
    acceleration, which is nan for small and for constant samples.

    Examples
    --------
    >>> interval(np.linspace(-1, 1, 201), 0.0, 0.95)
    (-0.95, 0.95)
    """
    tail = (1 - confidence) / 2
    known = values[np.isfinite(values)]
    low, middle, high = (float(q) for q in np.quantile(known, [tail, 0.5, 1 - tail]))
    if max(abs(coefficient), abs(middle)) >= 1 or middle == coefficient:
        return low, high
    move = np.arctanh(coefficient) - np.arctanh(middle)
    with np.errstate(divide="ignore"):
        moved = np.tanh(np.arctanh([low, high]) + move)
    return float(moved[0]), float(moved[1])
