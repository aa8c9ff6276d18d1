"""How many steps a Lanczos run on ``B^T B`` takes: the factor of the bandwidth bound."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh_tridiagonal

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SMALL", "lanczos_steps"]

SMALL = 64
"""Matrices of a shorter side up to this are solved directly, which reads them once."""

TOLERANCE = 1e-8
MOST_STEPS = 300


def lanczos_steps(matrix: "csr_array") -> int:
    """Return the steps until both residuals are below 1e-8 of the singular values.

    One step reads the matrix once: ``B^T (B x)`` takes its rows one after the other. A start
    vector is drawn from a fixed seed. 1 where the shorter side has at most 64 nodes.

    Parameters
    ----------
    matrix : csr_array

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> lanczos_steps(csr_array(np.eye(40)))
    1
    """
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T.tocsr()
    side = matrix.shape[1]
    if side <= SMALL:
        return 1
    transposed = matrix.T
    basis = np.empty((min(MOST_STEPS, side), side))
    start = np.random.default_rng(0).uniform(0.5, 1.5, side)
    basis[0] = start / np.linalg.norm(start)
    alpha, beta = np.empty(basis.shape[0]), np.empty(basis.shape[0])
    for step in range(basis.shape[0]):
        image = transposed @ (matrix @ basis[step])
        alpha[step] = basis[step] @ image
        for _ in range(2):
            image -= basis[: step + 1].T @ (basis[: step + 1] @ image)
        beta[step] = np.linalg.norm(image)
        exhausted = beta[step] <= 1e-13 * alpha[: step + 1].max()
        if exhausted or (step >= 3 and _is_done(alpha[: step + 1], beta[: step + 1])):
            return step + 1
        if step + 1 < basis.shape[0]:
            basis[step + 1] = image / beta[step]
    return int(basis.shape[0])


def _is_done(alpha: np.ndarray, beta: np.ndarray) -> bool:
    """Whether both residuals of ``B`` are small."""
    last = alpha.size - 1
    values, vectors = eigh_tridiagonal(alpha, beta[:-1], select="i", select_range=(last - 1, last))
    residuals = beta[-1] * np.abs(vectors[-1])
    goals = 2 * TOLERANCE * np.sqrt(np.maximum(values, 1e-20 * values[1]) * values[1])
    return bool(np.all(residuals <= np.maximum(goals, 1e-12 * values[1])))
