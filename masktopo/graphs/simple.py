"""The undirected simple graph behind a multipartite graph."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.edges import Edges, edges_of_pairs
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.kernels import adjacency

__all__ = ["SimpleGraph", "chosen_blocks", "simple_graph"]


@dataclass(frozen=True, eq=False)
class SimpleGraph:
    """Neighbours of every node, each once, those against the data flow before those along it.

    Attributes
    ----------
    indptr : ndarray of int64, shape (n_nodes + 1,)
    ahead : ndarray of int64, shape (n_nodes,)
        Where the neighbours along the data flow begin.
    indices : ndarray of uint32, shape (2 n_edges,)
    weights : ndarray of float, shape (2 n_edges,), or None
        Sums of absolute weights; None where they are unknown or were not asked for.
    """

    indptr: NDArray[np.int64]
    ahead: NDArray[np.int64]
    indices: NDArray[np.uint32]
    weights: NDArray[np.floating] | None = None

    @property
    def n_nodes(self) -> int:
        """Number of nodes, isolated ones included."""
        return self.ahead.size

    @property
    def n_edges(self) -> int:
        """Number of pairs of nodes that an edge joins."""
        return self.indices.size // 2

    @cached_property
    def degrees(self) -> NDArray[np.int64]:
        """Neighbours of each node."""
        return np.diff(self.indptr)


def chosen_blocks(graph: MultipartiteGraph, *, skips: bool) -> list[EdgeBlock]:
    """Return the blocks of layers, with `skips` those of skips and of attention as well."""
    return [block for block in graph.blocks if skips or block.mark == "layer"]


def simple_graph(
    graph: MultipartiteGraph, *, skips: bool = False, weighted: bool = False
) -> SimpleGraph:
    """Forget directions, multiplicities and which block an edge stands in.

    Parameters
    ----------
    graph : MultipartiteGraph
        Its edges must be listed.
    skips : bool
        Whether the edges of skips and of attention count.
    weighted : bool
        Whether to take the weights along, where they are known.

    Returns
    -------
    SimpleGraph
        Edges of several blocks between the same two nodes are one, their weights added up.

    Raises
    ------
    WiringError
        If the edges are not listed.

    Notes
    -----
    O(nodes + edges), and a sort where several blocks join the same two node sets. Memory: 8
    bytes an edge, 8 or 16 more with weights, 24 a node.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> layer = LayerMask("fc", np.array([[True, True], [False, True]]))
    >>> found = simple_graph(multipartite(MaskSet([layer])))
    >>> found.n_edges, found.degrees
    (3, array([1, 2, 2, 1]))
    """
    blocks = chosen_blocks(graph, skips=skips)
    weighted = weighted and all(listed(block).known for block in blocks)
    kind = "l1" if weighted else "multiplicity"
    parts = [
        (graph.span(source), graph.span(target), edges, edges.factors(kind))
        for (source, target), edges in _merged(blocks, weighted=weighted).items()
    ]
    out_degrees, in_degrees = np.zeros((2, graph.n_nodes), np.int64)
    for left, right, edges, _ in parts:
        out_degrees[left] += edges.out_degrees
        in_degrees[right] += edges.in_degrees
    indptr = np.concatenate([[0], np.cumsum(out_degrees + in_degrees)])
    starts = indptr[1:] - out_degrees
    ahead, behind = starts.copy(), indptr[:-1].copy()
    size = int(indptr[-1])
    dtype = np.result_type(np.float32, *(factors.dtype for *_, factors in parts))
    indices, weights = np.empty(size, np.uint32), np.empty(size if weighted else 0, dtype)
    for left, right, edges, factors in parts:
        rows = edges.indptr, edges.indices, factors, left.start, right.start
        adjacency.append_block(*rows, ahead, behind, indices, weights)
    return SimpleGraph(indptr, starts, indices, weights if weighted else None)


def _merged(blocks: list[EdgeBlock], *, weighted: bool) -> dict[tuple[str, str], Edges]:
    """Gather edges by the node sets that they join, each pair of nodes once."""
    parts: dict[tuple[str, str], list[Edges]] = {}
    for block in blocks:
        parts.setdefault((block.source, block.target), []).append(listed(block))
    return {
        ends: found[0] if len(found) == 1 else _union(found, weighted=weighted)
        for ends, found in parts.items()
    }


def _union(parts: list[Edges], *, weighted: bool) -> Edges:
    rows = [np.repeat(np.arange(part.n_left), part.out_degrees) for part in parts]
    columns = [part.indices.astype(np.int64) for part in parts]
    weights = [part.factors("l1").astype(np.float64) for part in parts] if weighted else None
    return edges_of_pairs(
        np.concatenate(rows),
        np.concatenate(columns),
        parts[0].n_left,
        parts[0].n_right,
        coefficients=None if weights is None else np.concatenate(weights),
        distinct=True,
    )
