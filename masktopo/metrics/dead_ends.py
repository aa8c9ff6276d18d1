"""Nodes at which edges end that lead nowhere, and the edges that could go with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from masktopo.graphs.edges import Marks
from masktopo.graphs.implicit import Degrees
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph

__all__ = ["DeadEnds", "dead_ends", "owners"]


Counts = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class DeadEnds:
    """Edges, and what is wrong with the nodes at their ends.

    Attributes
    ----------
    edges : int
    sink_nodes, source_nodes, disconnected_nodes : int
        Nodes with in-edges and no out-edges that are no outputs, with out-edges and no in-edges
        that are no inputs, and with neither.
    removable_out_edges, removable_in_edges : int
        Edges into sinks, and edges out of sources.
    """

    edges: int
    sink_nodes: int
    source_nodes: int
    disconnected_nodes: int
    removable_out_edges: int
    removable_in_edges: int


def dead_ends(
    graph: MultipartiteGraph, blocks: Sequence[EdgeBlock]
) -> tuple[DeadEnds, dict[str, DeadEnds]]:
    """Count the dead ends of the graph that some blocks make, in all and layer by layer.

    Parameters
    ----------
    graph : MultipartiteGraph
    blocks : sequence of EdgeBlock
        Whose edges count.

    Returns
    -------
    DeadEnds
        Of the whole graph.
    dict of str to DeadEnds
        Of each layer: its edges, and the nodes that are its own, by `owners`. Inputs and the
        edges of skips belong to none.

    Notes
    -----
    O(nodes), and what the degrees of the blocks cost; no edge is listed.
    """
    degrees = [(block.edges.out_degrees, block.edges.in_degrees) for block in blocks]
    sinks, sources, alone = _marks(graph, blocks, degrees)
    edges = [
        (
            int(out_degrees.sum()),
            int(in_degrees[sinks[graph.span(block.target)]].sum()),
            int(out_degrees[sources[graph.span(block.source)]].sum()),
        )
        for block, (out_degrees, in_degrees) in zip(blocks, degrees, strict=True)
    ]
    nodes = [
        tuple(int(np.count_nonzero(marks[span])) for marks in (sinks, sources, alone))
        for span in (graph.span(nodes.name) for nodes in graph.wiring.nodes)
    ]
    users, owned = [block.layer for block in blocks], owners(graph)
    holders = [owned.get(nodes.name) for nodes in graph.wiring.nodes]
    layers = {
        name: _total(_of(name, users, edges), _of(name, holders, nodes)) for name in graph.masks
    }
    return _total(edges, nodes), layers


def _marks(
    graph: MultipartiteGraph, blocks: Sequence[EdgeBlock], degrees: Sequence[Degrees]
) -> tuple[Marks, Marks, Marks]:
    """Mark the sinks, the sources and the disconnected nodes."""
    leaving, landing = np.zeros((2, graph.n_nodes), np.int64)
    for block, (out_degrees, in_degrees) in zip(blocks, degrees, strict=True):
        leaving[graph.span(block.source)] += out_degrees
        landing[graph.span(block.target)] += in_degrees
    sinks = (landing > 0) & (leaving == 0) & ~graph.outputs
    sources = (leaving > 0) & (landing == 0) & ~graph.inputs
    return sinks, sources, (leaving == 0) & (landing == 0)


def owners(graph: MultipartiteGraph) -> dict[str, str]:
    """Name the layer of each node set: the last one that lands on it, where several are added."""
    return {link.target: link.layer for link in graph.wiring.links if link.layer is not None}


def _of(name: str, names: Sequence[str | None], counts: Counts) -> Counts:
    return [each for other, each in zip(names, counts, strict=True) if other == name]


def _total(edges: Counts, nodes: Counts) -> DeadEnds:
    n_edges, into_sinks, out_of_sources = (
        sum(column) for column in zip((0, 0, 0), *edges, strict=True)
    )
    sinks, sources, alone = (sum(column) for column in zip((0, 0, 0), *nodes, strict=True))
    return DeadEnds(n_edges, sinks, sources, alone, into_sinks, out_of_sources)
