"""A layer's edges between elements, listed: CSR by operand element.

Nonzero weights come sorted by input channel, then by output channel, then by tap in the order in
which the taps' output positions ascend, so that columns ascend within a row.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["count_unrolled", "fill_unrolled", "sort_entries"]


@kernel
def sort_entries(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    weights: NDArray[np.floating],
    sizes: NDArray[np.int64],
    backwards: bool,
    first: NDArray[np.int64],
    cursor: NDArray[np.int64],
    taps: NDArray[np.int64],
    outputs: NDArray[np.int64],
    sorted_weights: NDArray[np.floating],
) -> None:
    """Sort the weights of a rolled graph by channel, output and tap, taps backwards or not.

    `sizes` holds the kernel's lengths, `cursor` is scratch for one number an output. Weights may
    be empty. O(weights + channels * outputs).
    """
    places = sizes[0] * sizes[1] * sizes[2]
    for channel in range(first.size - 1):
        cursor[:] = 0
        for slot in range(indptr[channel * places], indptr[(channel + 1) * places]):
            cursor[indices[slot]] += 1
        place = first[channel]
        for output in range(cursor.size):
            count = cursor[output]
            cursor[output] = place
            place += count
        first[channel + 1] = place
        for step in range(places):
            tap = places - 1 - step if backwards else step
            node = channel * places + tap
            for slot in range(indptr[node], indptr[node + 1]):
                output = indices[slot]
                place = cursor[output]
                cursor[output] = place + 1
                outputs[place] = output
                taps[place, 0] = tap // (sizes[1] * sizes[2])
                taps[place, 1] = tap // sizes[2] % sizes[1]
                taps[place, 2] = tap % sizes[2]
                if weights.size > 0:
                    sorted_weights[place] = weights[slot]


@kernel
def count_unrolled(
    first: NDArray[np.int64],
    taps: NDArray[np.int64],
    outputs_z: NDArray[np.int64],
    outputs_y: NDArray[np.int64],
    outputs_x: NDArray[np.int64],
    by_tap: NDArray[np.int64],
    indptr: NDArray[np.int64],
) -> None:
    """Write the number of edges of each element of one position, behind the first place.

    `first` points to each channel's weights, `taps` holds ``(z, y, x)`` of each, `by_tap` is
    scratch for one number a tap of the last axis. O(elements * taps of the last axis + rows of
    elements * weights of their channel).
    """
    slot = 1
    for channel in range(first.size - 1):
        for z in range(outputs_z.shape[0]):
            for y in range(outputs_y.shape[0]):
                for tap in range(by_tap.size):
                    by_tap[tap] = 0
                for entry in range(first[channel], first[channel + 1]):
                    if outputs_z[z, taps[entry, 0]] >= 0 and outputs_y[y, taps[entry, 1]] >= 0:
                        by_tap[taps[entry, 2]] += 1
                for x in range(outputs_x.shape[0]):
                    count = 0
                    for tap in range(by_tap.size):
                        if outputs_x[x, tap] >= 0:
                            count += by_tap[tap]
                    indptr[slot] = count
                    slot += 1


@kernel
def fill_unrolled(
    first: NDArray[np.int64],
    taps: NDArray[np.int64],
    outputs: NDArray[np.int64],
    weight: NDArray[np.floating],
    outputs_z: NDArray[np.int64],
    outputs_y: NDArray[np.int64],
    outputs_x: NDArray[np.int64],
    shape: NDArray[np.int64],
    base: NDArray[np.int64],
    entries: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.floating],
) -> None:
    """Write output elements and weights of every element of every position, in order.

    `shape` holds positions, output channels and the output's three lengths; `base` and `entries`
    are scratch for one number a weight of a channel; `values` is empty where weights are unknown.
    O(elements * weights of their channel).
    """
    weighted = values.size > 0
    slot = np.uint64(0)
    for position in range(shape[0]):
        for channel in range(first.size - 1):
            for z in range(outputs_z.shape[0]):
                for y in range(outputs_y.shape[0]):
                    held = 0
                    for entry in range(first[channel], first[channel + 1]):
                        to_z = outputs_z[z, taps[entry, 0]]
                        to_y = outputs_y[y, taps[entry, 1]]
                        if to_z >= 0 and to_y >= 0:
                            plane = position * shape[1] + outputs[entry]
                            base[held] = ((plane * shape[2] + to_z) * shape[3] + to_y) * shape[4]
                            entries[held] = entry
                            held += 1
                    for x in range(outputs_x.shape[0]):
                        for at in range(held):
                            to_x = outputs_x[x, taps[entries[at], 2]]
                            if to_x >= 0:
                                indices[slot] = base[at] + to_x
                                if weighted:
                                    values[slot] = weight[entries[at]]
                                slot += np.uint64(1)
