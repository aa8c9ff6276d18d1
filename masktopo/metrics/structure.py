"""Cores, bridges, articulation points and components of the undirected simple graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.simple import SimpleGraph
from masktopo.kernels import bridges, cores, neighbourhoods

__all__ = ["Joints", "core_numbers", "joints", "two_hop"]


@dataclass(frozen=True)
class Joints:
    """What holds a graph together.

    Attributes
    ----------
    bridges : int
        Edges without which there would be one component more.
    articulation_points : int
        Nodes without which there would be more.
    components : int
        An isolated node is one.
    """

    bridges: int
    articulation_points: int
    components: int


def joints(graph: SimpleGraph) -> Joints:
    """Find bridges, articulation points and components in one depth-first search. O(edges).

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> from masktopo.graphs.simple import simple_graph
    >>> layer = LayerMask("fc", np.array([[True, True], [False, True]]))
    >>> joints(simple_graph(multipartite(MaskSet([layer]))))
    Joints(bridges=3, articulation_points=2, components=1)
    """
    entry, low, parent = np.zeros((3, graph.n_nodes), np.uint32)
    cuts = np.zeros(graph.n_nodes, np.bool_)
    rows, cursor = (graph.indptr, graph.indices), graph.indptr[:-1].copy()
    found, components = bridges.search_depth_first(*rows, entry, low, parent, cursor, cuts)
    return Joints(found, int(np.count_nonzero(cuts)), components)


def core_numbers(graph: SimpleGraph) -> NDArray[np.uint32]:
    """Return for every node the largest k such that it is in a subgraph of least degree k.

    Notes
    -----
    O(nodes + edges).

    References
    ----------
    Batagelj, Zaversnik: *An O(m) Algorithm for Cores Decomposition of Networks*, 2003.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> from masktopo.graphs.simple import simple_graph
    >>> layer = LayerMask("fc", np.array([[True, True], [True, True], [False, True]]))
    >>> core_numbers(simple_graph(multipartite(MaskSet([layer])))).tolist()
    [2, 2, 2, 2, 1]
    """
    n, largest = graph.n_nodes, int(graph.degrees.max(initial=0))
    core, order, place = np.empty((3, n), np.uint32)
    first = np.zeros(largest + 2, np.int64)
    cores.core_numbers(graph.indptr, graph.indices, core, first, order, place)
    return core


def two_hop(graph: SimpleGraph) -> int:
    """Sum up how many nodes each node reaches in at most two steps, itself included.

    Notes
    -----
    O(nodes + paths of two edges).

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> from masktopo.graphs.simple import simple_graph
    >>> layers = [LayerMask(name, np.ones((2, 2), bool)) for name in "ab"]
    >>> two_hop(simple_graph(multipartite(MaskSet(layers))))
    18
    """
    seen = np.zeros(graph.n_nodes, np.uint32)
    return neighbourhoods.count_two_steps(graph.ahead, graph.indptr[1:], graph.indices, seen)
