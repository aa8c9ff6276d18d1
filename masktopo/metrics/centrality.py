"""Edge path centrality: how a network's paths are spread over the edges of each layer."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.edges import Edges
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.kernels import paths
from masktopo.metrics.flow import PathSums, log10_sum

__all__ = ["PathCentrality", "gini", "kernel_trace", "path_centrality"]


@dataclass(frozen=True)
class PathCentrality:
    """The spread of paths over one layer's edges; nan where the network has no path.

    Attributes
    ----------
    share : float
        Edges of the layer on an average path: 1 where every path passes it once.
    maximum, gini, effective_number : float
        Of the edges' centralities after division by the share: the largest, their Gini index
        over all edges of the layer, and ``exp(entropy)``; nan where the share is 0, and where
        the edges are not listed.
    """

    share: float
    maximum: float
    gini: float
    effective_number: float


def path_centrality(graph: MultipartiteGraph, sums: PathSums) -> dict[str, PathCentrality]:
    """Return the spread of the paths in `sums` over the edges of every layer.

    Parameters
    ----------
    graph : MultipartiteGraph
    sums : PathSums
        With multiplicities as factors.

    Notes
    -----
    The centrality of an edge is ``forward(u) * multiplicity * backward(v) / paths``, section 4 of
    the definitions. O(edges log edges).
    """
    return {name: _spread(graph, name, sums) for name in graph.masks}


def gini(values: NDArray[np.float64], zeros: int = 0) -> float:
    """Return the Gini index of values that are not negative and not all 0. O(n log n).

    Parameters
    ----------
    values : ndarray of float64
    zeros : int
        Further values, all 0, which need no sorting.

    Examples
    --------
    >>> gini(np.array([0.0, 0.0, 0.0, 1.0]))
    0.75
    """
    ordered, n = np.sort(values), values.size + zeros
    ranks = np.arange(2.0 * zeros + 1 - n, n, 2.0)
    return float(ranks @ ordered / (n * ordered.sum()))


def kernel_trace(graph: MultipartiteGraph, squares: PathSums) -> float:
    """Return the decimal logarithm of the trace of the path kernel; -inf where it is 0.

    Parameters
    ----------
    graph : MultipartiteGraph
    squares : PathSums
        With squared weights as factors.

    Notes
    -----
    The sum over the layers' edges of ``F2(tail) B2(head)``, O(edges). A view's coefficients
    between tail and weight enter squared.

    References
    ----------
    Patil, Dovrolis: *PHEW*, ICML 2021.
    """
    layered = [block for block in graph.blocks if block.layer is not None]
    return log10_sum(_passing(graph, block, squares, "taps") for block in layered)


def _passing(
    graph: MultipartiteGraph, block: EdgeBlock, sums: PathSums, kind: str
) -> tuple[float, int]:
    """Sum ``forward(u) * factor * backward(v)`` over the edges of one block, scaled."""
    left, right = graph.span(block.source), graph.span(block.target)
    size = left.stop - left.start
    behind = np.zeros(size), np.zeros(size, np.int64)
    block.edges.pull(kind, behind, (sums.backward[0][right], sums.backward[1][right]))
    paths.normalise(*behind)
    return paths.inner(sums.forward[0][left], sums.forward[1][left], *behind)


def _spread(graph: MultipartiteGraph, name: str, sums: PathSums) -> PathCentrality:
    if sums.total[0] == 0:
        return PathCentrality(math.nan, math.nan, math.nan, math.nan)
    blocks = [block for block in graph.blocks if block.layer == name]
    if not all(isinstance(block.edges, Edges) for block in blocks):
        passing = log10_sum(_passing(graph, block, sums, "multiplicity") for block in blocks)
        return PathCentrality(10 ** (passing - sums.log10), math.nan, math.nan, math.nan)
    values = [_centrality(graph, block, sums) for block in blocks]
    used = np.concatenate([each[each > 0] for each in values])
    share = float(used.sum())
    if share == 0:
        return PathCentrality(0.0, math.nan, math.nan, math.nan)
    used /= share
    effective = math.exp(-float(used @ np.log(used)))
    unused = sum(each.size for each in values) - used.size
    return PathCentrality(share, float(used.max()), gini(used, unused), effective)


def _centrality(graph: MultipartiteGraph, block: EdgeBlock, sums: PathSums) -> NDArray[np.float64]:
    """Return the centrality of every edge of one block."""
    edges = listed(block)
    left, right = graph.span(block.source), graph.span(block.target)
    found = np.empty(edges.n_edges)
    paths.path_centrality(
        edges.indptr,
        edges.indices,
        edges.factors("multiplicity"),
        sums.forward[0][left],
        sums.forward[1][left],
        sums.backward[0][right],
        sums.backward[1][right],
        *sums.total,
        found,
    )
    return found
