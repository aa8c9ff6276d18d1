"""Other ways to the two largest singular values of a sparse matrix.

Each is ``csr_array of shape (m, n) -> array of 2``, largest first. They are what a user of SciPy
or NumPy would write, and what published code does.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "adjacency_eigsh",
    "arpack_work",
    "cubic_adjacency_work",
    "dense_adjacency",
    "dense_gram",
    "gram_work",
    "sparse_svds",
]

Array = NDArray[np.float64]


def sparse_svds(matrix: "csr_array") -> Array:
    """ARPACK's truncated SVD, from a fixed start; a dense SVD where no two triplets fit."""
    from scipy.sparse.linalg import svds

    side = min(matrix.shape)
    if side <= 3:
        return _two(np.linalg.svd(matrix.toarray(), compute_uv=False))
    start = np.random.default_rng(0).standard_normal(side)
    values = svds(matrix, k=2, v0=start, return_singular_vectors=False, solver="arpack")
    return _two(np.asarray(values))


def adjacency_eigsh(matrix: "csr_array") -> Array:
    """ARPACK on the adjacency of both sides together, as published code does.

    The eigenvalues are the singular values with both signs, so the third largest in magnitude
    belongs to the second singular value. Building the adjacency is part of it.
    """
    from scipy.sparse import block_array
    from scipy.sparse.linalg import eigsh

    adjacency = block_array([[None, matrix], [matrix.T, None]], format="csr")
    start = np.random.default_rng(0).standard_normal(adjacency.shape[0])
    values = eigsh(adjacency, k=3, which="LM", v0=start, return_eigenvectors=False)
    return _two(np.delete(np.sort(np.abs(values))[::-1], 1))


def dense_gram(matrix: "csr_array") -> Array:
    """LAPACK on the dense Gram matrix of the shorter side, in double precision."""
    from scipy.linalg import eigh

    dense = matrix.toarray().astype(np.float64, copy=False)
    if dense.shape[0] < dense.shape[1]:
        dense = dense.T
    side = dense.shape[1]
    values = eigh(dense.T @ dense, eigvals_only=True, subset_by_index=[max(side - 2, 0), side - 1])
    return _two(np.sqrt(np.maximum(values, 0.0)))


def dense_adjacency(matrix: "csr_array") -> Array:
    """LAPACK on the dense adjacency in single precision, as PAGS23's code does."""
    left, right = matrix.shape
    adjacency = np.zeros((left + right, left + right), np.float32)
    adjacency[:left, left:] = matrix.toarray()
    adjacency[left:, :left] = adjacency[:left, left:].T
    values = np.linalg.eigvalsh(adjacency)
    return _two(values.astype(np.float64))


def arpack_work(matrix: "csr_array") -> float:
    """Count edges and nodes, which every step passes."""
    return float(matrix.nnz + 8 * sum(matrix.shape))


def gram_work(matrix: "csr_array") -> float:
    """Count a product of ``m n^2`` and an eigenvalue problem of ``n^3``."""
    side = min(matrix.shape)
    return float(max(matrix.shape) + side) * side**2


def cubic_adjacency_work(matrix: "csr_array") -> float:
    """Cube the number of nodes."""
    return float(sum(matrix.shape)) ** 3


def _two(values: NDArray[np.floating]) -> Array:
    """Return the two largest; 0 stands in for a missing second."""
    largest = np.sort(values)[::-1][:2].astype(np.float64)
    return np.pad(largest, (0, 2 - largest.size))
