"""The two largest singular values of one connected component, with their residuals."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.deflation import deflated_value
from masktopo.kernels.gram import fill_gram
from masktopo.kernels.householder import solve_gram
from masktopo.kernels.lanczos import combine, lanczos
from masktopo.kernels.products import multiply
from masktopo.kernels.vectors import dot, line, scale, subtract
from masktopo.kernels.workspace import FIRST_VECTOR, MAX_STEPS, SMALL, Pair, Workspace

__all__ = ["leftover", "residual_of", "solve_component"]


@kernel
def residual_of(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, vector: Floats, image: Floats
) -> tuple[float, float]:
    """Rayleigh quotient of ``B^T B`` at `vector`, and the norm of what it leaves. O(nnz)."""
    scale(vector, 1.0 / np.sqrt(dot(vector, vector)))
    multiply(indptr, indices, values, weighted, vector, image)
    return leftover(vector, image)


@kernel
def leftover(vector: Floats, image: Floats) -> tuple[float, float]:
    """Split the image of a unit vector: its part along the vector, and the norm of the rest."""
    quotient = dot(vector, image)
    subtract(image, quotient, vector)
    return quotient, np.sqrt(dot(image, image))


@kernel
def solve_component(
    indptr: Ints, indices: Columns, values: Values, n: int, work: Workspace
) -> Pair:
    """Solve one connected component, given as CSR by its longer side. See `spectral`.

    Without `values` it is the 0/1 matrix. Lanczos starts from ``work.start``.
    """
    basis, alpha, beta = work.basis, work.alpha, work.beta
    # A flag that is computed, since numba would compile anew for each constant.
    weighted = values.size > 0
    converged = True
    if n <= SMALL:
        fill_gram(indptr, indices, values, weighted, n, work.gram)
        first, second = solve_gram(work.gram, n, basis, alpha, beta, work.last, work.scratch)
    else:
        for i in range(n):
            basis[i] = work.start[i]
        first, second, steps, converged = lanczos(
            indptr,
            indices,
            values,
            weighted,
            n,
            work.gram,
            basis,
            alpha,
            beta,
            work.last,
            work.scratch,
        )
        combine(basis, n, alpha, beta, steps, first, 0, work.last, work.scratch)
        combine(basis, n, alpha, beta, steps, second, 1, work.last, work.scratch)
    image, right = line(basis, MAX_STEPS, n), line(basis, FIRST_VECTOR, n)
    first, residual = residual_of(indptr, indices, values, weighted, right, image)
    sigma = np.sqrt(first)
    residual /= first
    if second <= 1e-10 * first:
        n_rows = indptr.size - 1
        low, low_residual = deflated_value(
            indptr,
            indices,
            values,
            weighted,
            n,
            sigma,
            right,
            work.left[:n_rows],
            work.image[:n_rows],
            basis,
            alpha,
            beta,
            work.last,
            work.scratch,
        )
    else:
        vector = line(basis, FIRST_VECTOR + 1, n)
        second, low_residual = residual_of(indptr, indices, values, weighted, vector, image)
        low = np.sqrt(second)
        low_residual /= low
    residual = max(residual, low_residual / sigma)
    return Pair(sigma, low, residual, converged and residual <= 1e-7)
