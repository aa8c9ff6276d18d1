"""Cuts, neighbourhoods and products of one bipartite graph: what its expansion is computed from.

Graphs come as CSR arrays without isolated nodes.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = [
    "count_neighbours",
    "cut_changes",
    "enumerate_cuts",
    "enumerate_neighbourhoods",
    "find_roots",
    "gather",
    "grow",
    "last_ranks",
    "turn",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.unsignedinteger]


# --- products ------------------------------------------------------------------------------


@kernel
def gather(indptr: Ints, indices: Columns, x: Floats, out: Floats) -> None:
    """``out = B x`` for the 0/1 matrix B, in four running sums. O(nnz)."""
    for row in range(out.size):
        a = b = c = d = 0.0
        slot, stop = indptr[row], indptr[row + 1]
        while slot + 4 <= stop:
            a += x[indices[slot]]
            b += x[indices[slot + 1]]
            c += x[indices[slot + 2]]
            d += x[indices[slot + 3]]
            slot += 4
        while slot < stop:
            a += x[indices[slot]]
            slot += 1
        out[row] = (a + b) + (c + d)


@kernel
def turn(
    indptr: Ints, indices: Columns, cursor: Ints, turned_indptr: Ints, turned_indices: Columns
) -> None:
    """Transpose a 0/1 CSR matrix; `turned_indptr` is given, `cursor` a copy of it. O(nnz).

    Unlike the one of the CSR kernels it keeps no order of the edges, which would take 8 bytes
    for each.
    """
    cursor[:] = turned_indptr
    for row in range(indptr.size - 1):
        for slot in range(indptr[row], indptr[row + 1]):
            column = np.int64(indices[slot])
            turned_indices[cursor[column]] = row
            cursor[column] += 1


# --- components and cuts -------------------------------------------------------------------


@kernel
def _root(parent: Ints, node: int) -> int:
    """Return the root of `node`, halving the path to it. O(log n), less on average."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def find_roots(indptr: Ints, indices: Columns, parent: Ints) -> None:
    """Give the columns of one component the same entry of `parent`. O(nnz log n), nearly O(nnz)."""
    for column in range(parent.size):
        parent[column] = column
    for row in range(indptr.size - 1):
        first = _root(parent, int(indices[indptr[row]]))
        for slot in range(indptr[row] + 1, indptr[row + 1]):
            other = _root(parent, int(indices[slot]))
            low, high = min(first, other), max(first, other)
            parent[high] = low
            first = low
    for column in range(parent.size):
        parent[column] = _root(parent, column)


@kernel
def cut_changes(
    indptr: Ints, indices: Columns, left_rank: Ints, right_rank: Ints, change: Ints
) -> None:
    """Count the edges that enter and leave the cut as nodes join in the order of their rank.

    An edge is cut from the moment its first end joins until its second does, so the running sum
    of `change`, which starts as zeros, is the cut of every prefix. O(nnz).
    """
    for row in range(left_rank.size):
        own = left_rank[row]
        for slot in range(indptr[row], indptr[row + 1]):
            other = right_rank[indices[slot]]
            change[min(own, other)] += 1
            change[max(own, other)] -= 1


# --- neighbourhoods ------------------------------------------------------------------------


@kernel
def count_neighbours(
    indptr: Ints, indices: Columns, order: Ints, seen: NDArray[np.bool_], counts: Ints
) -> None:
    """Size of the joint neighbourhood after every row of `order`. `seen` starts false. O(nnz)."""
    found = 0
    for place in range(order.size):
        row = order[place]
        if found == seen.size:
            counts[place:] = found
            break
        for slot in range(indptr[row], indptr[row + 1]):
            if not seen[indices[slot]]:
                seen[indices[slot]] = True
                found += 1
        counts[place] = found


@kernel
def last_ranks(indptr: Ints, indices: Columns, rank: Ints, last: Ints) -> None:
    """Rank of the last of every row's neighbours. O(nnz)."""
    for row in range(last.size):
        last[row] = 0
        for slot in range(indptr[row], indptr[row + 1]):
            last[row] = max(last[row], rank[indices[slot]])


@kernel
def _unlink(head: Ints, after: Ints, before: Ints, bucket: int, node: int) -> None:
    """Take `node` out of its doubly linked bucket. O(1)."""
    if before[node] >= 0:
        after[before[node]] = after[node]
    else:
        head[bucket] = after[node]
    if after[node] >= 0:
        before[after[node]] = before[node]


@kernel
def _link(head: Ints, after: Ints, before: Ints, bucket: int, node: int) -> None:
    """Put `node` in front of a bucket. O(1)."""
    before[node] = -1
    after[node] = head[bucket]
    if head[bucket] >= 0:
        before[head[bucket]] = node
    head[bucket] = node


@kernel
def grow(
    indptr: Ints,
    indices: Columns,
    turned_indptr: Ints,
    turned_indices: Columns,
    start: int,
    order: Ints,
) -> None:
    """Fill `order` with left nodes from `start` on, each the one with fewest new neighbours.

    Left nodes wait in buckets by their number of uncovered neighbours. Those whose number fell
    last come first, which keeps the set together; else the lower index. O(nnz + nodes).
    """
    n_left = indptr.size - 1
    fresh = np.diff(indptr)
    bucket = fresh.copy()
    head = np.full(fresh.max() + 1, -1, np.int64)
    after = np.empty(n_left, np.int64)
    before = np.empty(n_left, np.int64)
    touched = np.empty(n_left, np.int64)
    covered = np.zeros(turned_indptr.size - 1, np.bool_)
    for node in range(n_left - 1, -1, -1):
        _link(head, after, before, bucket[node], node)
    least = 0
    chosen = start
    for place in range(order.size):
        if place > 0:
            while head[least] < 0:
                least += 1
            chosen = int(head[least])
        order[place] = chosen
        _unlink(head, after, before, bucket[chosen], chosen)
        bucket[chosen] = -1
        if fresh[chosen] == 0:
            continue
        count = _cover(
            indptr, indices, turned_indptr, turned_indices, chosen, covered, fresh, bucket, touched
        )
        for node in touched[:count]:
            _unlink(head, after, before, bucket[node], node)
            bucket[node] = fresh[node]
            _link(head, after, before, bucket[node], node)
            least = min(least, int(bucket[node]))


@kernel
def _cover(
    indptr: Ints,
    indices: Columns,
    turned_indptr: Ints,
    turned_indices: Columns,
    chosen: int,
    covered: NDArray[np.bool_],
    fresh: Ints,
    bucket: Ints,
    touched: Ints,
) -> int:
    """Cover the neighbours of `chosen`; list the waiting nodes that lose uncovered ones.

    Nodes that wait no more have bucket -1. Returns how many nodes `touched` lists.
    O(edges of the neighbours that were not covered).
    """
    count = 0
    for slot in range(indptr[chosen], indptr[chosen + 1]):
        right = np.int64(indices[slot])
        if covered[right]:
            continue
        covered[right] = True
        for back in range(turned_indptr[right], turned_indptr[right + 1]):
            node = np.int64(turned_indices[back])
            if fresh[node] == bucket[node]:
                touched[count] = node
                count += 1
            fresh[node] -= 1
    return count


# --- enumeration ---------------------------------------------------------------------------


@kernel
def _count_bits(word: int) -> int:
    """Return the number of set bits. O(bits set)."""
    count = 0
    while word:
        word &= word - 1
        count += 1
    return count


@kernel
def _lowest_bit(word: int) -> int:
    """Return the place of the lowest set bit of a positive word. O(its place)."""
    place = 0
    while not (word >> place) & 1:
        place += 1
    return place


@kernel
def enumerate_cuts(neighbours: Ints) -> tuple[int, int]:
    """Return the cuts of least conductance and of least edge expansion, as bit sets.

    `neighbours` holds one bit set a node, of at most about 24 nodes. Only sets without the last
    node are tried, since a set and the rest have the same cut. Ties go to the smaller word.
    O(2^n), 6 bytes for each of 2^(n-1) sets.
    """
    n_nodes = neighbours.size
    words = 1 << (n_nodes - 1)
    cuts = np.zeros(words, np.int16)
    volumes = np.zeros(words, np.int16)
    sizes = np.zeros(words, np.int16)
    total = 0
    for node in range(n_nodes):
        total += _count_bits(neighbours[node])
    conductance = expansion = np.inf
    conductance_word = expansion_word = 0
    for word in range(1, words):
        rest = word & (word - 1)
        node = _lowest_bit(word)
        degree = _count_bits(neighbours[node])
        cut = cuts[rest] + degree - 2 * _count_bits(neighbours[node] & rest)
        volume, size = volumes[rest] + degree, sizes[rest] + 1
        cuts[word], volumes[word], sizes[word] = cut, volume, size
        if cut / min(volume, total - volume) < conductance:
            conductance = cut / min(volume, total - volume)
            conductance_word = word
        if cut / min(size, n_nodes - size) < expansion:
            expansion = cut / min(size, n_nodes - size)
            expansion_word = word
    return conductance_word, expansion_word


@kernel
def enumerate_neighbourhoods(neighbours: Ints) -> int:
    """Return the left set of least node expansion, as a bit set. O(2^n_left).

    `neighbours` holds a bit set of right nodes for every left node. Ties go to the smaller word.
    """
    n_left = neighbours.size
    unions = np.zeros(1 << n_left, np.int32)
    expansion = np.inf
    best = 0
    for word in range(1, unions.size):
        unions[word] = unions[word & (word - 1)] | neighbours[_lowest_bit(word)]
        size = _count_bits(word)
        if 2 * size <= n_left and _count_bits(unions[word]) / size < expansion:
            expansion = _count_bits(unions[word]) / size
            best = word
    return best
