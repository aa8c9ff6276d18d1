"""Part of the suite `graph`: min cuts of a channel graph, with skips and without."""

import numpy as np

from masktopo.bench.cases import Implementation, Task, largest_difference
from masktopo.bench.suites.block_matrices import block_matrix, graph_passes
from masktopo.bench.suites.edge_lists import Ints
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.metrics.min_cut import min_cut

__all__ = ["CUTS", "both_cuts"]


def both_cuts(graph: MultipartiteGraph) -> tuple[int, int]:
    """Find the min cuts with and without skips."""
    return min_cut(graph).value, min_cut(graph, skips=False).value


def _flow_edges(graph: MultipartiteGraph, *, skips: bool) -> tuple[Ints, list[float]]:
    """List the flow network's edges with their capacities: hidden nodes are split in two."""
    n, pairs = graph.n_nodes, []
    exits = np.where(graph.inputs | graph.outputs, np.arange(n), np.arange(n) + n)
    for block in graph.blocks:
        if skips or block.mark != "skip":
            rows, columns = block_matrix(block).nonzero()
            rows = rows + graph.span(block.source).start
            pairs.append(np.column_stack([exits[rows], columns + graph.span(block.target).start]))
    hidden = np.flatnonzero(exits >= n)
    single = np.unique(np.concatenate([*pairs, np.column_stack([hidden, exits[hidden]])]), axis=0)
    inputs, outputs = np.flatnonzero(graph.inputs), np.flatnonzero(graph.outputs)
    into = np.column_stack([np.full(inputs.size, 2 * n), inputs])
    ends = np.concatenate([into, np.column_stack([outputs, np.full(outputs.size, 2 * n + 1)])])
    capacities = [1.0] * len(single) + [float(len(single) + 1)] * len(ends)
    return np.concatenate([single, ends]).astype(np.int64), capacities


def _cuts_by_igraph(graph: MultipartiteGraph) -> tuple[float, float]:
    """Find both flows by push and relabel; the split of the nodes is part of it."""
    import igraph

    found, n = [], graph.n_nodes
    for skips in (True, False):
        edges, capacities = _flow_edges(graph, skips=skips)
        flow = igraph.Graph(2 * n + 2, directed=True)
        flow.add_edges(edges)
        found.append(flow.maxflow_value(2 * n, 2 * n + 1, capacities))
    return found[0], found[1]


CUTS = Task(
    "both min cuts of a channel graph",
    {
        "masktopo": Implementation(both_cuts),
        "igraph": Implementation(_cuts_by_igraph, work=lambda graph: graph.n_edges),
    },
    largest_difference,
    graph_passes,
)
