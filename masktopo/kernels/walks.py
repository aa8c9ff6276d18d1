"""Random walks through a layered graph that go along an edge in proportion to its weight."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["biased_walks", "by_node", "running_sums"]


@kernel
def by_node(
    tails: NDArray[np.uint32],
    cursor: NDArray[np.int64],
    order: NDArray[np.int64],
) -> None:
    """Write the edges in the order of their tails, else as they come. O(edges).

    `cursor` holds the first slot of every node, and is used up.
    """
    for edge in range(tails.size):
        node = tails[edge]
        order[cursor[node]] = edge
        cursor[node] += 1


@kernel
def running_sums(indptr: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    """Replace the weights of every node's edges by their running sums. O(nodes + edges)."""
    for node in range(indptr.size - 1):
        total = 0.0
        for slot in range(indptr[node], indptr[node + 1]):
            total += sums[slot]
            sums[slot] = total


@kernel
def _chosen(
    sums: NDArray[np.float64], first: int, last: int, generator: np.random.Generator
) -> int:
    """Draw a slot from ``first`` up to ``last`` in proportion to its weight. O(log slots).

    A draw lies below the last sum, so the first slot whose sum exceeds it has a weight above 0.
    """
    drawn = generator.random() * sums[last - 1]
    while first < last:
        middle = (first + last) // 2
        if sums[middle] > drawn:
            last = middle
        else:
            first = middle + 1
    return first


@kernel
def _one_walk(
    node: int,
    indptr: NDArray[np.int64],
    sums: NDArray[np.float64],
    heads: NDArray[np.uint32],
    outputs: NDArray[np.bool_],
    generator: np.random.Generator,
    path: NDArray[np.int64],
) -> int:
    """Write the slots of one walk, and return how many; 0 if it does not end at an output."""
    length = 0
    while indptr[node] < indptr[node + 1] and sums[indptr[node + 1] - 1] > 0.0:
        slot = _chosen(sums, indptr[node], indptr[node + 1], generator)
        path[length] = slot
        length += 1
        node = int(heads[slot])
    return length if outputs[node] else 0


@kernel
def biased_walks(
    indptr: NDArray[np.int64],
    sums: NDArray[np.float64],
    heads: NDArray[np.uint32],
    owners: NDArray[np.int64],
    starts: NDArray[np.int64],
    outputs: NDArray[np.bool_],
    spans: NDArray[np.uint16],
    room: NDArray[np.int64],
    most: int,
    generator: np.random.Generator,
    path: NDArray[np.int64],
    visits: NDArray[np.int64],
) -> int:
    """Walk, and number the owners of edges in the order in which they are first met, from 1.

    Walks begin at a random one of `starts` and end where no edge of weight leads on; those that
    end elsewhere than at an output do not count. Only as many owners of span ``s`` are numbered
    as there is `room`; when there is none left, the walk is cut. Owner -1 stands for nobody.
    Returns the walks made, at most `most`. O(walks * length * log degree).
    """
    left = room.sum()
    number = 0
    for walk in range(most):
        if left == 0:
            return walk
        start = starts[generator.integers(0, starts.size)]
        length = _one_walk(start, indptr, sums, heads, outputs, generator, path)
        for step in range(length):
            owner = owners[path[step]]
            if owner >= 0 and visits[owner] == 0 and room[spans[owner]] > 0:
                number += 1
                visits[owner] = number
                room[spans[owner]] -= 1
                left -= 1
    return most
