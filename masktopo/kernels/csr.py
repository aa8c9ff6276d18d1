"""Dense masks to CSR by left node.

A mask comes as its bytes in the order ``(right, left within the group)``: row ``r`` of the
matrix is right node ``r``, and column ``c`` of group ``g`` is left node ``g * columns + c``.
Bytes are read eight at a time, so that the zeros of a sparse mask cost an eighth of a look each.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = [
    "count_channel",
    "count_left",
    "count_right",
    "fill_channel",
    "fill_left",
    "fill_left_dense",
]


PLACES = np.array(
    [
        [bit for bit in range(8) if byte >> bit & 1] + [0] * (8 - byte.bit_count())
        for byte in range(256)
    ],
    dtype=np.uint8,
)
"""For every byte the places of its ones."""

COUNTS = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)
"""For every byte the number of its ones."""

GATHER_BITS = np.uint64(0x0102040810204080)
"""A word of eight bytes 0 or 1, times this, has them as the bits of its highest byte."""

BLOCK = 256
"""Left nodes in a block of `fill_left_dense`."""


@kernel
def count_left(mask: NDArray[np.uint8], rows_per_group: int, indptr: NDArray[np.int64]) -> None:
    """Turn zeros into the row pointers of the left nodes. O(size), in vector registers.

    `mask` has shape ``(right, left within the group)`` and holds bytes 0 and 1.
    """
    counts = indptr[1:]
    n_right, columns = mask.shape
    for row in range(n_right):
        base = (row // rows_per_group) * columns
        degrees = counts[base : base + columns]
        line = mask[row]
        for column in range(columns):
            degrees[column] += line[column]
    for left in range(counts.size):
        indptr[left + 1] += indptr[left]


@kernel
def count_right(indices: NDArray[np.unsignedinteger], counts: NDArray[np.int64]) -> None:
    """Add up the edges of every right node, from zeros. O(nnz), without a wider copy."""
    for right in indices:
        counts[right] += 1


@kernel
def fill_left(
    words: NDArray[np.uint64],
    tail: NDArray[np.uint8],
    weight: NDArray[np.floating],
    columns: int,
    rows_per_group: int,
    cursor: NDArray[np.int64],
    slots: NDArray[np.int64],
    positions: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    values: NDArray[np.floating],
) -> None:
    """Write right nodes and absolute weights at each left node's `cursor`, which advances.

    Right nodes come out sorted. `weight` and `values` are empty where weights are unknown.
    Weights are fetched in batches, as many as `slots` and `positions` hold, in a loop of their
    own: the processor then waits for several of these scattered reads at once.
    O(size / 8 + nnz).
    """
    weighted = values.size > 0
    row, row_end, base = 0, np.uint64(columns), np.uint64(0)
    left_base = np.uint64(0)
    held = 0
    for index in range(words.size + 1):
        if index < words.size:
            word = words[index]
            if word == 0:
                continue
            bits = (word * GATHER_BITS) >> np.uint64(56)
        else:
            bits = np.uint64(0)
            for offset in range(tail.size):
                bits |= np.uint64(tail[offset]) << np.uint64(offset)
        start = np.uint64(8) * np.uint64(index)
        for one in range(COUNTS[bits]):
            position = start + np.uint64(PLACES[bits, one])
            while position >= row_end:
                row += 1
                base = row_end
                row_end += np.uint64(columns)
                left_base = np.uint64((row // rows_per_group) * columns)
            left = left_base + (position - base)
            slot = cursor[left]
            cursor[left] = slot + 1
            indices[np.uint64(slot)] = row
            slots[held] = slot
            positions[held] = position
            held += 1
        if held + 8 > slots.size:
            if weighted:
                for k in range(held):
                    values[np.uint64(slots[k])] = abs(weight[np.uint64(positions[k])])
            held = 0
    if weighted:
        for k in range(held):
            values[np.uint64(slots[k])] = abs(weight[np.uint64(positions[k])])


@kernel
def fill_left_dense(
    mask: NDArray[np.uint8],
    weight: NDArray[np.floating],
    rows_per_group: int,
    cursor: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    values: NDArray[np.floating],
) -> None:
    """Do what `fill_left` does, for a layer of which a good part is kept.

    `indices` and `values` have a spare place at the end, where the zeros of the mask are written:
    a store costs less than a branch that is foretold wrongly. Left nodes go by blocks, since every
    one has a place in memory that is being written, and the places of all at once would not stay
    in the cache. O(size).
    """
    weighted = values.size > 0
    n_right, columns = mask.shape
    spare = np.uint64(indices.size - 1)
    for start in range(0, columns, BLOCK):
        stop = min(start + BLOCK, columns)
        for row in range(n_right):
            base = (row // rows_per_group) * columns
            kept, places = mask[row][start:stop], cursor[base + start : base + stop]
            for left in range(kept.size):
                slot = places[left]
                place = np.uint64(slot) if kept[left] else spare
                indices[place] = row
                if weighted:
                    values[place] = abs(weight[row, start + left])
                places[left] = slot + kept[left]


@kernel
def count_channel(
    mask: NDArray[np.uint8], kernel_size: int, groups: int, counts: NDArray[np.int64]
) -> None:
    """Count, per input channel, the output channels joined by a kernel with a nonzero.

    `mask` has shape ``(out, in / groups * kernel_size)``. O(size).
    """
    n_right, columns = mask.shape
    channels = columns // kernel_size
    for row in range(n_right):
        base = (row // (n_right // groups)) * channels
        for channel in range(channels):
            for place in range(channel * kernel_size, (channel + 1) * kernel_size):
                if mask[row, place] != 0:
                    counts[base + channel] += 1
                    break


@kernel
def fill_channel(
    mask: NDArray[np.uint8],
    weight: NDArray[np.floating],
    kernel_size: int,
    groups: int,
    cursor: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    multiplicity: NDArray[np.uint32],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None:
    """Write output channels, nonzeros per kernel, sums of absolute and of squared weights.

    The last two are empty where weights are unknown. O(size).
    """
    n_right, columns = mask.shape
    channels = columns // kernel_size
    weighted = sums.size > 0
    for row in range(n_right):
        base = (row // (n_right // groups)) * channels
        for channel in range(channels):
            count = 0
            total = 0.0
            square = 0.0
            for place in range(channel * kernel_size, (channel + 1) * kernel_size):
                if mask[row, place] != 0:
                    count += 1
                    if weighted:
                        # Not `float`, which keeps single precision here: squares leave its range.
                        value = abs(np.float64(weight[row, place]))
                        total += value
                        square += value * value
            if count > 0:
                slot = cursor[base + channel]
                indices[slot] = row
                multiplicity[slot] = count
                if weighted:
                    sums[slot] = total
                    squares[slot] = square
                cursor[base + channel] = slot + 1
