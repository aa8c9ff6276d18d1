"""Connected components of bipartite graphs, by union-find over the right nodes."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values

__all__ = ["is_connected", "join_right", "negligible", "root_of", "weight_range"]


@kernel
def root_of(parent: Ints, node: int) -> int:
    """Find the representative of the node's component; paths are halved on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def is_connected(
    indptr: Ints, indices: Columns, values: Values, drop: float, n: int, parent: Ints
) -> bool:
    """Whether all columns of a CSR matrix are one component. O(nnz), often less.

    Union-find over the columns; stops as soon as they are one. Edges of weight at most `drop`
    do not count.
    """
    weighted = values.size > 0
    for column in range(n):
        parent[column] = column
    left = n - 1
    for row in range(indptr.size - 1):
        if left == 0:
            return True
        head = -1
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            root = root_of(parent, int(indices[slot]))
            if head < 0:
                head = root
            elif root != head:
                parent[max(root, head)] = min(root, head)
                head = min(root, head)
                left -= 1
    return left == 0


@kernel
def join_right(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    parent: Ints,
    norms: Floats,
) -> tuple[int, int]:
    """Union-find over the right nodes of `rows`; count components and edges. O(nnz).

    Edges of weight at most `drop` are left out. `norms` receives every component's squared
    Frobenius norm at its root, and 0 elsewhere.
    """
    weighted = values.size > 0
    parent[:] = -1
    components = edges = 0
    for row in rows:
        head = -1
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            edges += 1
            column = int(indices[slot])
            if parent[column] < 0:
                parent[column] = column
                components += 1
            root = root_of(parent, column)
            if head < 0:
                head = root
            elif root != head:
                parent[max(root, head)] = min(root, head)
                head = min(root, head)
                components -= 1
    norms[:] = 0.0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            size = np.float64(values[slot]) if weighted else 1.0
            norms[root_of(parent, int(indices[slot]))] += size * size
    return components, edges


@kernel
def negligible(indptr: Ints, values: Values, rows: Ints) -> float:
    """Weight up to which all edges together have a Frobenius norm below 1e-10 of the largest.

    -1 where there are no weights. O(nnz).
    """
    if values.size == 0:
        return -1.0
    largest = 0.0
    edges = 0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            largest = max(largest, np.float64(values[slot]))
            edges += 1
    return float(1e-10 * largest / np.sqrt(max(edges, 1)))


@kernel
def weight_range(values: Values) -> tuple[float, float]:
    """Return the least weight, and the weight up to which edges count as `negligible`. O(nnz)."""
    least = largest = np.float64(values[0])
    for value in values:
        least = min(least, np.float64(value))
        largest = max(largest, np.float64(value))
    return least, 1e-10 * largest / np.sqrt(float(values.size))
