"""Products with ``B^T B`` for a CSR matrix B."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.vectors import dot, subtract

__all__ = ["image_of", "multiply", "multiply_deflated"]

ONE, TWO, THREE, FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


@kernel
def image_of(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, x: Floats, out: Floats
) -> None:
    """``out = B x``. O(nnz)."""
    for row in range(out.size):
        total = 0.0
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            total += x[indices[slot]] * (values[slot] if weighted else 1.0)
        out[row] = total


@kernel
def multiply(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, x: Floats, out: Floats
) -> None:
    """``out = B^T B x`` in one pass over the rows. O(nnz), 2 or 4 bytes an edge read twice.

    Written out, since a call for every row costs more than a short row.
    """
    for column in range(out.size):
        out[column] = 0.0
    start = np.uint64(indptr[0])
    for row in range(1, indptr.size):
        end = np.uint64(indptr[row])
        a = b = c = d = 0.0
        slot = start
        if weighted:
            while slot + FOUR <= end:
                a += values[slot] * x[indices[slot]]
                b += values[slot + ONE] * x[indices[slot + ONE]]
                c += values[slot + TWO] * x[indices[slot + TWO]]
                d += values[slot + THREE] * x[indices[slot + THREE]]
                slot += FOUR
            while slot < end:
                a += values[slot] * x[indices[slot]]
                slot += ONE
            total = (a + b) + (c + d)
            for place in range(start, end):
                out[indices[place]] += values[place] * total
        else:
            while slot + FOUR <= end:
                a += x[indices[slot]]
                b += x[indices[slot + ONE]]
                c += x[indices[slot + TWO]]
                d += x[indices[slot + THREE]]
                slot += FOUR
            while slot < end:
                a += x[indices[slot]]
                slot += ONE
            total = (a + b) + (c + d)
            for place in range(start, end):
                out[indices[place]] += total
        start = end


@kernel
def multiply_deflated(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    left: Floats,
    right: Floats,
    x: Floats,
    image: Floats,
    out: Floats,
) -> None:
    """Multiply with ``C^T C``, where C is B without its first singular triplet. O(nnz).

    The image ``B x`` is cleaned before it is multiplied again, so that rounding is relative to
    the first singular value itself, not to its square.
    """
    image_of(indptr, indices, values, weighted, x, image)
    subtract(image, dot(left, image), left)
    out[:] = 0.0
    for row in range(image.size):
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            out[indices[slot]] += image[row] * (values[slot] if weighted else 1.0)
    subtract(out, dot(right, out), right)
