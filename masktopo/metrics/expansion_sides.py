"""A bipartite graph from both sides, without its isolated nodes: what expansion works on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.kernels import expansion as kernels

__all__ = ["Rows", "Sides", "connected_sides"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class Rows:
    """The 0/1 biadjacency in CSR form, seen from one side.

    Attributes
    ----------
    indptr : ndarray of int64, shape (n_rows + 1,)
    indices : ndarray of uint16 or uint32, shape (n_edges,)
    degrees : ndarray of int64, shape (n_rows,)
    """

    indptr: Ints
    indices: Columns
    degrees: Ints

    def times(self, x: Floats) -> Floats:
        """Return ``B x``. O(n_edges)."""
        out = np.empty(self.degrees.size)
        kernels.gather(self.indptr, self.indices, x, out)
        return out


@dataclass(frozen=True, eq=False)
class Sides:
    """A bipartite graph whose nodes all have edges.

    Nodes of both sides together are numbered left first.

    Attributes
    ----------
    by_left, by_right : Rows
    left_nodes, right_nodes : ndarray of int64
        The nodes' numbers in the graph they come from.
    """

    by_left: Rows
    by_right: Rows
    left_nodes: Ints
    right_nodes: Ints

    @property
    def n_left(self) -> int:
        """Left nodes that have edges."""
        return self.left_nodes.size

    @property
    def n_right(self) -> int:
        """Right nodes that have edges."""
        return self.right_nodes.size

    @property
    def n_edges(self) -> int:
        """Number of edges: half the volume of the graph."""
        return self.by_left.indices.size

    @cached_property
    def degrees(self) -> Ints:
        """Degrees of all nodes, left first."""
        return np.concatenate([self.by_left.degrees, self.by_right.degrees])

    @cached_property
    def components(self) -> Ints:
        """Number of every node's connected component, left first. O(n_edges)."""
        roots = np.empty(self.n_right, np.int64)
        kernels.find_roots(self.by_left.indptr, self.by_left.indices, roots)
        _, right = np.unique(roots, return_inverse=True)
        left = right[self.by_left.indices[self.by_left.indptr[:-1]]]
        return np.concatenate([left, right])


def connected_sides(graph: BipartiteGraph) -> Sides:
    """Drop isolated nodes and sort the edges by right node too.

    Takes 2 or 4 bytes an edge, twice that where right nodes are dropped. O(n_edges).
    """
    left_degrees, right_degrees = graph.left_degrees, graph.right_degrees
    left_nodes, right_nodes = np.flatnonzero(left_degrees), np.flatnonzero(right_degrees)
    indices = graph.indices
    if right_nodes.size < graph.n_right:
        renamed = np.zeros(graph.n_right, indices.dtype)
        renamed[right_nodes] = np.arange(right_nodes.size)
        indices = renamed[indices]
    left_degrees, right_degrees = left_degrees[left_nodes], right_degrees[right_nodes]
    by_left = Rows(_starts(left_degrees), indices, left_degrees)
    turned = Rows(
        indptr=_starts(right_degrees),
        indices=np.empty(indices.size, np.uint16 if left_nodes.size <= 2**16 else np.uint32),
        degrees=right_degrees,
    )
    cursor = np.empty_like(turned.indptr)
    kernels.turn(by_left.indptr, indices, cursor, turned.indptr, turned.indices)
    return Sides(by_left, turned, left_nodes, right_nodes)


def _starts(degrees: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(degrees)])
