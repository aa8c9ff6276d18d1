"""Products of a symmetric sparse matrix with vectors."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["multiply"]


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
