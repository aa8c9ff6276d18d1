"""Connected induced subgraphs of four nodes, counted exactly."""

from math import comb

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.simple import SimpleGraph
from masktopo.kernels import motifs

__all__ = ["exact_sum", "motifs4"]


def motifs4(graph: SimpleGraph) -> int:
    """Count the sets of four nodes whose induced subgraph is connected.

    Parameters
    ----------
    graph : SimpleGraph

    Returns
    -------
    int
        Of any size.

    Notes
    -----
    Of the six connected graphs on four nodes, copies that need not be induced have closed forms
    or are quick to count: stars ``sum C(d, 3)``; paths, as pairs of edges at both ends of an edge
    less three for every triangle; cycles; triangles with a tail; pairs of triangles that share an
    edge; cliques. A set that induces a cycle, say, holds four paths, and so on; solved for the
    induced counts, their sum is::

        paths + stars - 3 cycles - 2 tailed triangles + 4 pairs of triangles - 6 cliques

    O(edges**1.5) at worst; most networks have few wedges between small nodes.

    References
    ----------
    Pinar, Seshadhri, Vishal: *ESCAPE: Efficiently Counting All 5-Vertex Subgraphs*, WWW 2017
    (the matrix of counts). Chiba, Nishizeki: *Arboricity and Subgraph Listing Algorithms*, 1985.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> from masktopo.graphs.simple import simple_graph
    >>> layer = LayerMask("fc", np.ones((2, 3), bool))
    >>> motifs4(simple_graph(multipartite(MaskSet([layer]))))
    5
    """
    n, degrees = graph.n_nodes, graph.degrees
    order = np.argsort(degrees, kind="stable")
    number = np.empty(n, np.uint32)
    number[order] = np.arange(n, dtype=np.uint32)
    indptr = np.concatenate([[0], np.cumsum(degrees[order])]).astype(np.int64)
    indices = np.empty_like(graph.indices)
    motifs.renumber(graph.indptr, graph.indices, order, number, indptr[:-1].copy(), indices)
    before = np.empty(n, np.int64)
    motifs.split_rows(indptr, indices, before)
    rows = indptr, before, indices

    steps, squares = np.empty(n, np.int64), np.empty(n, np.int64)
    motifs.sum_neighbour_degrees(*rows, steps)
    motifs.count_squares(*rows, np.zeros(n, np.uint32), squares)
    triangles, cliques = np.zeros(n, np.int64), np.zeros(n, np.int64)
    shared = np.zeros(indices.size, np.uint32)
    motifs.count_cliques(*rows, np.zeros(n, np.int64), shared, triangles, cliques)

    paths = exact_sum(steps) - exact_sum(triangles)
    tailed = exact_sum(triangles * (degrees[order] - 2))
    shares = shared[shared > 1].astype(np.int64)
    pairs = exact_sum(shares * (shares - 1) // 2)
    whole = paths + _stars(degrees) - 3 * exact_sum(squares)
    return whole - 2 * tailed + 4 * pairs - 6 * exact_sum(cliques)


def exact_sum(values: NDArray[np.int64]) -> int:
    """Add up integers whose sum may be beyond 63 bits: high and low halves by themselves.

    Examples
    --------
    >>> exact_sum(np.full(4, 2**62)) == 2**64
    True
    """
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _stars(degrees: NDArray[np.int64]) -> int:
    counts = np.bincount(degrees).tolist()
    return sum(count * comb(degree, 3) for degree, count in enumerate(counts) if count)
