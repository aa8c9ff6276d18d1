"""One long vector against a basis of long vectors, all of them rows.

Work goes in chunks of columns, so that a chunk of the vector stays in the first cache while the
basis streams past.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import summing_kernel

__all__ = ["combine", "leave", "project", "recur", "settle", "subtract"]

CHUNK = 1024


@summing_kernel
def project(
    basis: NDArray[np.float64], vector: NDArray[np.float64], products: NDArray[np.float64]
) -> None:
    """Add the vector's inner products with the basis. O(size of the basis)."""
    for start in range(0, vector.size, CHUNK):
        part = vector[start : start + CHUNK]
        for row in range(basis.shape[0]):
            products[row] += _inner(basis[row, start : start + CHUNK], part)


@summing_kernel
def subtract(
    basis: NDArray[np.float64],
    products: NDArray[np.float64],
    vector: NDArray[np.float64],
) -> None:
    """Take ``products @ basis`` off the vector. O(size of the basis)."""
    for start in range(0, vector.size, CHUNK):
        part = vector[start : start + CHUNK]
        for row in range(basis.shape[0]):
            _add(-products[row], basis[row, start : start + CHUNK], part)


@summing_kernel
def combine(
    basis: NDArray[np.floating], factors: NDArray[np.float64], scratch: NDArray[np.float64]
) -> None:
    """Overwrite the first rows of the basis by ``factors @ basis``. O(size of factors n).

    `scratch` has as many rows as `factors`, of any length.
    """
    width = scratch.shape[1]
    for start in range(0, basis.shape[1], width):
        stop = min(start + width, basis.shape[1])
        scratch[:] = 0.0
        for which in range(factors.shape[0]):
            part = scratch[which, : stop - start]
            for row in range(basis.shape[0]):
                _add(factors[which, row], basis[row, start:stop], part)
        basis[: factors.shape[0], start:stop] = scratch[:, : stop - start]


@summing_kernel
def recur(
    image: NDArray[np.float64], row: NDArray[np.float64], before: NDArray[np.float64], carry: float
) -> float:
    """Take ``carry * before`` off the image; return its inner product with the row. O(n)."""
    total = 0.0
    for place in range(image.size):
        left = image[place] - carry * before[place]
        image[place] = left
        total += left * row[place]
    return total


@summing_kernel
def leave(image: NDArray[np.float64], row: NDArray[np.float64], factor: float) -> float:
    """Take ``factor * row`` off the image; return the length of what is left. O(n)."""
    total = 0.0
    for place in range(image.size):
        left = image[place] - factor * row[place]
        image[place] = left
        total += left * left
    return float(np.sqrt(total))


@summing_kernel
def settle(vector: NDArray[np.float64], length: float, row: NDArray[np.floating]) -> None:
    """Divide the vector by its length, and copy it to a row of the basis. O(n)."""
    for place in range(vector.size):
        vector[place] /= length
        row[place] = vector[place]


@summing_kernel
def _inner(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the inner product. O(n)."""
    total = 0.0
    for place in range(one.size):
        total += one[place] * other[place]
    return total


@summing_kernel
def _add(factor: float, vector: NDArray[np.floating], sums: NDArray[np.float64]) -> None:
    """Add a multiple of a vector. O(n)."""
    for place in range(vector.size):
        sums[place] += factor * vector[place]
