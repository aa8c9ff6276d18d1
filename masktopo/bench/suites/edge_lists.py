"""Graphs that other libraries build from an edge list, and their edges as comparable answers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = [
    "Ints",
    "different_pairs",
    "igraph_of",
    "networkx_of",
    "pairs_of_igraph",
    "pairs_of_network",
    "pairs_of_networkx",
    "sorted_pairs",
]

Ints = NDArray[np.int64]
"""Edges, also pairs of node numbers: shape ``(edges, 2)``."""


def igraph_of(nodes: int, edges: Ints) -> Any:
    """Build an igraph the fast way: an array handed to the constructor is several times slower."""
    import igraph

    graph = igraph.Graph(nodes)
    graph.add_edges(edges)
    return graph


def networkx_of(nodes: int, edges: Ints) -> Any:
    """Build an undirected networkx graph."""
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edges.tolist())
    return graph


def sorted_pairs(rows: NDArray[Any], columns: NDArray[Any]) -> Ints:
    """Return edges in the order of their nodes."""
    order = np.lexsort((columns, rows))
    return np.column_stack([rows[order], columns[order]]).astype(np.int64)


def pairs_of_network(graph: MultipartiteGraph) -> Ints:
    """Return the edges of a network's graph, in order."""
    return sorted_pairs(*graph.to_scipy().nonzero())


def pairs_of_igraph(graph: Any) -> Ints:
    """Return the edges of an igraph, in order, the smaller node first."""
    edges = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    return sorted_pairs(edges.min(axis=1), edges.max(axis=1))


def pairs_of_networkx(graph: Any) -> Ints:
    """Return the edges of a networkx graph, in order, the smaller node first."""
    edges = np.array(graph.edges, dtype=np.int64).reshape(-1, 2)
    return sorted_pairs(edges.min(axis=1), edges.max(axis=1))


def different_pairs(own: Ints, other: Ints) -> float:
    """Return 0 where all edges are the same, else infinity."""
    return 0.0 if np.array_equal(own, other) else float("inf")
