"""A layer's edges between elements, listed: CSR by operand element.

Nonzero weights come sorted by input channel, then by output channel, then by tap in the order in
which the taps' output positions ascend, so that columns ascend within a row.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["fill_unrolled", "sort_entries"]


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
def fill_unrolled(
    first: NDArray[np.int64],
    taps: NDArray[np.int64],
    outputs: NDArray[np.int64],
    weight: NDArray[np.floating],
    outputs_z: NDArray[np.int64],
    outputs_y: NDArray[np.int64],
    outputs_x: NDArray[np.int64],
    shape: NDArray[np.int64],
    row: NDArray[np.int64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.floating],
) -> None:
    """Write row ends, output elements and weights of every element of every position, in order.

    `first` points to each channel's weights, `taps` holds ``(z, y, x)`` of each. `shape` holds
    positions, output channels and the output's three lengths; `row` is scratch of three numbers
    a weight of a channel; `values` is empty where weights are unknown. One pass, without counting
    first: `indices` and `values` have room for every weight at every place of the smaller plane.
    O(elements * weights of their channel).
    """
    weighted = values.size > 0
    slot = np.uint64(0)
    element = 1
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
                            line = (plane * shape[2] + to_z) * shape[3] + to_y
                            row[held, 0] = line * shape[4]
                            row[held, 1] = taps[entry, 2]
                            row[held, 2] = entry
                            held += 1
                    for x in range(outputs_x.shape[0]):
                        for at in range(held):
                            to_x = outputs_x[x, row[at, 1]]
                            if to_x >= 0:
                                indices[slot] = row[at, 0] + to_x
                                if weighted:
                                    values[slot] = weight[row[at, 2]]
                                slot += np.uint64(1)
                        indptr[element] = slot
                        element += 1
