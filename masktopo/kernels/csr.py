"""Dense masks to CSR by left node, and small CSR helpers.

A mask comes as its bytes in the order ``(right, left within the group)``: row ``r`` of the
matrix is right node ``r``, and column ``c`` of group ``g`` is left node ``g * columns + c``.
Bytes are read eight at a time, so that the zeros of a sparse mask cost an eighth of a look each.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["count_channel", "count_left", "fill_channel", "fill_left", "transpose"]


@kernel
def _lowest_byte(word: np.uint64) -> int:
    """Return the index of the lowest non-zero byte of `word`, which is not 0. O(1)."""
    byte = 0
    if word & np.uint64(0xFFFFFFFF) == 0:
        byte = 4
        word >>= np.uint64(32)
    if word & np.uint64(0xFFFF) == 0:
        byte += 2
        word >>= np.uint64(16)
    if word & np.uint64(0xFF) == 0:
        byte += 1
    return byte


@kernel
def count_left(
    words: NDArray[np.uint64],
    tail: NDArray[np.uint8],
    columns: int,
    rows_per_group: int,
    counts: NDArray[np.int64],
) -> None:
    """Add the degree of every left node to `counts`. O(size / 8 + nnz)."""
    row_end = columns
    base = 0
    row = 0
    for index in range(words.size):
        word = words[index]
        while word != 0:
            byte = _lowest_byte(word)
            position = int(8 * index + byte)
            while position >= row_end:
                row_end += columns
                row += 1
                base = (row // rows_per_group) * columns - row * columns
            counts[base + position] += 1
            word &= ~(np.uint64(0xFF) << np.uint64(8 * byte))
    for offset in range(tail.size):
        if tail[offset] != 0:
            position = 8 * words.size + offset
            row = position // columns
            counts[(row // rows_per_group) * columns + position % columns] += 1


@kernel
def fill_left(
    words: NDArray[np.uint64],
    tail: NDArray[np.uint8],
    weight: NDArray[np.floating],
    columns: int,
    rows_per_group: int,
    cursor: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    values: NDArray[np.floating],
) -> None:
    """Write right nodes and absolute weights at each left node's `cursor`, which advances.

    Right nodes come out sorted. `weight` and `values` are empty where weights are unknown.
    O(size / 8 + nnz).
    """
    weighted = values.size > 0
    row_end = columns
    base = 0
    row = 0
    for index in range(words.size):
        word = words[index]
        while word != 0:
            byte = _lowest_byte(word)
            position = int(8 * index + byte)
            while position >= row_end:
                row_end += columns
                row += 1
                base = (row // rows_per_group) * columns - row * columns
            slot = cursor[base + position]
            indices[slot] = row
            if weighted:
                values[slot] = abs(weight[position])
            cursor[base + position] = slot + 1
            word &= ~(np.uint64(0xFF) << np.uint64(8 * byte))
    for offset in range(tail.size):
        if tail[offset] != 0:
            position = 8 * words.size + offset
            row = position // columns
            left = (row // rows_per_group) * columns + position % columns
            slot = cursor[left]
            indices[slot] = row
            if weighted:
                values[slot] = abs(weight[position])
            cursor[left] = slot + 1


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
    values: NDArray[np.floating],
) -> None:
    """Write output channels, nonzeros per kernel and sums of absolute weights. O(size)."""
    n_right, columns = mask.shape
    channels = columns // kernel_size
    weighted = values.size > 0
    for row in range(n_right):
        base = (row // (n_right // groups)) * channels
        for channel in range(channels):
            count = 0
            total = 0.0
            for place in range(channel * kernel_size, (channel + 1) * kernel_size):
                if mask[row, place] != 0:
                    count += 1
                    if weighted:
                        total += abs(float(weight[row, place]))
            if count > 0:
                slot = cursor[base + channel]
                indices[slot] = row
                multiplicity[slot] = count
                if weighted:
                    values[slot] = total
                cursor[base + channel] = slot + 1


@kernel
def transpose(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    turned_indptr: NDArray[np.int64],
    turned_indices: NDArray[np.unsignedinteger],
    order: NDArray[np.int64],
) -> None:
    """Turn a CSR matrix; ``order`` gives the old slot of every new one. O(rows + nnz).

    `turned_indptr` has one place more than the matrix has columns and starts as zeros.
    """
    for slot in range(indices.size):
        turned_indptr[np.int64(indices[slot]) + 1] += 1
    for column in range(turned_indptr.size - 1):
        turned_indptr[column + 1] += turned_indptr[column]
    cursor = turned_indptr[:-1].copy()
    for row in range(indptr.size - 1):
        for slot in range(indptr[row], indptr[row + 1]):
            column = int(np.int64(indices[slot]))
            place = cursor[column]
            turned_indices[place] = row
            order[place] = slot
            cursor[column] = place + 1
