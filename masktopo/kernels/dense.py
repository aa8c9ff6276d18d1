"""Products with the dense matrix of a layer, for layers that are hardly sparse.

Where a fifth of the weights or more is kept, reading the whole mask in order is faster than
following column indices, and takes no memory beside the mask itself. Four rows go at a time, so
that vectors are read and written a quarter as often.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import summing_kernel

__all__ = ["multiply_mask", "multiply_weights"]


@summing_kernel
def multiply_mask(
    mask: NDArray[np.uint8], x: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """``out = M^T M x`` for a 0/1 matrix in bytes, each row read once. O(size)."""
    out[:] = 0.0
    rows = mask.shape[0]
    for row in range(0, rows - 3, 4):
        line_a, line_b, line_c, line_d = mask[row], mask[row + 1], mask[row + 2], mask[row + 3]
        a = b = c = d = 0.0
        for j in range(line_a.size):
            a += line_a[j] * x[j]
            b += line_b[j] * x[j]
            c += line_c[j] * x[j]
            d += line_d[j] * x[j]
        for j in range(line_a.size):
            out[j] += (line_a[j] * a + line_b[j] * b) + (line_c[j] * c + line_d[j] * d)
    for row in range(rows - rows % 4, rows):
        line_a = mask[row]
        a = 0.0
        for j in range(line_a.size):
            a += line_a[j] * x[j]
        for j in range(line_a.size):
            out[j] += line_a[j] * a


@summing_kernel
def multiply_weights(
    mask: NDArray[np.uint8],
    weight: NDArray[np.floating],
    x: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """``out = A^T A x`` for the absolute weights A on a mask, each row read once. O(size)."""
    out[:] = 0.0
    rows = mask.shape[0]
    for row in range(0, rows - 3, 4):
        line_a, line_b, line_c, line_d = mask[row], mask[row + 1], mask[row + 2], mask[row + 3]
        size_a, size_b, size_c, size_d = (
            weight[row],
            weight[row + 1],
            weight[row + 2],
            weight[row + 3],
        )
        a = b = c = d = 0.0
        for j in range(line_a.size):
            a += abs(size_a[j] * np.float32(line_a[j])) * x[j]
            b += abs(size_b[j] * np.float32(line_b[j])) * x[j]
            c += abs(size_c[j] * np.float32(line_c[j])) * x[j]
            d += abs(size_d[j] * np.float32(line_d[j])) * x[j]
        for j in range(line_a.size):
            out[j] += (
                abs(size_a[j] * np.float32(line_a[j])) * a
                + abs(size_b[j] * np.float32(line_b[j])) * b
            ) + (
                abs(size_c[j] * np.float32(line_c[j])) * c
                + abs(size_d[j] * np.float32(line_d[j])) * d
            )
    for row in range(rows - rows % 4, rows):
        line_a, size_a = mask[row], weight[row]
        a = 0.0
        for j in range(line_a.size):
            a += abs(size_a[j] * np.float32(line_a[j])) * x[j]
        for j in range(line_a.size):
            out[j] += abs(size_a[j] * np.float32(line_a[j])) * a
