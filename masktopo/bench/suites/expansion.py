"""Suite `expansion`: how well one layer's graph is connected.

masktopo encloses conductance, edge expansion and node expansion, with the sets that show the
upper bounds. The others give only the two eigenvalues behind the lower bounds, ``t2`` and
``a2``, and these are compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench import solvers
from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Suite, Task, largest_difference
from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.bench.suites.shared import (
    DENSITIES,
    csr_bytes,
    distinct_layers,
    grid_of,
    layer_label,
    spread,
)
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.metrics.expansion import Expansion, expansion

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SUITE"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """One layer's graph, and its biadjacency without isolated nodes."""

    graph: BipartiteGraph
    matrix: "csr_array"

    @property
    def connected(self) -> bool:
        """Whether all edges lie in one component."""
        from scipy.sparse.csgraph import connected_components

        return int(connected_components(self.adjacency, directed=False)[0]) == 1

    @cached_property
    def adjacency(self) -> "csr_array":
        """Both sides together; built in the warm-up, so not timed."""
        from scipy.sparse import block_array

        return block_array([[None, self.matrix], [self.matrix.T, None]], format="csr")

    @cached_property
    def networkx(self) -> Any:
        """The graph of networkx; built in the warm-up, so not timed."""
        import networkx

        return networkx.from_scipy_sparse_array(self.adjacency)


def _problem(graph: BipartiteGraph) -> Problem:
    matrix = graph.to_scipy().astype(np.float64)
    kept = matrix[np.flatnonzero(graph.left_degrees)]
    return Problem(graph, kept[:, np.flatnonzero(graph.right_degrees)])


def _normalised(matrix: "csr_array") -> "csr_array":
    from scipy.sparse import diags_array

    left, right = (1 / np.sqrt(matrix.sum(axis=axis)) for axis in (1, 0))
    scaled: csr_array = (diags_array(left) @ matrix @ diags_array(right)).tocsr()
    return scaled


def _laplacian(problem: Problem) -> "csr_array":
    from scipy.sparse import diags_array

    adjacency = problem.adjacency
    found: csr_array = (diags_array(adjacency.sum(axis=1)) - adjacency).tocsr()
    return found


def _eigenvalues(found: Expansion) -> Array:
    return np.array([found.t2, found.a2])


def _by_scipy(problem: Problem) -> Array:
    """ARPACK for both; a disconnected graph, whose values are repeated, is known beforehand."""
    from scipy.sparse.linalg import eigsh

    if not problem.connected:
        return np.array([1.0, 0.0])
    second = solvers.sparse_svds(_normalised(problem.matrix))[1]
    start = np.random.default_rng(0).standard_normal(sum(problem.matrix.shape))
    lowest = eigsh(_laplacian(problem), k=2, which="SA", v0=start, return_eigenvectors=False)
    return np.array([second, np.sort(lowest)[1]])


def _by_lapack(problem: Problem) -> Array:
    """Dense matrices: a Gram matrix of the shorter side, and the Laplacian of both sides."""
    from scipy.linalg import eigh

    second = solvers.dense_gram(_normalised(problem.matrix))[1]
    dense = _laplacian(problem).toarray()
    return np.array([second, eigh(dense, eigvals_only=True, subset_by_index=[0, 1])[1]])


def _by_networkx(problem: Problem) -> Array:
    """Two algebraic connectivities, the normalised one being ``1 - t2``.

    By sparse LU, since networkx's default method often does not end on these graphs, and its
    Lanczos method may return a later eigenvalue.
    """
    import networkx

    normalised, plain = (
        networkx.algebraic_connectivity(
            problem.networkx, method="tracemin_lu", normalized=flag, seed=0
        )
        for flag in (True, False)
    )
    return np.array([1 - normalised, plain])


def _cubic(problem: Problem) -> float:
    return solvers.cubic_adjacency_work(problem.matrix)


def _linear(problem: Problem) -> float:
    return solvers.arpack_work(problem.matrix)


def _passes(problem: Problem) -> Iterator[Pass]:
    """Count the steps towards ``t2``, and a look at every edge for a sweep; ``a2`` costs extra."""
    from masktopo.bench.steps import lanczos_steps

    steps = lanczos_steps(_normalised(problem.matrix)) if problem.connected else 0
    yield Pass("read", csr_bytes(problem.graph, weighted=False), steps + 1)


TASK = Task(
    "expansion of one layer",
    {
        "masktopo, bounds and cuts": Implementation(
            lambda problem: expansion(problem.graph), _eigenvalues
        ),
        "scipy svds and eigsh": Implementation(_by_scipy, work=_linear, tolerance=1e-6),
        "LAPACK, dense": Implementation(_by_lapack, work=_cubic, tolerance=1e-6),
        # Its own stopping rule allows for less.
        "networkx connectivity": Implementation(_by_networkx, work=_linear, tolerance=1e-4),
    },
    largest_difference,
    _passes,
)


def _plan(quick: bool) -> list[Grid]:
    if quick:
        return grid_of(["mlp", "resnet18"], ["erk"], [0.01, 0.1])
    return [
        *grid_of(["mlp", "wrn-28-2"], ["erk", "snip"], [0.01, 0.1]),
        *grid_of(["resnet18"], ["erk", "snip"], DENSITIES),
        *grid_of(["vit-b"], ["2:4"], [0.5]),
    ]


def _cases(grid: Grid, quick: bool) -> Iterator[Case]:
    masks = make_masks(shapes_of(grid.network), grid.rule, grid.density).with_weights(None)
    for layer in spread(distinct_layers(masks), 3 if quick else 4):
        problem = _problem(bipartite(layer))
        yield Case(TASK, layer_label(grid, layer), grid, layer.nnz, problem)


SUITE = Suite("conductance, edge and node expansion of single layers", _plan, _cases)
