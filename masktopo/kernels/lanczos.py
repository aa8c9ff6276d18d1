"""The two largest eigenpairs of ``B^T B`` by Lanczos with full reorthogonalisation."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.gram import fill_gram, gram_pays, multiply_gram
from masktopo.kernels.products import multiply
from masktopo.kernels.tridiagonal import COARSE, EXACT, largest_two, tridiagonal_vector
from masktopo.kernels.vectors import dot, line, orthogonalize, scale, subtract
from masktopo.kernels.workspace import FIRST_VECTOR, MAX_STEPS, TOLERANCE

__all__ = ["combine", "lanczos"]


@kernel
def lanczos(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    n: int,
    gram: Floats,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    last: Floats,
    scratch: Floats,
) -> tuple[float, float, int, bool]:
    """Two largest eigenvalues of ``B^T B`` from the vector in the basis's first row.

    Full reorthogonalisation; stops at a residual of `TOLERANCE`, or when the Krylov space is
    exhausted. Returns the values, the steps and whether it stopped. O(steps nnz + steps^2 n).
    """
    start = line(basis, 0, n)
    scale(start, 1.0 / np.sqrt(dot(start, start)))
    dense = False
    first = second = largest = 0.0
    next_check, last_check, last_ratio = 8, 0, 0.0
    for step in range(MAX_STEPS):
        # At first only where it costs no more than the steps that any graph needs.
        ahead = 8 if step == 0 else 25
        if (step == 0 or step == 8) and not dense and gram_pays(indptr, n, gram.size, ahead):
            dense = True
            fill_gram(indptr, indices, values, weighted, n, gram)
        vector, image = line(basis, step, n), line(basis, step + 1, n)
        if dense:
            multiply_gram(gram, vector, image)
        else:
            multiply(indptr, indices, values, weighted, vector, image)
        alpha[step] = dot(vector, image)
        orthogonalize(basis, n, step + 1, image)
        beta[step] = np.sqrt(dot(image, image))
        steps = step + 1
        largest = max(largest, alpha[step])
        exhausted = beta[step] <= 1e-13 * largest or steps == n
        if exhausted or steps >= next_check or steps == MAX_STEPS:
            low, second_low = first * (1 - 1e-10), max(second - 1e-10 * first, 0.0)
            precision = EXACT if exhausted else COARSE
            first, second = largest_two(alpha, beta, steps, low, second_low, precision, scratch)
            if exhausted:
                return first, second, steps, True
            tridiagonal_vector(alpha, beta, steps, first, last, scratch)
            ratio = beta[step] * abs(last[step]) / (2 * TOLERANCE * first)
            tridiagonal_vector(alpha, beta, steps, second, last, scratch)
            goal = max(2 * TOLERANCE * np.sqrt(first * second), 1e-12 * first)
            ratio = max(ratio, beta[step] * abs(last[step]) / goal)
            if ratio <= 1.0:
                return first, second, steps, True
            wait = 4.0
            if last_check and ratio < last_ratio:
                wait = np.log(ratio) * (steps - last_check) / np.log(last_ratio / ratio)
            last_check, last_ratio = steps, ratio
            next_check = steps + int(min(max(np.ceil(wait), 2.0), 8.0))
        scale(image, 1.0 / beta[step])
    return first, second, MAX_STEPS, False


@kernel
def combine(
    basis: Floats,
    n: int,
    alpha: Floats,
    beta: Floats,
    steps: int,
    value: float,
    which: int,
    last: Floats,
    scratch: Floats,
) -> None:
    """Form the Ritz vector of `value` in the basis row that is kept for it. O(n steps)."""
    tridiagonal_vector(alpha, beta, steps, value, last, scratch)
    vector = line(basis, FIRST_VECTOR + which, n)
    vector[:] = 0.0
    for j in range(steps):
        subtract(vector, -last[j], line(basis, j, n))
