"""Library solvers for the rare tasks on which the kernels' Lanczos does not converge.

Long cycles and other graphs whose leading singular values crowd together need more steps than
the kernels' basis holds.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh

from masktopo.graphs.bipartite import BipartiteGraph

__all__ = ["solve_by_library"]

DENSE_SIDE = 3000
"""Longest shorter side for which LAPACK solves the dense Gram matrix (72 MB here)."""


def solve_by_library(
    graph: BipartiteGraph, rows: NDArray[np.int64], *, weighted: bool
) -> tuple[float, float, float]:
    """Return ``s1``, ``s2`` and the relative residual of the subgraph of some left nodes.

    LAPACK on the dense Gram matrix of the shorter side where that has at most `DENSE_SIDE`
    nodes (exact, with multiplicity), else ARPACK on ``B^T B``.
    """
    matrix = graph.to_scipy(weighted=weighted)[rows].astype(np.float64)
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T.tocsr()
    side = matrix.shape[1]
    if side <= DENSE_SIDE:
        gram = (matrix.T @ matrix).toarray()
        values, vectors = eigh(gram, subset_by_index=[max(side - 2, 0), side - 1])
    else:
        operator = LinearOperator((side, side), matvec=lambda x: matrix.T @ (matrix @ x))
        start = np.random.default_rng(0).uniform(0.5, 1.5, side)
        values, vectors = eigsh(operator, k=2, ncv=min(side, 200), v0=start, maxiter=5000)
    values = np.maximum(values, 0.0)
    images = matrix.T @ (matrix @ vectors) - vectors * values
    sigmas = np.sqrt(values)
    residual = np.linalg.norm(images, axis=0).max() / max(values.max(), 1e-300)
    second = sigmas.min() if side > 1 else 0.0
    return float(sigmas.max()), float(second), float(residual)
