"""Library solvers: for tasks on which Lanczos does not converge, and to prove what it found.

Long cycles and other graphs whose leading singular values crowd together need more steps than
the kernels' basis holds. And no residual proves that a value is the *second* largest: that takes
all values, or a count of those above it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, ldl
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, eigsh

from masktopo.errors import ArgumentError
from masktopo.graphs.bipartite import BipartiteGraph

__all__ = ["prove", "solve_by_library"]

DENSE_SIDE = 3000
"""Longest shorter side for which LAPACK solves the dense Gram matrix (72 MB here)."""

COUNTED_SIDE = 20_000
"""Longest shorter side for which values are counted by a dense factorisation (3.2 GB here)."""

SLACK = 1e-7
"""Of the largest value: what the definitions allow as an error."""

Pair = tuple[float, float, float]


def solve_by_library(graph: BipartiteGraph, rows: NDArray[np.int64], *, weighted: bool) -> Pair:
    """Return ``s1``, ``s2`` and the relative residual of the subgraph of some left nodes.

    LAPACK on the dense Gram matrix of the shorter side where that has at most `DENSE_SIDE`
    nodes (exact, with multiplicity), else ARPACK on ``B^T B``.
    """
    matrix = _upright(graph, rows, weighted)
    side = matrix.shape[1]
    if side <= DENSE_SIDE:
        return _solve_dense(matrix)
    operator = LinearOperator((side, side), matvec=lambda x: matrix.T @ (matrix @ x))
    start = np.random.default_rng(0).uniform(0.5, 1.5, side)
    values, vectors = eigsh(operator, k=2, ncv=min(side, 200), v0=start, maxiter=5000)
    return _pair_of(matrix, values, vectors)


def prove(graph: BipartiteGraph, rows: NDArray[np.int64], found: Pair, *, weighted: bool) -> Pair:
    """Return the two largest singular values of a subgraph, proved to be the largest.

    All values by LAPACK where the shorter side has at most `DENSE_SIDE` nodes. Else `found` is
    checked: by Sylvester's law, the positive pivots of ``B^T B - c I`` count the squared values
    above ``c``, which must be one just above ``s2`` and two or more just below.

    Raises
    ------
    ArgumentError
        If the shorter side is longer than `COUNTED_SIDE`, or the count contradicts `found` and
        a second solver does not mend it.
    """
    matrix = _upright(graph, rows, weighted)
    side = matrix.shape[1]
    if side <= DENSE_SIDE:
        return _solve_dense(matrix)
    if side > COUNTED_SIDE:
        raise ArgumentError(
            f"layer {graph.name!r}: certify=True needs a dense matrix of side {side}, "
            f"at most {COUNTED_SIDE} are allowed"
        )
    gram = (matrix.T @ matrix).toarray()
    if not _is_second(gram, found):
        found = solve_by_library(graph, rows, weighted=weighted)
        if not _is_second(gram, found):
            raise ArgumentError(f"layer {graph.name!r}: the second singular value is not certain")
    return found


def _is_second(gram: NDArray[np.float64], found: Pair) -> bool:
    """Whether one value lies above ``s2`` and two or more at it or above, within `SLACK`."""
    first, second, _ = found
    slack = SLACK * first
    repeated = second + slack >= first
    above = 0 if repeated else _count_above(gram, (second + slack) ** 2)
    below = max(second - slack, 0.0)
    return above == (0 if repeated else 1) and (below == 0.0 or _count_above(gram, below**2) >= 2)


def _count_above(gram: NDArray[np.float64], value: float) -> int:
    """Count the eigenvalues above `value` by the inertia of a factorisation. O(n^3 / 3)."""
    shifted = gram.copy()
    shifted.flat[:: gram.shape[0] + 1] -= value
    _, blocks, _ = ldl(shifted, overwrite_a=True, check_finite=False)
    return _positive_eigenvalues(blocks)


def _positive_eigenvalues(blocks: NDArray[np.floating]) -> int:
    """Count positive eigenvalues of a block diagonal matrix with blocks of side 1 and 2."""
    diagonal = np.diagonal(blocks)
    paired = np.diagonal(blocks, 1) != 0
    single = np.ones(diagonal.size, np.bool_)
    single[:-1] &= ~paired
    single[1:] &= ~paired
    # A pivot block of side 2 is indefinite (Bunch and Kaufman), so it holds one of either sign.
    return int(np.count_nonzero(diagonal[single] > 0) + np.count_nonzero(paired))


def _upright(graph: BipartiteGraph, rows: NDArray[np.int64], weighted: bool) -> csr_array:
    """Return the subgraph's matrix with its longer side as rows."""
    matrix = graph.to_scipy(weighted=weighted)[rows].astype(np.float64)
    matrix = matrix[:, np.unique(matrix.indices)]
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T.tocsr()


def _solve_dense(matrix: csr_array) -> Pair:
    """Solve the Gram matrix by LAPACK."""
    side = matrix.shape[1]
    gram = (matrix.T @ matrix).toarray()
    values, vectors = eigh(gram, subset_by_index=[max(side - 2, 0), side - 1])
    return _pair_of(matrix, values, vectors)


def _pair_of(matrix: csr_array, values: NDArray[np.float64], vectors: NDArray[np.float64]) -> Pair:
    """Turn eigenpairs of ``B^T B`` into singular values with the larger relative residual."""
    values = np.maximum(values, 0.0)
    images = matrix.T @ (matrix @ vectors) - vectors * values
    sigmas = np.sqrt(values)
    first = float(sigmas.max(initial=0.0))
    residual = np.linalg.norm(images, axis=0).max(initial=0.0) / max(first, 1e-300) ** 2
    second = float(sigmas.min()) if sigmas.size > 1 else 0.0
    return first, second, float(residual)
