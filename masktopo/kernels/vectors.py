"""Vectors of doubles: sums, multiples, a fixed start, and Gram-Schmidt."""

import numpy as np

from masktopo._numba import kernel, summing_kernel
from masktopo.kernels.arrays import Floats

__all__ = ["dot", "fill_random", "line", "orthogonalize", "scale", "subtract"]


@summing_kernel
def dot(x: Floats, y: Floats) -> float:
    """Scalar product. O(n)."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel
def subtract(out: Floats, factor: float, x: Floats) -> None:
    """Take ``factor * x`` from `out`. O(n)."""
    for i in range(out.size):
        out[i] -= factor * x[i]


@kernel
def scale(x: Floats, factor: float) -> None:
    """Multiply `x` in place. O(n)."""
    for i in range(x.size):
        x[i] *= factor


@kernel
def fill_random(out: Floats, seed: int) -> None:
    """Fill with a fixed sequence in [0.25, 1.25) times random signs, by splitmix64. O(n).

    No entry is near 0, so that no direction starts out nearly missing on small graphs.
    """
    state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)
    for i in range(out.size):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        size = 0.25 + np.float64(z >> np.uint64(11)) * 2.0**-53
        out[i] = size if z & np.uint64(1) == 0 else -size


@kernel
def line(basis: Floats, row: int, n: int) -> Floats:
    """View one row of the basis, which is stored flat."""
    return basis[row * n : (row + 1) * n]


@summing_kernel
def orthogonalize(basis: Floats, n: int, count: int, image: Floats) -> None:
    """Take the parts along the first `count` rows of the basis from `image`. O(count n).

    Gram-Schmidt, the newest rows first, since they hold the largest parts; four rows at a time,
    so that the image is read and written a quarter as often.
    """
    row = count
    while row >= 4:
        row -= 4
        first, second = basis[row * n : (row + 1) * n], basis[(row + 1) * n : (row + 2) * n]
        third, fourth = basis[(row + 2) * n : (row + 3) * n], basis[(row + 3) * n : (row + 4) * n]
        a = b = c = d = 0.0
        for i in range(image.size):
            a += first[i] * image[i]
            b += second[i] * image[i]
            c += third[i] * image[i]
            d += fourth[i] * image[i]
        for i in range(image.size):
            image[i] -= (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i])
    while row > 0:
        row -= 1
        first = basis[row * n : (row + 1) * n]
        a = 0.0
        for i in range(image.size):
            a += first[i] * image[i]
        for i in range(image.size):
            image[i] -= a * first[i]
