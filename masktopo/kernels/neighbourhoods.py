"""How many nodes lie within two steps along the edges of a directed graph."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["count_two_steps"]


@kernel
def count_two_steps(
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    heads: NDArray[np.uint32],
    seen: NDArray[np.uint32],
) -> int:
    """Return the number of (start, node) pairs at most two steps apart, starts included.

    The edges of a node lead to ``heads[first[node]:last[node]]``; `seen` holds zeros on entry.
    O(nodes + paths of two edges).
    """
    count = 0
    for start in range(first.size):
        mark = np.uint32(start + 1)
        seen[start] = mark
        count += 1
        for slot in range(first[start], last[start]):
            middle = heads[slot]
            if seen[middle] != mark:
                seen[middle] = mark
                count += 1
            for other in range(first[middle], last[middle]):
                end = heads[other]
                if seen[end] != mark:
                    seen[end] = mark
                    count += 1
    return count
