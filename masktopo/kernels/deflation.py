"""A second singular value too small for a Gram matrix: Lanczos without the first pair."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.products import image_of, multiply_deflated
from masktopo.kernels.tridiagonal import EXACT, largest_two, tridiagonal_vector
from masktopo.kernels.vectors import dot, fill_random, line, orthogonalize, scale, subtract
from masktopo.kernels.workspace import MAX_STEPS

__all__ = ["deflated_value"]


@kernel
def deflated_value(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    n: int,
    sigma: float,
    right: Floats,
    left: Floats,
    image: Floats,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    last: Floats,
    scratch: Floats,
) -> tuple[float, float]:
    """Second singular value by Lanczos on the deflated matrix, and its residual.

    For values too small for a Gram matrix of the whole (below 1e-5 of the first). O(steps nnz).
    """
    if n == 1:  # nothing is left beside the first
        return 0.0, 0.0
    image_of(indptr, indices, values, weighted, right, left)
    scale(left, 1.0 / np.sqrt(dot(left, left)))
    start = line(basis, 0, n)
    fill_random(start, n)
    subtract(start, dot(start, right), right)
    scale(start, 1.0 / np.sqrt(dot(start, start)))
    value = residual = 0.0
    for step in range(min(n - 1, MAX_STEPS)):
        vector, following = line(basis, step, n), line(basis, step + 1, n)
        multiply_deflated(indptr, indices, values, weighted, left, right, vector, image, following)
        alpha[step] = max(dot(vector, following), 0.0)
        orthogonalize(basis, n, step + 1, following)
        beta[step] = np.sqrt(dot(following, following))
        value = largest_two(alpha, beta, step + 1, 0.0, 0.0, EXACT, scratch)[0]
        if value <= (1e-15 * sigma) ** 2 or beta[step] <= 1e-13 * value:
            return np.sqrt(value), 1e-15 * sigma
        tridiagonal_vector(alpha, beta, step + 1, value, last, scratch)
        residual = beta[step] * abs(last[step]) / np.sqrt(value)
        if residual <= 1e-13 * sigma:
            break
        scale(following, 1.0 / beta[step])
    return np.sqrt(value), residual
