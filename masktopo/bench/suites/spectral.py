"""Suite `spectral`: the two largest singular values of one layer, of its mask and weights.

masktopo solves both at once; the other solvers solve one matrix after the other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.bench import solvers
from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Suite, Task
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
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.spectra import layer_spectra

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SUITE", "Problem", "relative_to_first", "solve_whole_layer"]

Array = NDArray[np.float64]


WHOLE = replace(CONVENTIONS["pags23"], name="whole layers only", least_nodes=2**62)
"""No degree class has so many nodes, so that a layer is solved as a whole only."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One layer's graph, and the same as SciPy's matrices, built before anything is timed."""

    graph: BipartiteGraph
    matrices: list["csr_array"]


def _problem(graph: BipartiteGraph) -> Problem:
    kinds = (False,) if graph.weights is None else (False, True)
    return Problem(graph, [graph.to_scipy(weighted=kind).astype(np.float64) for kind in kinds])


def solve_whole_layer(problem: Problem) -> Array:
    """Run masktopo's solver: two values of the mask and, where it has weights, of them."""
    found = layer_spectra([problem.graph], WHOLE)[0]
    tables = [found.unweighted] if found.weighted is None else [found.unweighted, found.weighted]
    return np.concatenate([table[0, :2] for table in tables])


def relative_to_first(own: Array, other: Array) -> float:
    """Return the largest difference, each in units of its matrix's largest singular value."""
    gaps = np.abs(own - other).reshape(-1, 2) / own.reshape(-1, 2)[:, :1]
    return float(gaps.max())


def _passes(problem: Problem) -> Iterator[Pass]:
    from masktopo.bench.steps import lanczos_steps

    for weighted, matrix in enumerate(problem.matrices):
        n_bytes = csr_bytes(problem.graph, weighted=bool(weighted))
        yield Pass("read", n_bytes, lanczos_steps(matrix))


def _other(
    solve: Callable[["csr_array"], Array],
    work: Callable[["csr_array"], float],
    tolerance: float = 1e-7,
) -> Implementation:
    """Let a solver of single matrices solve the mask and then the weights."""
    return Implementation(
        lambda problem: np.concatenate([solve(matrix) for matrix in problem.matrices]),
        work=lambda problem: sum(map(work, problem.matrices)),
        tolerance=tolerance,
    )


TABLE = {
    "masktopo": Implementation(solve_whole_layer),
    "scipy svds (arpack)": _other(solvers.sparse_svds, solvers.arpack_work),
    "scipy eigsh, adjacency": _other(solvers.adjacency_eigsh, solvers.arpack_work),
    # A Gram matrix squares the condition: half of the digits of a small second value are lost.
    "LAPACK, dense Gram": _other(solvers.dense_gram, solvers.gram_work, 1e-6),
    # Single precision, as in the published code.
    "LAPACK, dense adjacency": _other(solvers.dense_adjacency, solvers.cubic_adjacency_work, 1e-4),
}
"""Ways to the two largest singular values, largest first."""

MASK = Task("top two singular values of the mask", TABLE, relative_to_first, _passes)
BOTH = Task("top two singular values of mask and weights", TABLE, relative_to_first, _passes)


def _plan(quick: bool) -> list[Grid]:
    if quick:
        return grid_of(["resnet18"], ["erk", "snip"], [0.01, 0.1])
    return [
        *grid_of(["wrn-28-2", "vgg16", "resnet34"], ["erk", "snip"], [0.01, 0.1]),
        *grid_of(["resnet18"], ["erk", "snip"], DENSITIES),
        *grid_of(["vit-b"], ["erk", "snip"], [0.01, 0.1]),
        *grid_of(["vit-b", "decoder-7b"], ["2:4"], [0.5]),
        *grid_of(["decoder-7b"], ["erk"], [0.01, 0.1]),
    ]


def _cases(grid: Grid, quick: bool) -> Iterator[Case]:
    masks = make_masks(shapes_of(grid.network), grid.rule, grid.density)
    for layer in spread(distinct_layers(masks), 4):
        label, graph = layer_label(grid, layer), bipartite(layer)
        for task, subject in ((MASK, replace(graph, weights=None)), (BOTH, graph)):
            yield Case(task, label, grid, graph.n_edges, _problem(subject))


SUITE = Suite("the two largest singular values of single layers", _plan, _cases)
