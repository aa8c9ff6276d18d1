"""The problems behind a layer's coordinates, listed in plain NumPy and SciPy.

Independent of masktopo's own listing, which it serves to check. Convention of PAGS23.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.bench import solvers
from masktopo.graphs.bipartite import BipartiteGraph

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["class_sizes", "problem_matrices", "solve_problems"]

Ints = NDArray[np.int64]


def class_sizes(graph: BipartiteGraph) -> Ints:
    """Return left nodes and degree of every class, by degree: at least 2 nodes, degree 3."""
    degrees, counts = np.unique(graph.left_degrees, return_counts=True)
    large = (degrees >= 3) & (counts >= 2)
    return np.column_stack([counts[large], degrees[large]])


def problem_matrices(graph: BipartiteGraph, *, weighted: bool) -> Iterator["csr_array"]:
    """Yield the whole layer, then its valid left-regular subgraphs, without isolated nodes."""
    matrix = graph.to_scipy(weighted=weighted).astype(np.float64)
    degrees = graph.left_degrees
    yield _used(matrix[np.flatnonzero(degrees)])
    for _, degree in class_sizes(graph):
        part = _used(matrix[np.flatnonzero(degrees == degree)])
        if part.nnz > part.shape[1]:
            yield part


def _used(matrix: "csr_array") -> "csr_array":
    """Drop empty columns."""
    return matrix[:, np.unique(matrix.indices)]


def solve_problems(graphs: Sequence[BipartiteGraph]) -> NDArray[np.float64]:
    """Solve all problems by LAPACK or ARPACK, whichever is usual for the size.

    Returns
    -------
    ndarray of float64, shape (n_problems, 2)
        Layer by layer: of the mask, then of the weights.
    """
    return np.array(
        [
            solvers.dense_gram(matrix) if min(matrix.shape) <= 64 else solvers.sparse_svds(matrix)
            for graph in graphs
            for weighted in (False, True)
            for matrix in problem_matrices(graph, weighted=weighted)
        ]
    )
