"""Products with the dense matrix of a layer, for layers that are hardly sparse.

Where a fifth of the weights or more is kept, reading the whole mask in order is faster than
following column indices, and takes no memory beside the mask itself. Four rows go at a time, so
that vectors are read and written a quarter as often. Vectors of single precision fill the vector
registers twice as full: the weights are single already, and only sums are rounded.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import summing_kernel

__all__ = ["multiply_mask", "multiply_weights"]

Vector = NDArray[np.floating]


@summing_kernel
def multiply_mask(mask: NDArray[np.uint8], x: Vector, out: Vector) -> None:
    """``out = M^T M x`` for a 0/1 matrix in bytes, each row read once. O(size)."""
    number = x.dtype.type
    out[:] = 0.0
    rows = mask.shape[0]
    for row in range(0, rows - 3, 4):
        line_a, line_b, line_c, line_d = mask[row], mask[row + 1], mask[row + 2], mask[row + 3]
        a = b = c = d = number(0.0)
        for j in range(line_a.size):
            a += number(line_a[j]) * x[j]
            b += number(line_b[j]) * x[j]
            c += number(line_c[j]) * x[j]
            d += number(line_d[j]) * x[j]
        for j in range(line_a.size):
            out[j] += (number(line_a[j]) * a + number(line_b[j]) * b) + (
                number(line_c[j]) * c + number(line_d[j]) * d
            )
    for row in range(rows - rows % 4, rows):
        line_a = mask[row]
        a = number(0.0)
        for j in range(line_a.size):
            a += number(line_a[j]) * x[j]
        for j in range(line_a.size):
            out[j] += number(line_a[j]) * a


@summing_kernel
def multiply_weights(
    mask: NDArray[np.uint8], weight: NDArray[np.floating], x: Vector, out: Vector
) -> None:
    """``out = A^T A x`` for the absolute weights A on a mask, each row read once. O(size)."""
    number, bit = x.dtype.type, np.float32
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
        a = b = c = d = number(0.0)
        for j in range(line_a.size):
            a += number(abs(size_a[j]) * bit(line_a[j])) * x[j]
            b += number(abs(size_b[j]) * bit(line_b[j])) * x[j]
            c += number(abs(size_c[j]) * bit(line_c[j])) * x[j]
            d += number(abs(size_d[j]) * bit(line_d[j])) * x[j]
        for j in range(line_a.size):
            out[j] += (
                number(abs(size_a[j]) * bit(line_a[j])) * a
                + number(abs(size_b[j]) * bit(line_b[j])) * b
            ) + (
                number(abs(size_c[j]) * bit(line_c[j])) * c
                + number(abs(size_d[j]) * bit(line_d[j])) * d
            )
    for row in range(rows - rows % 4, rows):
        line_a, size_a = mask[row], weight[row]
        a = number(0.0)
        for j in range(line_a.size):
            a += number(abs(size_a[j]) * bit(line_a[j])) * x[j]
        for j in range(line_a.size):
            out[j] += number(abs(size_a[j]) * bit(line_a[j])) * a
