"""Blocks of edges into the adjacency of a whole graph."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["append_block"]


@kernel
def append_block(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    weights: NDArray[np.generic],
    left_start: int,
    right_start: int,
    ahead: NDArray[np.int64],
    behind: NDArray[np.int64],
    neighbours: NDArray[np.uint32],
    carried: NDArray[np.floating],
) -> None:
    """Write a block's edges at both of their ends, and in `carried`, unless empty, their weights.

    `ahead` holds where each node's next neighbour along the edges goes, `behind` where its next
    one against them does; both are moved on. O(left + edges).
    """
    weighted = carried.size > 0
    for row in range(indptr.size - 1):
        left = left_start + row
        at = ahead[left]
        for slot in range(indptr[row], indptr[row + 1]):
            right = right_start + np.int64(indices[slot])
            back = behind[right]
            neighbours[at] = right
            neighbours[back] = left
            if weighted:
                carried[at] = weights[slot]
                carried[back] = weights[slot]
            at += 1
            behind[right] = back + 1
        ahead[left] = at
