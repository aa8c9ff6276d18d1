"""Bridges, articulation points and components of an undirected simple graph, in one search."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["search_depth_first"]


@kernel
def search_depth_first(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    entry: NDArray[np.uint32],
    low: NDArray[np.uint32],
    parent: NDArray[np.uint32],
    cursor: NDArray[np.int64],
    cuts: NDArray[np.bool_],
) -> tuple[int, int]:
    """Mark the articulation points; return the numbers of bridges and of components.

    Tarjan's search, with the way back in `parent` instead of a stack of calls. `entry` (zeros on
    entry) numbers nodes from 1 in the order of discovery; `low` is the earliest entry that a
    node's subtree sees without its edge to the parent; `cursor` starts as the row pointers. An
    edge to a child is a bridge where the child sees nothing as early as the parent, and the
    parent is cut where it sees nothing earlier. A root is cut by its second child.
    O(nodes + edges).
    """
    bridges = 0
    components = 0
    found = 0
    for root in range(entry.size):
        if entry[root] != 0:
            continue
        components += 1
        children = 0
        found += 1
        entry[root] = found
        low[root] = found
        node = root
        while True:
            if cursor[node] < indptr[node + 1]:
                other = int(np.int64(indices[cursor[node]]))
                cursor[node] += 1
                if entry[other] == 0:
                    found += 1
                    entry[other] = found
                    low[other] = found
                    parent[other] = node
                    children += node == root
                    node = other
                elif node == root or other != parent[node]:
                    low[node] = min(low[node], entry[other])
                continue
            if node == root:
                break
            above = int(np.int64(parent[node]))
            low[above] = min(low[above], low[node])
            bridges += low[node] > entry[above]
            cuts[above] |= above != root and low[node] >= entry[above]
            node = above
        cuts[root] = children > 1
    return bridges, components
