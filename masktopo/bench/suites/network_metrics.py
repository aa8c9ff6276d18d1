"""Part of the suite `graph`: all metrics of a network's unrolled graph at once.

The tasks for which there are alternatives are those of the neighbouring files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.cases import Implementation, Task, largest_difference
from masktopo.bench.suites.block_matrices import graph_passes
from masktopo.bench.suites.network_cuts import CUTS, both_cuts
from masktopo.bench.suites.network_paths import PATHS
from masktopo.bench.suites.network_shape import EIGENVALUES, MOTIFS, SHAPE, undirected
from masktopo.graphs.build import network_graph
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.metrics.connectivity import ConnectivityMetrics, connectivity_metrics
from masktopo.metrics.path_lengths import PathLengths, path_lengths
from masktopo.metrics.paths import PathMetrics, path_metrics

__all__ = ["all_metrics", "tasks_of", "without_list"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """All metrics of a network's graph."""

    paths: PathMetrics
    lengths: PathLengths
    cuts: tuple[int, int]
    shape: ConnectivityMetrics


def all_metrics(graph: MultipartiteGraph, **costly: bool) -> Metrics:
    """Measure everything; motifs and eigenvalues only where they are asked for."""
    return Metrics(
        path_metrics(graph),
        path_lengths(graph),
        both_cuts(graph),
        connectivity_metrics(graph, **{"motifs": False, "eigenvalues": False, **costly}),
    )


def _answer_of_all(found: Metrics) -> Array:
    """Return what every row has: the costly metrics have tables of their own."""
    shape = found.shape
    return np.array(
        [
            found.paths.log10_paths,
            found.paths.log10_path_norm_l1,
            found.paths.effective_edges,
            found.lengths.mean,
            *found.cuts,
            shape.two_hop,
            shape.mean_core,
            shape.bridges,
            shape.articulation_points,
            shape.mean_strength,
        ]
    )


def without_list(graph: MultipartiteGraph) -> Array:
    """Measure paths, effective counts, degrees, strengths and dead ends."""
    paths = path_metrics(graph)
    shape = connectivity_metrics(graph, motifs=False, eigenvalues=False)
    ends = (shape.sink_nodes, shape.source_nodes, shape.disconnected_nodes)
    removable = (shape.removable_out_edges, shape.removable_in_edges)
    norms = (paths.log10_path_norm_l1, paths.log10_path_norm_l2, paths.log10_path_kernel_trace)
    counts = (paths.log10_paths, paths.effective_nodes, paths.effective_edges)
    by_layer = [(layer.effective_edges, layer.path_share) for layer in paths.layers.values()]
    degrees = (shape.edges, shape.one_hop, shape.mean_strength)
    return np.array([*counts, *norms, *ends, *removable, *degrees, *np.ravel(by_layer)])


ALL = Task(
    "all metrics of an unrolled graph",
    {
        "no motifs, no eigenvalues": Implementation(all_metrics, _answer_of_all),
        "with motifs": Implementation(
            lambda graph: all_metrics(graph, motifs=True), _answer_of_all, tolerance=0
        ),
        "with eigenvalues": Implementation(
            lambda graph: all_metrics(graph, eigenvalues=True), _answer_of_all, tolerance=0
        ),
    },
    largest_difference,
    graph_passes,
)


def tasks_of(graph: MultipartiteGraph) -> Iterator[tuple[Task, int, Any]]:
    """Yield every task with its edges and its subject: the graph, its channel or simple graph."""
    yield ALL, graph.n_edges, graph
    yield PATHS, graph.n_edges, graph
    channel = network_graph(graph.masks, graph.wiring, encoding="channel")
    yield CUTS, channel.n_edges, channel
    subject = undirected(graph)
    for task in (SHAPE, MOTIFS, EIGENVALUES):
        yield task, subject.simple.n_edges, subject
