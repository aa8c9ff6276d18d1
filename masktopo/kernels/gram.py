"""Gram matrices ``B^T B``, of which the upper triangle is kept, in a flat array."""

import numpy as np

from masktopo._numba import kernel, summing_kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values

__all__ = ["fill_gram", "gram_pays", "multiply_gram"]


@kernel
def fill_gram(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, n: int, gram: Floats
) -> None:
    """Upper triangle of ``B^T B``; columns ascend within rows. O(squared row degrees + n^2)."""
    gram[: n * n] = 0.0
    for row in range(indptr.size - 1):
        end = np.uint64(indptr[row + 1])
        for slot in range(np.uint64(indptr[row]), end):
            base = np.uint64(indices[slot]) * np.uint64(n)
            if weighted:
                factor = np.float64(values[slot])
                for other in range(slot, end):
                    gram[base + indices[other]] += factor * values[other]
            else:
                for other in range(slot, end):
                    gram[base + indices[other]] += 1.0


@summing_kernel
def multiply_gram(gram: Floats, x: Floats, out: Floats) -> None:
    """``out = G x`` from the upper triangle of a symmetric G, read once. O(n^2)."""
    n = x.size
    out[:] = 0.0
    for i in range(n):
        line = gram[i * n + i + 1 : (i + 1) * n]
        below, after = out[i + 1 :], x[i + 1 :]
        factor = x[i]
        total = factor * gram[i * n + i]
        for j in range(line.size):
            below[j] += factor * line[j]
            total += line[j] * after[j]
        out[i] += total


@kernel
def gram_pays(indptr: Ints, n: int, room: int, steps: int) -> bool:
    """Whether a Gram matrix would make `steps` more steps cheaper (costs measured in ns)."""
    if n * n > room:
        return False
    squares = 0.0
    for row in range(indptr.size - 1):
        degree = float(indptr[row + 1] - indptr[row])
        squares += degree * degree
    saved = 0.5 * (indptr[-1] - indptr[0]) + 0.6 * indptr.size - 0.05 * n * n
    return bool(steps * saved > 0.28 * squares + 0.1 * n * n)
