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
    """Write every row's sum of weights times values. O(rows + entries)."""
    for row in range(sums.size):
        total = 0.0
        for slot in range(indptr[row], indptr[row + 1]):
            total += weights[slot] * values[indices[slot]]
        sums[row] = total
