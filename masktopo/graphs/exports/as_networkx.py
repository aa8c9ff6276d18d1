"""The graph as networkx has it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from masktopo.graphs.exports.columns import EdgeColumns, NodeColumns, edge_blocks, node_columns
from masktopo.graphs.exports.optional import imported
from masktopo.graphs.multipartite import MultipartiteGraph

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["as_networkx"]


def as_networkx(graph: MultipartiteGraph) -> "nx.MultiDiGraph[int]":
    """Return a networkx multigraph: see `MultipartiteGraph.to_networkx`."""
    found = imported("networkx", "networkx").MultiDiGraph()
    found.add_nodes_from(_nodes(node_columns(graph)))
    for edges in edge_blocks(graph):
        found.add_edges_from(_edges(edges))
    return found


def _nodes(nodes: NodeColumns) -> Iterator[tuple[int, dict[str, Any]]]:
    columns: dict[str, list[Any]] = {
        "layer": nodes.layer.listed(),
        "role": nodes.role.listed(),
        "channel": nodes.channel.tolist(),
    }
    if nodes.position is not None:
        columns["position"] = nodes.position.listed()
    for node, row in enumerate(zip(*columns.values(), strict=True)):
        yield node, dict(zip(columns, row, strict=True))


def _edges(edges: EdgeColumns) -> Iterator[tuple[int, int, dict[str, Any]]]:
    columns: dict[str, list[Any]] = {
        "layer": edges.layer.listed(),
        "mark": edges.mark.listed(),
        "multiplicity": edges.multiplicity.tolist(),
    }
    if edges.weight is not None:
        columns["weight"] = edges.weight.tolist()
    rows = zip(*columns.values(), strict=True)
    for source, target, row in zip(edges.source.tolist(), edges.target.tolist(), rows, strict=True):
        yield source, target, dict(zip(columns, row, strict=True))
