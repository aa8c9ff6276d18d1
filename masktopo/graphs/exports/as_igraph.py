"""The graph as igraph has it."""

from typing import TYPE_CHECKING

from masktopo.graphs.exports.columns import edge_columns, node_columns
from masktopo.graphs.multipartite import MultipartiteGraph

if TYPE_CHECKING:
    import igraph

__all__ = ["as_igraph"]


def as_igraph(graph: MultipartiteGraph) -> "igraph.Graph":
    """Return a directed igraph graph: see `MultipartiteGraph.to_igraph`."""
    # Imported here only: igraph is under the GPL, and for those who ask for it.
    import igraph

    nodes, edges = node_columns(graph), edge_columns(graph)
    found = igraph.Graph(n=graph.n_nodes, directed=True)
    # The fastest way in: an array given to the constructor takes 3 times as long.
    found.add_edges(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    found.vs["layer"] = nodes.layer.listed()
    found.vs["role"] = nodes.role.listed()
    found.vs["channel"] = nodes.channel.tolist()
    if nodes.position is not None:
        found.vs["position"] = nodes.position.listed()
    found.es["layer"] = edges.layer.listed()
    found.es["mark"] = edges.mark.listed()
    found.es["multiplicity"] = edges.multiplicity.tolist()
    if edges.weight is not None:
        found.es["weight"] = edges.weight.tolist()
    return found
