"""Products of a symmetric sparse matrix with vectors."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["multiply", "multiply_two"]


@kernel
def multiply(
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
    weights: NDArray[np.floating],
    values: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Write every row's sum of weights times values. O(rows + entries).

    Slots are unsigned, since signed ones cost a test for counting from the end: a fifth.
    """
    start = np.uint64(0)
    for row in range(sums.size):
        stop = np.uint64(indptr[row + 1])
        total = 0.0
        for slot in range(start, stop):
            total += weights[slot] * values[indices[slot]]
        sums[row] = total
        start = stop


@kernel
def multiply_two(
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
    weights: NDArray[np.floating],
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    sums_of_one: NDArray[np.float64],
    sums_of_other: NDArray[np.float64],
) -> None:
    """Do what `multiply` does for two vectors, reading the matrix once. O(rows + entries)."""
    start = np.uint64(0)
    for row in range(sums_of_one.size):
        stop = np.uint64(indptr[row + 1])
        total_of_one, total_of_other = 0.0, 0.0
        for slot in range(start, stop):
            weight, column = weights[slot], indices[slot]
            total_of_one += weight * one[column]
            total_of_other += weight * other[column]
        sums_of_one[row] = total_of_one
        sums_of_other[row] = total_of_other
        start = stop
