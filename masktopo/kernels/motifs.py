"""Cycles, triangles and cliques of an undirected simple graph, counted node by node.

Nodes are numbered by degree, small ones first, and `before` bounds each node's neighbours of
smaller number: those stand in ``indices[indptr[node]:before[node]]``, ascending, and the others
behind them. A count of one node fits 63 bits in any graph of fewer than 2**31 edges; sums over
nodes may not, and are left to the caller.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["count_cliques", "count_squares", "renumber", "split_rows", "sum_neighbour_degrees"]


@kernel
def renumber(
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
    order: NDArray[np.int64],
    number: NDArray[np.uint32],
    cursor: NDArray[np.int64],
    renumbered: NDArray[np.uint32],
) -> None:
    """Write the adjacency under new numbers, neighbours ascending. O(nodes + edges).

    `order` lists the old numbers by new, `number` the new by old, and `cursor` the new row
    pointers.
    """
    for new in range(order.size):
        old = order[new]
        for slot in range(indptr[old], indptr[old + 1]):
            row = number[indices[slot]]
            renumbered[cursor[row]] = new
            cursor[row] += 1


@kernel
def split_rows(
    indptr: NDArray[np.int64], indices: NDArray[np.uint32], before: NDArray[np.int64]
) -> None:
    """Write where each node's neighbours of greater number begin. O(nodes + edges)."""
    for node in range(before.size):
        slot = indptr[node]
        while slot < indptr[node + 1] and indices[slot] < node:
            slot += 1
        before[node] = slot


@kernel
def sum_neighbour_degrees(
    indptr: NDArray[np.int64],
    before: NDArray[np.int64],
    indices: NDArray[np.uint32],
    sums: NDArray[np.int64],
) -> None:
    """Write ``(d - 1)`` times the sum of ``d' - 1`` over the neighbours before. O(edges)."""
    for node in range(before.size):
        total = 0
        for slot in range(indptr[node], before[node]):
            other = indices[slot]
            total += indptr[other + 1] - indptr[other] - 1
        sums[node] = total * (indptr[node + 1] - indptr[node] - 1)


@kernel
def count_squares(
    indptr: NDArray[np.int64],
    before: NDArray[np.int64],
    indices: NDArray[np.uint32],
    wedges: NDArray[np.uint32],
    squares: NDArray[np.int64],
) -> None:
    """Count the cycles of four nodes at their last node. `wedges` holds zeros.

    From a node, over two steps to nodes before it: every pair of ways to the same end is a
    cycle. O(sum over edges of the smaller degree), as Chiba and Nishizeki have it.
    """
    for node in range(before.size):
        total = 0
        for slot in range(indptr[node], before[node]):
            middle = indices[slot]
            for other in range(indptr[middle], indptr[middle + 1]):
                end = indices[other]
                if end >= node:
                    break
                total += wedges[end]
                wedges[end] += np.uint32(1)
        squares[node] = total
        for slot in range(indptr[node], before[node]):
            middle = indices[slot]
            for other in range(indptr[middle], indptr[middle + 1]):
                end = indices[other]
                if end >= node:
                    break
                wedges[end] = 0


@kernel
def count_cliques(
    indptr: NDArray[np.int64],
    before: NDArray[np.int64],
    indices: NDArray[np.uint32],
    place: NDArray[np.int64],
    shared: NDArray[np.uint32],
    triangles: NDArray[np.int64],
    cliques: NDArray[np.int64],
) -> None:
    """Count triangles at every node and every edge, and cliques of four at their first node.

    `place` and all counts hold zeros. The edge from a node to a neighbour behind it has its
    count in `shared`, at the slot of that neighbour. Edges lead from smaller to greater degree,
    so that a node has at most ``sqrt(2 edges)`` neighbours behind it. O(edges**1.5) for
    triangles, and one such step a triangle for cliques.
    """
    for node in range(before.size):
        for slot in range(before[node], indptr[node + 1]):
            place[indices[slot]] = slot + 1
        for slot in range(before[node], indptr[node + 1]):
            middle = indices[slot]
            for other in range(before[middle], indptr[middle + 1]):
                end = indices[other]
                if place[end] > 0:
                    shared[slot] += np.uint32(1)
                    shared[other] += np.uint32(1)
                    shared[place[end] - 1] += np.uint32(1)
                    triangles[node] += 1
                    triangles[middle] += 1
                    triangles[end] += 1
        cliques[node] = _cliques_of(node, indptr, before, indices, place, shared)
        for slot in range(before[node], indptr[node + 1]):
            place[indices[slot]] = 0


@kernel
def _cliques_of(
    node: int,
    indptr: NDArray[np.int64],
    before: NDArray[np.int64],
    indices: NDArray[np.uint32],
    place: NDArray[np.int64],
    shared: NDArray[np.uint32],
) -> int:
    """Count the cliques of four that begin at a node, whose neighbours `place` marks.

    The neighbours that a second node shares are marked by their signs.
    """
    count = 0
    for slot in range(before[node], indptr[node + 1]):
        if shared[slot] < 2:
            continue
        middle = indices[slot]
        for other in range(before[middle], indptr[middle + 1]):
            place[indices[other]] = -place[indices[other]]
        for other in range(before[middle], indptr[middle + 1]):
            end = indices[other]
            if place[end] < 0:
                for last in range(before[end], indptr[end + 1]):
                    count += place[indices[last]] < 0
        for other in range(before[middle], indptr[middle + 1]):
            place[indices[other]] = -place[indices[other]]
    return count
