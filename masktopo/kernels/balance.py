"""Greedy choice of a layer's weights for paths, nodes and kernels at once (NPB23).

A pair is an output and one of its inputs; its weights are one kernel. Weight after weight is
taken from the pair of greatest gain. Gains only ever fall (the objective is submodular), so a
heap of old gains is enough: where the gain on top is still true, it is the greatest.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["greedy_order"]


@kernel
def _before(
    first: int, second: int, gains: NDArray[np.float64], largest: NDArray[np.float64]
) -> bool:
    """Whether a pair comes before another: greater gain, larger weight, lower index. O(1)."""
    if gains[first] != gains[second]:
        return bool(gains[first] > gains[second])
    if largest[first] != largest[second]:
        return bool(largest[first] > largest[second])
    return first < second


@kernel
def _sink(
    heap: NDArray[np.int64],
    place: int,
    gains: NDArray[np.float64],
    largest: NDArray[np.float64],
) -> None:
    """Let a pair sink to its place in the heap. O(log pairs)."""
    pair = heap[place]
    while 2 * place + 1 < heap.size:
        child = 2 * place + 1
        if child + 1 < heap.size and _before(heap[child + 1], heap[child], gains, largest):
            child += 1
        if not _before(heap[child], pair, gains, largest):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = pair


@kernel
def _largest_left(magnitudes: NDArray[np.floating], order: NDArray[np.int64]) -> int:
    """Return the place of the largest weight of a kernel that is not taken; -1 if all are. O(k)."""
    found = -1
    for place in range(order.size):
        if order[place] == 0 and (found < 0 or magnitudes[place] > magnitudes[found]):
            found = place
    return found


@kernel
def greedy_order(
    magnitudes: NDArray[np.floating],
    groups: int,
    path_gains: NDArray[np.float64],
    reached: NDArray[np.bool_],
    node_gain: float,
    kernel_gain: float,
    order: NDArray[np.int64],
) -> None:
    """Take all weights one by one, and number them from 1.

    `magnitudes` and `order`, zeros, have the shape ``(outputs, inputs / groups, kernel places)``.
    A weight gains its input's `path_gains`, `kernel_gain` if it is the first of its kernel, and
    `node_gain` for its input and for its output if it is the first there of a reached input.
    Equal gains go to the larger weight, then to the lower index.
    O(weights (log pairs + kernel places)).
    """
    outputs, inputs, _ = magnitudes.shape
    used_inputs = np.zeros(reached.size, np.bool_)
    used_outputs = np.zeros(outputs, np.bool_)
    opened = np.zeros(outputs * inputs, np.bool_)
    gains = np.full(outputs * inputs, np.inf)
    largest = np.empty(outputs * inputs)
    heap = np.arange(outputs * inputs)
    for pair in range(heap.size):
        largest[pair] = magnitudes[pair // inputs, pair % inputs].max()
    number = 0
    for place in range(heap.size // 2 - 1, -1, -1):
        _sink(heap, place, gains, largest)
    while number < order.size:
        pair = heap[0]
        row, column = pair // inputs, pair % inputs
        source = row // (outputs // groups) * inputs + column
        gain = path_gains[source]
        if not opened[pair]:
            gain += kernel_gain
        if reached[source]:
            if not used_inputs[source]:
                gain += node_gain
            if not used_outputs[row]:
                gain += node_gain
        if gain == gains[pair]:
            place = _largest_left(magnitudes[row, column], order[row, column])
            number += 1
            order[row, column, place] = number
            opened[pair] = True
            if reached[source]:
                used_inputs[source] = True
                used_outputs[row] = True
            place = _largest_left(magnitudes[row, column], order[row, column])
            # The gain is looked at anew when the pair is on top again.
            largest[pair] = -1.0 if place < 0 else magnitudes[row, column, place]
            if place < 0:
                gains[pair] = -np.inf
        else:
            gains[pair] = gain
        _sink(heap, 0, gains, largest)
