"""A layer as a linear map of elements, without a list of edges.

Both sides lie in planes of one pitch, padded with zeros, so that a nonzero weight adds one
contiguous run of a plane on one side to a run on the other: see `masktopo.graphs.planes`.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["mark_live", "pull_runs", "push_runs"]


@kernel
def push_runs(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    factors: NDArray[np.floating],
    left_starts: NDArray[np.int64],
    right_shifts: NDArray[np.int64],
    right_plane: int,
    length: int,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Add the left runs times the weights' factors to the right ones. O(weights * length).

    The layer comes as its rolled graph, left nodes being pairs of a channel and a tap. A run
    starts at ``left_starts[node]`` and at ``right channel * right_plane + right_shifts[node]``.
    No factors stand for all 1.
    """
    for node in range(indptr.size - 1):
        start = left_starts[node]
        values = left[start : start + length]
        for slot in range(indptr[node], indptr[node + 1]):
            other = np.int64(indices[slot]) * right_plane + right_shifts[node]
            sums = right[other : other + length]
            factor = float(factors[slot]) if factors.size > 0 else 1.0
            for at in range(length):
                sums[at] += factor * values[at]


@kernel
def pull_runs(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    factors: NDArray[np.floating],
    left_starts: NDArray[np.int64],
    right_shifts: NDArray[np.int64],
    right_plane: int,
    length: int,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Add the right runs times the weights' factors to the left ones; see `push_runs`."""
    for node in range(indptr.size - 1):
        start = left_starts[node]
        sums = left[start : start + length]
        for slot in range(indptr[node], indptr[node + 1]):
            other = np.int64(indices[slot]) * right_plane + right_shifts[node]
            values = right[other : other + length]
            factor = float(factors[slot]) if factors.size > 0 else 1.0
            for at in range(length):
                sums[at] += factor * values[at]


@kernel
def mark_live(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    left_starts: NDArray[np.int64],
    right_shifts: NDArray[np.int64],
    right_plane: int,
    length: int,
    left: NDArray[np.bool_],
    right: NDArray[np.bool_],
    marks: NDArray[np.bool_],
) -> None:
    """Mark weights of which some live element of the left run meets a live one of the right.

    O(weights * length) at worst; a weight is left at the first such pair.
    """
    for node in range(indptr.size - 1):
        start = left_starts[node]
        for slot in range(indptr[node], indptr[node + 1]):
            other = np.int64(indices[slot]) * right_plane + right_shifts[node]
            for at in range(length):
                if left[start + at] and right[other + at]:
                    marks[slot] = True
                    break
