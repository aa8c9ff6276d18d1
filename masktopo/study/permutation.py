"""The permutation test: clusters change places, and rows within a cluster."""

from collections.abc import Iterator
from math import lgamma

import numpy as np

from masktopo.study.association import Association, FloatArray, IntArray
from masktopo.study.sample import Sample, chunks, mean_of

__all__ = ["exchangeable", "permutation_p", "permute_rows"]

# Two sums of the same numbers in another order may differ in their last digits, and must tie.
_ROUNDING = 1e-12


def permutation_p(
    sample: Sample,
    method: Association,
    coefficient: float,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Give the share of permutations whose coefficient is at least as far from 0.

    ``(1 + #{|r_permuted| >= |r|}) / (permutations + 1)``. Where none is as far, that is only an
    upper bound, under which no small p-value would survive an adjustment for many rows; then the
    tail is that of a beta distribution on [-1, 1] with the permutations' spread (for rows by
    themselves, the usual t-test), but never less than one of all arrangements.
    O(permutations * n), times log n for Kendall's tau.
    """
    found = [
        _permuted(sample, method, permute_rows(sample, size, rng))
        for size in chunks(permutations, sample)
    ]
    permuted = np.concatenate(found)
    extreme = int((np.abs(permuted) >= abs(coefficient) - _ROUNDING).sum())
    share = (1 + extreme) / (permutations + 1)
    return share if extreme else min(share, _tail(sample, permuted, coefficient))


def _tail(sample: Sample, permuted: FloatArray, coefficient: float) -> float:
    """Extend the permutations' tail to a coefficient that none of them reached."""
    from scipy.stats import beta

    # A beta distribution on [-1, 1] with both shapes a has variance 1 / (2 a + 1).
    shape = (1 / float(np.mean(permuted**2)) - 1) / 2
    tail = 2 * float(beta.sf((1 + abs(coefficient)) / 2, shape, shape))
    return max(tail, float(np.exp(-_log_arrangements(sample))))


def _log_arrangements(sample: Sample) -> float:
    """Return the logarithm of the number of permutations that there are."""
    among = sum(lgamma(members.size + 1) for members in _classes(sample))
    return among + sum(lgamma(size + 1) for size in sample.layout.ravel().tolist())


def _permuted(sample: Sample, method: Association, rows: IntArray) -> FloatArray:
    """Compute the coefficient of x against the y of other rows, `rows` (P, n); (P,)."""
    total, weight = np.zeros((2, rows.shape[0]))
    for part in sample.parts:
        size = part.stop - part.start
        once = np.ones((1, size))
        left = method.scores(sample.x[part], once)
        right = method.scores(sample.y[part], once)[0, rows[:, part] - part.start]
        value = method.coefficient(left, right, once)
        total += size * np.nan_to_num(value)
        weight += size * ~np.isnan(value)
    return mean_of(total, weight)


def exchangeable(sample: Sample) -> int:
    """Count the clusters that have another one of the same layout to change places with."""
    return sum(len(members) for members in _classes(sample) if len(members) > 1)


def permute_rows(sample: Sample, permutations: int, rng: np.random.Generator) -> IntArray:
    """Draw permutations of the rows that keep clusters whole; (P, n) row numbers.

    Clusters change places with clusters that have as many rows in every part, and the rows of
    a cluster change places within its part: what is exchangeable when x says nothing about y.
    """
    by_cluster = np.argsort(sample.clusters, kind="stable")
    ends = np.cumsum(sample.layout.sum(axis=1))
    result = np.empty((permutations, sample.x.size), dtype=np.int64)
    for members in _classes(sample):
        layout = sample.layout[members[0]]
        size = int(layout.sum())
        rows = by_cluster[ends[members][:, np.newaxis] - size + np.arange(size)]
        places = np.tile(np.arange(members.size), (permutations, 1))
        moved = rows[rng.permuted(places, axis=1)]
        _shuffle_within(moved, layout, rng)
        result[:, rows.ravel()] = moved.reshape(permutations, -1)
    return result


def _shuffle_within(rows: IntArray, layout: IntArray, rng: np.random.Generator) -> None:
    """Shuffle the rows of every cluster within its parts, in place; (P, clusters, size)."""
    end = 0
    for length in layout:
        start, end = end, end + int(length)
        if length > 1:
            rows[:, :, start:end] = rng.permuted(rows[:, :, start:end], axis=2)


def _classes(sample: Sample) -> Iterator[IntArray]:
    """Give the clusters of each layout, as numbers in ascending order."""
    _, kinds = np.unique(sample.layout, axis=0, return_inverse=True)
    for kind in range(int(kinds.max()) + 1):
        yield np.flatnonzero(kinds == kind)
