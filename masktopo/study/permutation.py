"""The permutation test: clusters change places, and rows within a cluster."""

import itertools
from math import exp, factorial, lgamma

import numpy as np

from masktopo.study.association import Association, BoolArray, FloatArray, IntArray
from masktopo.study.sample import Layout, Sample, chunks, mean_of
from masktopo.study.tail import LogMoments, tail_bound

__all__ = ["exchangeable", "permutation_p", "permute_rows"]

# Two sums of the same numbers in another order may differ in their last digits, and must tie.
_ROUNDING = 1e-12
# 8 rows have 40,320 permutations.
_MOST_LISTED = 8


def permutation_p(
    sample: Sample,
    method: Association,
    coefficient: float,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Give the share of permutations whose coefficient is at least as far from 0.

    ``(1 + #{|r_permuted| >= |r|}) / (permutations + 1)``, or the exact share where there are few
    permutations. Where none is as far, that is only an upper bound, under which no small p-value
    would survive an adjustment for many rows; then a bound of the tail takes its place, if it is
    smaller. Kendall's tau has such a bound for rows by themselves alone.
    O(permutations * n), times log n for Kendall's tau.
    """
    if np.isnan(coefficient):
        return float("nan")
    if _are_few(sample, permutations):
        every = np.array(list(itertools.permutations(range(sample.x.size))))
        return float(_as_far(_permuted(sample, method, every), coefficient).mean())
    found = [
        _permuted(sample, method, permute_rows(sample, size, rng))
        for size in chunks(permutations, sample)
    ]
    extreme = int(_as_far(np.concatenate(found), coefficient).sum())
    share = (1 + extreme) / (permutations + 1)
    alone = _are_alone(sample)
    if not extreme and (alone or method.additive):
        share = min(share, _tail(sample, method, coefficient))
    return max(share, _mirrored_share(sample)) if alone else share


def _are_alone(sample: Sample) -> bool:
    """Say whether every cluster is one row."""
    return sample.n_clusters == sample.x.size


def _are_few(sample: Sample, permutations: int) -> bool:
    """Say whether all permutations, of one part, are no more than asked for."""
    n = sample.x.size
    few = n <= _MOST_LISTED and factorial(n) <= permutations
    return few and len(sample.parts) == 1 and _are_alone(sample)


def _as_far(permuted: FloatArray, coefficient: float) -> BoolArray:
    """Mark the coefficients that are as far from 0."""
    marks: BoolArray = np.abs(permuted) >= abs(coefficient) - _ROUNDING
    return marks


def _tail(sample: Sample, method: Association, coefficient: float) -> float:
    """Bound the chance of a coefficient that no permutation reached.

    Layouts are independent of each other. The parts of one are not: by Hoelder's inequality K of
    their sum is at most the mean of K of each, with the others' shares added to its own.
    """
    scores = [_unit_scores(sample, method, part) for part in sample.parts]
    summands = []
    for layout, members in sample.layouts.items():
        size = sum(count for _, count in layout)
        for part, count in layout:
            rows = np.isin(sample.clusters[sample.parts[part]], members)
            left, right = (side[rows].reshape(members.size, count) for side in scores[part])
            weight = rows.size / sample.x.size
            summands.append(_weighted(method.log_moments(left, right), weight, count / size))
    return tail_bound(summands, coefficient)


def _weighted(log_moments: LogMoments, weight: float, share: float) -> LogMoments:
    """Return `share` of K of a summand that is enlarged from its weight to fill it."""
    return lambda slope: share * log_moments(slope * weight / share)


def _unit_scores(sample: Sample, method: Association, part: slice) -> list[FloatArray]:
    """Centre the scores of both sides and divide them by their norms, (n,) each."""
    once = np.ones((1, part.stop - part.start))
    centred = [method.scores(values[part], once)[0] for values in (sample.x, sample.y)]
    centred = [scores - scores.mean() for scores in centred]
    return [scores / np.linalg.norm(scores) for scores in centred]


def _mirrored_share(sample: Sample) -> float:
    """Return the share of the arrangement that was found and of its mirror image.

    In a part ``prod r! prod c! / prod n!`` of all permutations give the same pairs of values,
    r, c and n being how often each x, each y and each pair is there.
    """
    log_share = 0.0
    for part in sample.parts:
        pairs = np.stack([sample.x[part], sample.y[part]])
        log_share += _log_orders(pairs[0]) + _log_orders(pairs[1])
        log_share -= _log_orders(pairs) + lgamma(pairs.shape[1] + 1)
    return 2 * exp(log_share)


def _log_orders(values: FloatArray) -> float:
    """Return the logarithm of how many permutations leave equal values (or columns) in place."""
    counts = np.unique(values, axis=-1, return_counts=True)[1]
    return sum(lgamma(count + 1) for count in counts.tolist())


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
    return sum(len(members) for members in sample.layouts.values() if len(members) > 1)


def permute_rows(sample: Sample, permutations: int, rng: np.random.Generator) -> IntArray:
    """Draw permutations of the rows that keep clusters whole; (P, n) row numbers.

    Clusters change places with clusters that have as many rows in every part, and the rows of
    a cluster change places within its part: what is exchangeable when x says nothing about y.
    """
    by_cluster = np.argsort(sample.clusters, kind="stable")
    ends = np.cumsum(np.bincount(sample.clusters))
    result = np.empty((permutations, sample.x.size), dtype=np.int64)
    for layout, members in sample.layouts.items():
        size = sum(count for _, count in layout)
        rows = by_cluster[ends[members][:, np.newaxis] - size + np.arange(size)]
        places = np.tile(np.arange(members.size), (permutations, 1))
        moved = rows[rng.permuted(places, axis=1)]
        _shuffle_within(moved, layout, rng)
        result[:, rows.ravel()] = moved.reshape(permutations, -1)
    return result


def _shuffle_within(rows: IntArray, layout: Layout, rng: np.random.Generator) -> None:
    """Shuffle the rows of every cluster within its parts, in place; (P, clusters, size)."""
    end = 0
    for _, length in layout:
        start, end = end, end + length
        if length > 1:
            rows[:, :, start:end] = rng.permuted(rows[:, :, start:end], axis=2)
