"""Suite `paths`: paths and effective counts of a network's channel graph.

masktopo's first row gives all path metrics (norms, centralities and what every layer carries);
its second row gives only what the others give: the number of paths, and effective nodes and
edges.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Suite, Task, largest_difference
from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.bench.suites.shared import DENSITIES, grid_of
from masktopo.graphs.build import multipartite
from masktopo.graphs.multipartite import MultipartiteGraph, listed
from masktopo.metrics.effective import effective_weights
from masktopo.metrics.flow import path_sums, reach
from masktopo.metrics.paths import PathMetrics, path_metrics

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SUITE"]

Array = NDArray[np.float64]


def _answer_of_metrics(found: PathMetrics) -> Array:
    return np.array([found.log10_paths, found.effective_nodes, found.effective_edges])


def _by_flow(graph: MultipartiteGraph) -> Array:
    """Run masktopo's dynamic programs for the answer alone."""
    live = reach(graph).live
    sums = path_sums(graph, "multiplicity")
    weights = sum(effective_weights(graph, name, live) for name in graph.masks)
    return np.array([sums.log10, np.count_nonzero(live), weights])


def _matrices(graph: MultipartiteGraph) -> Iterator["csr_array"]:
    from scipy.sparse import csr_array

    for edges in map(listed, graph.blocks):
        counts = edges.factors("multiplicity").astype(np.float64)
        shape = (edges.n_left, edges.n_right)
        yield csr_array((counts, edges.indices, edges.indptr), shape=shape)


def _by_scipy(graph: MultipartiteGraph) -> Array:
    """Count forwards and backwards, a sparse product a layer; chains only."""
    matrices = list(_matrices(graph))
    forward: list[Array] = [np.ones(matrices[0].shape[0])]
    for matrix in matrices:
        forward.append(matrix.T @ forward[-1])
    backward: list[Array] = [np.ones(matrices[-1].shape[1])]
    for matrix in reversed(matrices):
        backward.append(matrix @ backward[-1])
    live = [
        ((ahead > 0) & (behind > 0)).astype(np.float64)
        for ahead, behind in zip(forward, reversed(backward), strict=True)
    ]
    edges = sum(live[place] @ (matrix @ live[place + 1]) for place, matrix in enumerate(matrices))
    with np.errstate(divide="ignore"):
        return np.array([np.log10(forward[-1].sum()), sum(map(np.sum, live)), edges])


def _by_networkx(graph: MultipartiteGraph) -> Array:
    """Count on a directed graph, with Python's whole numbers, which no path count overflows."""
    import math

    import networkx

    inputs, outputs = np.flatnonzero(graph.inputs), np.flatnonzero(graph.outputs)
    directed: Any = networkx.from_scipy_sparse_array(
        graph.to_scipy(), create_using=networkx.DiGraph, edge_attribute="count"
    )
    order = list(networkx.topological_sort(directed))
    forward = dict.fromkeys(order, 0) | dict.fromkeys(inputs.tolist(), 1)
    backward = dict.fromkeys(order, 0) | dict.fromkeys(outputs.tolist(), 1)
    for node in order:
        for following, edge in directed.adj[node].items():
            forward[following] += forward[node] * int(edge["count"])
    for node in reversed(order):
        for following, edge in directed.adj[node].items():
            backward[node] += backward[following] * int(edge["count"])
    live = {node for node in order if forward[node] and backward[node]}
    edges = sum(
        int(count) for a, b, count in directed.edges(data="count") if a in live and b in live
    )
    total = sum(forward[node] for node in outputs.tolist())
    return np.array([math.log10(total) if total else -math.inf, len(live), edges])


def _passes(graph: MultipartiteGraph) -> Iterable[Pass]:
    """Every edge is looked at twice: once along the data flow and once against it."""
    for edges in map(listed, graph.blocks):
        counts = 0 if edges.multiplicity is None else edges.multiplicity.nbytes
        yield Pass("read", edges.indptr.nbytes + edges.indices.nbytes + counts, 2)


TASK = Task(
    "paths and effective counts",
    {
        "masktopo, all path metrics": Implementation(path_metrics, _answer_of_metrics),
        "masktopo, the answer alone": Implementation(_by_flow),
        "scipy, a product a layer": Implementation(_by_scipy, work=lambda graph: graph.n_edges),
        "networkx, Python integers": Implementation(_by_networkx, work=lambda graph: graph.n_edges),
    },
    largest_difference,
    _passes,
)


def _plan(quick: bool) -> list[Grid]:
    if quick:
        return grid_of(["tiny-mlp", "mlp"], ["erk"], [0.1, 0.5])
    return [
        *grid_of(["tiny-mlp", "mlp"], ["erk"], [0.05, 0.1, 0.5]),
        *grid_of(["vgg16"], ["erk", "snip"], DENSITIES),
    ]


def _cases(grid: Grid, quick: bool) -> Iterator[Case]:
    graph = multipartite(make_masks(shapes_of(grid.network), grid.rule, grid.density))
    label = f"{grid.network} {grid.rule} {grid.density:g}"
    yield Case(TASK, label, grid, graph.n_edges, graph)


SUITE = Suite("paths, effective nodes and edges of whole networks", _plan, _cases)
