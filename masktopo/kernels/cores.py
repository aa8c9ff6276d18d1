"""Core numbers of an undirected graph."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["core_numbers"]


@kernel
def core_numbers(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    core: NDArray[np.uint32],
    first: NDArray[np.int64],
    order: NDArray[np.uint32],
    place: NDArray[np.uint32],
) -> None:
    """Write every node's core number. O(nodes + edges), as Batagelj and Zaversnik have it.

    Nodes are taken off in ascending order of the degree that is left. `order` holds them sorted
    by it, `place` where each stands there, and `first`, zeros of length largest degree + 2 on
    entry, where each degree begins. A node that loses a neighbour swaps places with the first
    node of its degree, which then begins one later.
    """
    _sort_by_degree(indptr, core, first, order, place)
    for step in range(core.size):
        node = order[step]
        for slot in range(indptr[node], indptr[node + 1]):
            other = indices[slot]
            if core[other] > core[node]:
                start = first[core[other]]
                swapped = order[start]
                order[place[other]] = swapped
                place[swapped] = place[other]
                order[start] = other
                place[other] = start
                first[core[other]] += 1
                core[other] -= np.uint32(1)


@kernel
def _sort_by_degree(
    indptr: NDArray[np.int64],
    degrees: NDArray[np.uint32],
    first: NDArray[np.int64],
    order: NDArray[np.uint32],
    place: NDArray[np.uint32],
) -> None:
    """Write degrees, the nodes sorted by them, and where each degree begins. O(nodes)."""
    for node in range(degrees.size):
        degree = indptr[node + 1] - indptr[node]
        degrees[node] = degree
        first[degree + 1] += 1
    for degree in range(1, first.size):
        first[degree] += first[degree - 1]
    for node in range(degrees.size):
        at = first[degrees[node]]
        order[at] = node
        place[node] = at
        first[degrees[node]] = at + 1
    for degree in range(first.size - 1, 0, -1):
        first[degree] = first[degree - 1]
    first[0] = 0
