"""Part of the suite `graph`: paths of an unrolled graph, beside products of sparse matrices.

masktopo's first row gives all path metrics, its second only what SciPy gives.
"""

import math

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.cases import Implementation, Task, largest_difference
from masktopo.bench.suites.block_matrices import block_matrix, graph_passes
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.metrics.effective import effective_edges
from masktopo.metrics.flow import path_sums, reach
from masktopo.metrics.paths import PathMetrics, path_metrics

__all__ = ["PATHS"]

Array = NDArray[np.float64]


def _paths_alone(graph: MultipartiteGraph) -> Array:
    live = reach(graph).live
    edges = sum(effective_edges(graph, name, live) for name in graph.masks)
    return np.array([path_sums(graph, "multiplicity").log10, np.count_nonzero(live), edges])


def _paths_by_scipy(graph: MultipartiteGraph) -> Array:
    """Count forwards and backwards, a sparse product a block, in double precision."""
    blocks = [
        (block, block_matrix(block), graph.span(block.source), graph.span(block.target))
        for block in graph.blocks
    ]
    forward, backward = graph.inputs.astype(np.float64), graph.outputs.astype(np.float64)
    for _, matrix, left, right in blocks:
        forward[right] += matrix.T @ forward[left]
    for _, matrix, left, right in reversed(blocks):
        backward[left] += matrix @ backward[right]
    live = ((forward > 0) & (backward > 0)).astype(np.float64)
    edges = 0.0
    for block, matrix, left, right in blocks:
        if block.layer is not None:
            matrix.data[:] = 1
            edges += live[left] @ (matrix @ live[right])
    paths = forward[graph.outputs].sum()
    return np.array([math.log10(paths) if paths else -math.inf, live.sum(), edges])


def _answer_of_paths(found: PathMetrics) -> Array:
    return np.array([found.log10_paths, found.effective_nodes, found.effective_edges])


PATHS = Task(
    "paths and effective counts of an unrolled graph",
    {
        "masktopo, all path metrics": Implementation(path_metrics, _answer_of_paths),
        "masktopo, the answer alone": Implementation(_paths_alone),
        "scipy, a product a block": Implementation(
            _paths_by_scipy, work=lambda graph: graph.n_edges
        ),
    },
    largest_difference,
    graph_passes,
)
