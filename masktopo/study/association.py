"""Coefficients of association under counts: a resample says how often each row was drawn.

Every method is two functions: ``scores(values, counts)`` turns the n values of one column into
scores (1 or R, n), and ``coefficient(left, right, counts)`` turns two columns of scores into R
coefficients, nan where one side is constant. Counts are whole numbers in float64. Nothing is
sorted again for a resample: ranks follow from the counts of the sorted values, O(n) each. A third,
``log_moments(left, right)``, bounds what permuted scores (clusters, rows) add to the coefficient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.study.tail import LogMoments, concordance_moments, product_moments

__all__ = ["METHODS", "Association", "BoolArray", "FloatArray", "IntArray"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Ranks that differ spread by 1/2 at least; other scores are scaled to a largest deviation of 1.
_NEARLY_CONSTANT = 1e-9


@dataclass(frozen=True)
class Association:
    """One way of measuring association.

    Parameters
    ----------
    label : str
        What to call the coefficient in a sentence.
    scores, coefficient, log_moments : callable
        See the top of this file.
    ordinal : bool
        Whether only the order of values matters, so that infinite values can take part.
    additive : bool
        Whether the coefficient is a sum over rows, so that clusters add up to it.
    """

    label: str
    scores: Callable[[FloatArray, FloatArray], FloatArray]
    coefficient: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    log_moments: Callable[[FloatArray, FloatArray], LogMoments]
    ordinal: bool
    additive: bool


def _deviations(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Centre and scale `values`, which leaves Pearson's coefficient as it is; (1, n)."""
    # A power of two takes no digits, and the sum of values near the largest float is infinite.
    scaled = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    centred = scaled - scaled.mean()
    largest = float(np.abs(centred).max())
    deviations: FloatArray = centred / largest if largest > 0 else centred
    return deviations[np.newaxis]


def _codes(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Give the distinct values numbers from 0 in ascending order; (1, n)."""
    codes: IntArray = np.unique(values, return_inverse=True)[1]
    return codes.astype(np.float64)[np.newaxis]


def _midranks(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Rank the rows of every resample from 1, ties sharing their mean rank; (R, n)."""
    totals, codes = _tie_totals(values, counts)
    ranks = np.cumsum(totals, axis=1)
    ranks -= (totals - 1) / 2
    return ranks[:, codes]


def _tie_totals(values: FloatArray, counts: FloatArray) -> tuple[FloatArray, IntArray]:
    """Count the drawn rows of every distinct value, (R, k), and number the values, (n,)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    opens = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    codes = np.empty(values.size, dtype=np.int64)
    codes[order] = np.cumsum(opens) - 1
    totals = counts[:, order]
    if not opens.all():
        totals = np.add.reduceat(totals, np.flatnonzero(opens), axis=1)
    return totals, codes


def _product_moment(left: FloatArray, right: FloatArray, counts: FloatArray) -> FloatArray:
    """Compute Pearson's coefficient of the scores, each row as often as it was drawn; (R,)."""
    left, right = _centred(left, counts), _centred(right, counts)
    weighted = counts * left
    product = np.einsum("ij,ij->i", weighted, right)
    spread = np.einsum("ij,ij->i", weighted, left)
    spread = spread * np.einsum("ij,ij->i", counts * right, right)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _within_one(product / np.sqrt(spread))


def _centred(scores: FloatArray, counts: FloatArray) -> FloatArray:
    """Take the mean off the scores of every resample; exactly 0 where they are all the same."""
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    means = np.einsum("ij,ij->i", counts, scores)[:, np.newaxis] / total
    deviations: FloatArray = scores - means
    spread = np.einsum("ij,ij->i", counts * deviations, deviations)
    # Equal scores can miss their mean by a rounding error; few lines are near enough to look at.
    doubtful = np.flatnonzero(spread < _NEARLY_CONSTANT)
    drawn = np.broadcast_to(counts, deviations.shape)[doubtful] > 0
    found = np.broadcast_to(scores, deviations.shape)[doubtful]
    lowest = np.where(drawn, found, np.inf).min(axis=1)
    highest = np.where(drawn, found, -np.inf).max(axis=1)
    deviations[doubtful[lowest >= highest]] = 0.0
    return deviations


def _within_one(values: FloatArray) -> FloatArray:
    """Take off the last digits by which rounding can carry a coefficient beyond -1 or 1."""
    return np.minimum(np.maximum(values, -1.0), 1.0)


def _tau_b(left: FloatArray, right: FloatArray, counts: FloatArray) -> FloatArray:
    """Compute Kendall's tau-b of the codes, each row as often as it was drawn; (R,).

    `left` is one line; `right` is one, or R permutations of one.
    """
    # Numba takes part of a second to load, and no other method needs it.
    from masktopo.study.concordance import concordance

    order = np.argsort(left[0], kind="stable")
    score = concordance(
        left[0, order].astype(np.int64),
        np.ascontiguousarray(right[:, order], dtype=np.int64),
        np.ascontiguousarray(counts[:, order], dtype=np.int64),
        int(right.max()) + 1,
    )
    untied = _untied_pairs(left[0], counts) * _untied_pairs(right[0], counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _within_one(score / np.sqrt(untied))


def _untied_pairs(codes: FloatArray, counts: FloatArray) -> FloatArray:
    """Count the pairs of drawn rows that differ in `codes`; (R,)."""
    totals, _ = _tie_totals(codes, counts)
    pairs: FloatArray = (counts.sum(axis=1) ** 2 - (totals**2).sum(axis=1)) / 2
    return pairs


METHODS = {
    "spearman": Association(
        "Spearman", _midranks, _product_moment, product_moments, ordinal=True, additive=True
    ),
    "kendall": Association(
        "Kendall tau-b", _codes, _tau_b, concordance_moments, ordinal=True, additive=False
    ),
    "pearson": Association(
        "Pearson", _deviations, _product_moment, product_moments, ordinal=False, additive=True
    ),
}
"""Every method by its name."""
