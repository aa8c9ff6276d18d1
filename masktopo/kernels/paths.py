"""Sums over paths and reachability along the edge blocks of a layered graph.

A path sum is kept as ``mantissa * 2**(512 * exponent)`` **per node**, mantissas of finished nodes
in ``[2**-256, 2**256)``. One scale for a whole node set would not do: a node with few paths from
the input may carry most paths to the output, and would vanish beside a node with many. Since
steps are so large, two neighbours nearly always share an exponent, and an edge costs one test
more than a plain sum. Scaling is by powers of two: counts below ``2**53`` are exact, and zero means
that there is no path.

Edge factors may lie between ``2**-200`` and ``2**200`` (or be 0).
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = [
    "STEP_BITS",
    "add_scaled",
    "count_live",
    "inner",
    "normalise",
    "path_centrality",
    "pull_backward",
    "push_forward",
    "reach_backward",
    "reach_forward",
    "total",
]

STEP_BITS = 512

_UP = 2.0**512
_DOWN = 2.0**-512
_HIGH = 2.0**256
_LOW = 2.0**-256


@kernel
def _plus(
    mantissa: float, exponent: int, other_mantissa: float, other_exponent: int
) -> tuple[float, int]:
    """Add two scaled numbers; beyond one step apart, the smaller is below any digit. O(1)."""
    if exponent == other_exponent:
        return mantissa + other_mantissa, exponent
    if other_mantissa == 0.0:
        return mantissa, exponent
    if mantissa == 0.0 or other_exponent > exponent + 1:
        return other_mantissa, other_exponent
    if exponent > other_exponent + 1:
        return mantissa, exponent
    if exponent > other_exponent:
        return mantissa + other_mantissa * _DOWN, exponent
    return mantissa * _DOWN + other_mantissa, other_exponent


@kernel
def add_scaled(
    values: NDArray[np.float64],
    exponent: int,
    mantissas: NDArray[np.float64],
    exponents: NDArray[np.int64],
) -> None:
    """Add numbers that share one exponent to scaled numbers. O(nodes)."""
    for node in range(values.size):
        if values[node] != 0.0:
            mantissas[node], exponents[node] = _plus(
                mantissas[node], exponents[node], values[node], exponent
            )


@kernel
def push_forward(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    factor: NDArray[np.generic],
    left_mantissa: NDArray[np.float64],
    left_exponent: NDArray[np.int64],
    right_mantissa: NDArray[np.float64],
    right_exponent: NDArray[np.int64],
) -> None:
    """Add the left nodes' sums times the edges' factors to the right nodes. O(left + edges)."""
    for left in range(indptr.size - 1):
        mantissa = left_mantissa[left]
        exponent = left_exponent[left]
        if mantissa != 0.0:
            for slot in range(indptr[left], indptr[left + 1]):
                right = indices[slot]
                right_mantissa[right], right_exponent[right] = _plus(
                    right_mantissa[right],
                    right_exponent[right],
                    mantissa * factor[slot],
                    exponent,
                )


@kernel
def pull_backward(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    factor: NDArray[np.generic],
    left_mantissa: NDArray[np.float64],
    left_exponent: NDArray[np.int64],
    right_mantissa: NDArray[np.float64],
    right_exponent: NDArray[np.int64],
) -> None:
    """Add the right nodes' sums times the edges' factors to the left nodes. O(left + edges)."""
    for left in range(indptr.size - 1):
        mantissa = left_mantissa[left]
        exponent = left_exponent[left]
        for slot in range(indptr[left], indptr[left + 1]):
            right = indices[slot]
            mantissa, exponent = _plus(
                mantissa, exponent, right_mantissa[right] * factor[slot], right_exponent[right]
            )
        left_mantissa[left] = mantissa
        left_exponent[left] = exponent


@kernel
def _normal(mantissa: float, exponent: int) -> tuple[float, int]:
    """Bring a mantissa into ``[2**-256, 2**256)``; zero has exponent 0. O(1)."""
    if mantissa == 0.0 or not np.isfinite(mantissa):
        return mantissa, 0
    while mantissa >= _HIGH:
        mantissa *= _DOWN
        exponent += 1
    while mantissa < _LOW:
        mantissa *= _UP
        exponent -= 1
    return mantissa, exponent


@kernel
def normalise(mantissa: NDArray[np.float64], exponent: NDArray[np.int64]) -> None:
    """Finish the sums of a node set, so that they may be read. O(nodes)."""
    for node in range(mantissa.size):
        mantissa[node], exponent[node] = _normal(mantissa[node], exponent[node])


@kernel
def total(
    mantissa: NDArray[np.float64], exponent: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> tuple[float, int]:
    """Return the normalised sum over the chosen nodes as (mantissa, exponent). O(nodes)."""
    sum_mantissa = 0.0
    sum_exponent = 0
    for node in range(mantissa.size):
        if chosen[node]:
            sum_mantissa, sum_exponent = _plus(
                sum_mantissa, sum_exponent, mantissa[node], exponent[node]
            )
    return _normal(sum_mantissa, sum_exponent)


@kernel
def inner(
    mantissa: NDArray[np.float64],
    exponent: NDArray[np.int64],
    other_mantissa: NDArray[np.float64],
    other_exponent: NDArray[np.int64],
) -> tuple[float, int]:
    """Return the normalised inner product as (mantissa, exponent). O(nodes)."""
    sum_mantissa = 0.0
    sum_exponent = 0
    for node in range(mantissa.size):
        product = mantissa[node] * other_mantissa[node]
        if product != 0.0:
            product, power = _normal(product, exponent[node] + other_exponent[node])
            sum_mantissa, sum_exponent = _plus(sum_mantissa, sum_exponent, product, power)
    return _normal(sum_mantissa, sum_exponent)


@kernel
def path_centrality(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    factor: NDArray[np.generic],
    left_mantissa: NDArray[np.float64],
    left_exponent: NDArray[np.int64],
    right_mantissa: NDArray[np.float64],
    right_exponent: NDArray[np.int64],
    total_mantissa: float,
    total_exponent: int,
    centrality: NDArray[np.float64],
) -> None:
    """Write ``forward(u) * factor * backward(v) / total`` of every edge. O(left + edges).

    Left sums are forward ones, right sums backward ones, and the total is not 0.
    """
    for left in range(indptr.size - 1):
        for slot in range(indptr[left], indptr[left + 1]):
            right = indices[slot]
            share = left_mantissa[left] * factor[slot] * (right_mantissa[right] / total_mantissa)
            steps = left_exponent[left] + right_exponent[right] - total_exponent
            while steps > 0 and share != 0.0:
                share *= _UP
                steps -= 1
            while steps < 0 and share != 0.0:
                share *= _DOWN
                steps += 1
            centrality[slot] = share


@kernel
def reach_forward(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    left_reached: NDArray[np.bool_],
    right_reached: NDArray[np.bool_],
) -> None:
    """Mark the right nodes of all marked left nodes. O(left + edges)."""
    for left in range(indptr.size - 1):
        if left_reached[left]:
            for slot in range(indptr[left], indptr[left + 1]):
                right_reached[indices[slot]] = True


@kernel
def reach_backward(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    left_reached: NDArray[np.bool_],
    right_reached: NDArray[np.bool_],
) -> None:
    """Mark the left nodes of all marked right nodes. O(left + edges)."""
    for left in range(indptr.size - 1):
        if not left_reached[left]:
            for slot in range(indptr[left], indptr[left + 1]):
                if right_reached[indices[slot]]:
                    left_reached[left] = True
                    break


@kernel
def count_live(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    counts: NDArray[np.unsignedinteger],
    left_live: NDArray[np.bool_],
    right_live: NDArray[np.bool_],
) -> int:
    """Return the sum of `counts` over the edges between live nodes. O(left + edges)."""
    count = 0
    for left in range(indptr.size - 1):
        if left_live[left]:
            for slot in range(indptr[left], indptr[left + 1]):
                if right_live[indices[slot]]:
                    count += int(np.int64(counts[slot]))
    return count
