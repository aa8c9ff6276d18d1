"""The two largest eigenpairs of a small Gram matrix, by Householder's reduction."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Floats
from masktopo.kernels.tridiagonal import EXACT, largest_two, tridiagonal_vector
from masktopo.kernels.vectors import dot, line, subtract
from masktopo.kernels.workspace import FIRST_VECTOR

__all__ = ["reflect_back", "solve_gram", "tridiagonalize"]


@kernel
def tridiagonalize(
    matrix: Floats, n: int, alpha: Floats, beta: Floats, lengths: Floats, scratch: Floats
) -> None:
    """Householder reduction of a symmetric upper triangle; keeps the reflectors. O(n^3)."""
    for i in range(n):
        for j in range(i):
            matrix[i * n + j] = matrix[j * n + i]
    for i in range(n - 2):
        alpha[i] = matrix[i * n + i]
        reflector = matrix[i * n + i + 1 : (i + 1) * n]
        norm = np.sqrt(dot(reflector, reflector))
        lengths[i] = 0.0
        beta[i] = 0.0
        if norm == 0.0:
            continue
        beta[i] = -norm if reflector[0] > 0.0 else norm
        reflector[0] -= beta[i]
        lengths[i] = 0.5 * dot(reflector, reflector)
        image = scratch[: n - 1 - i]
        for row in range(i + 1, n):
            line = matrix[row * n + i + 1 : (row + 1) * n]
            image[row - i - 1] = dot(line, reflector) / lengths[i]
        subtract(image, 0.5 * dot(image, reflector) / lengths[i], reflector)
        for row in range(i + 1, n):
            line = matrix[row * n + i + 1 : (row + 1) * n]
            subtract(line, reflector[row - i - 1], image)
            subtract(line, image[row - i - 1], reflector)
    if n > 1:
        alpha[n - 2] = matrix[(n - 2) * n + n - 2]
        beta[n - 2] = matrix[(n - 2) * n + n - 1]
    alpha[n - 1] = matrix[n * n - 1]


@kernel
def reflect_back(matrix: Floats, n: int, lengths: Floats, vector: Floats) -> None:
    """Turn an eigenvector of the tridiagonal matrix into one of the matrix itself. O(n^2)."""
    for i in range(n - 3, -1, -1):
        if lengths[i] > 0.0:
            part = vector[i + 1 :]
            reflector = matrix[i * n + i + 1 : (i + 1) * n]
            subtract(part, dot(part, reflector) / lengths[i], reflector)


@kernel
def solve_gram(
    gram: Floats,
    n: int,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    lengths: Floats,
    scratch: Floats,
) -> tuple[float, float]:
    """Two largest eigenvalues of a Gram matrix by Householder, bisection and twist. O(n^3)."""
    tridiagonalize(gram, n, alpha, beta, lengths, scratch)
    first, second = largest_two(alpha, beta, n, 0.0, 0.0, EXACT, scratch)
    for which in range(2):
        vector = line(basis, FIRST_VECTOR + which, n)
        value = first if which == 0 else second
        tridiagonal_vector(alpha, beta, n, value, vector, scratch)
        reflect_back(gram, n, lengths, vector)
    return first, second
