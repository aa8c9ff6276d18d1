"""Path metrics of the end-to-end graph (section 4 of the definitions)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import bipartite
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, multipartite
from masktopo.graphs.wiring import Link
from masktopo.kernels import paths
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.centrality import PathCentrality, path_centrality
from masktopo.metrics.flow import PathSums, Reach, path_sums, reach

__all__ = ["LayerPaths", "PathMetrics", "path_metrics"]


@dataclass(frozen=True)
class LayerPaths:
    """What paths use of one layer.

    Attributes
    ----------
    effective_edges : int
        Weights on at least one input-to-output path.
    effective_density : float
        The same over all weights of the layer; nan for a layer without weights.
    path_share : float
        Edges of the layer on an average path: 1 where every path passes it once.
    path_centrality_max, path_centrality_gini, path_centrality_effective : float
        Largest, Gini index and effective number ``exp(entropy)`` of the edges' path centralities
        after division by the share. All four are nan where the network has no path, and these
        three where none uses the layer.
    """

    effective_edges: int
    effective_density: float
    path_share: float
    path_centrality_max: float
    path_centrality_gini: float
    path_centrality_effective: float


@dataclass(frozen=True)
class PathMetrics:
    """Path metrics of a network and of its layers.

    Attributes
    ----------
    log10_paths : float
        Decimal logarithm of the number of input-to-output paths, multiplicities counted; -inf
        where there is none.
    effective_nodes : int
        Nodes on at least one such path, inputs and outputs included.
    effective_edges : int
        Weights on at least one such path.
    effective_density : float
        The same over all weights of the network; nan for a network without weights.
    log10_path_norm_l1, log10_path_norm_l2 : float
        Of the sum over paths of ``prod |w|``, and of the root of the sum of ``prod w**2``; nan
        where weights are unknown, -inf where every path has a weight of 0 or there is none.
    broken_at : str or None
        The first layer in data-flow order after which nothing that was reached from the input
        is left; None where there is a path.
    layers : mapping of str to LayerPaths
        By layer, in the masks' order.
    """

    log10_paths: float
    effective_nodes: int
    effective_edges: int
    effective_density: float
    log10_path_norm_l1: float
    log10_path_norm_l2: float
    broken_at: str | None
    layers: Mapping[str, LayerPaths]


def path_metrics(graph: MultipartiteGraph) -> PathMetrics:
    """Count paths, and what of the network lies on one.

    Parameters
    ----------
    graph : MultipartiteGraph

    Returns
    -------
    PathMetrics

    Notes
    -----
    Reachability and sums over paths by dynamic programming, O(nodes + edges), and a sort of each
    layer's edges for the Gini index. Sums carry their own exponents, so that no count overflows.
    With weights, the l2 norm encodes the masks once more, with squared weights.

    References
    ----------
    Vysogorets, Kempe: *Connectivity Matters*, JMLR 2023 (effective sparsity). Tanaka, Kunin,
    Yamins, Ganguli, NeurIPS 2020 (the l1 path norm is SynFlow's objective).

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet
    >>> from masktopo.graphs.multipartite import multipartite
    >>> hidden = LayerMask("hidden", np.array([[True, False], [True, True], [True, True]]))
    >>> head = LayerMask("head", np.array([[True, True, False]]))
    >>> found = path_metrics(multipartite(MaskSet([hidden, head])))
    >>> round(10**found.log10_paths), found.effective_nodes, found.effective_edges
    (3, 5, 5)
    >>> found.layers["hidden"].effective_density
    0.5
    """
    reached = reach(graph)
    sums = path_sums(graph, [block.multiplicity for block in graph.blocks])
    spread = path_centrality(graph, sums)
    layers = {
        name: _layer_paths(graph, layer, reached, spread[name])
        for name, layer in graph.masks.items()
    }
    edges = sum(layer.effective_edges for layer in layers.values())
    norm_l1, norm_l2 = _path_norms(graph)
    return PathMetrics(
        log10_paths=sums.log10,
        effective_nodes=int(np.count_nonzero(reached.live)),
        effective_edges=edges,
        effective_density=_ratio(edges, graph.masks.size),
        log10_path_norm_l1=norm_l1,
        log10_path_norm_l2=norm_l2,
        broken_at=_broken_at(graph, reached, sums),
        layers=layers,
    )


def _layer_paths(
    graph: MultipartiteGraph, layer: LayerMask, reached: Reach, spread: PathCentrality
) -> LayerPaths:
    links = [link for link in graph.wiring.links if link.layer == layer.name]
    if len(links) == 1:
        blocks = [block for block in graph.blocks if block.layer == layer.name]
        edges = sum(_live_weights(graph, block, reached.live) for block in blocks)
    else:
        edges = _live_weights_of_uses(graph, layer, links, reached.live)
    return LayerPaths(
        effective_edges=edges,
        effective_density=_ratio(edges, layer.size),
        path_share=spread.share,
        path_centrality_max=spread.maximum,
        path_centrality_gini=spread.gini,
        path_centrality_effective=spread.effective_number,
    )


def _live_weights(graph: MultipartiteGraph, block: EdgeBlock, live: NDArray[np.bool_]) -> int:
    left, right = live[graph.span(block.source)], live[graph.span(block.target)]
    return int(paths.count_live(block.indptr, block.indices, block.multiplicity, left, right))


def _live_weights_of_uses(
    graph: MultipartiteGraph, layer: LayerMask, links: list[Link], live: NDArray[np.bool_]
) -> int:
    """Count a layer's weights that are on a path in at least one of its several uses.

    Uses may fold the inputs differently, so that only the layer's own graph, with one left node
    per input, has places that mean the same weights in all of them.
    """
    edges = bipartite(layer, "channel")
    rows = np.repeat(np.arange(edges.n_left), edges.left_degrees)
    used = np.zeros(edges.n_edges, np.bool_)
    for link in links:
        inputs = [np.repeat(live[graph.span(part.nodes)], part.repeat) for part in link.sources]
        outputs = live[graph.span(link.target)]
        used |= np.concatenate(inputs)[rows] & outputs[edges.indices]
    counts = np.ones(edges.n_edges) if edges.multiplicity is None else edges.multiplicity
    return int(counts[used].sum(dtype=np.int64))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _path_norms(graph: MultipartiteGraph) -> tuple[float, float]:
    """Return the decimal logarithms of the l1 and l2 path norms; nan without weights."""
    if not graph.masks.has_weights:
        return math.nan, math.nan
    squared = multipartite(_squared(graph.masks), wiring=graph.wiring, encoding=graph.encoding)
    return _weighted_sum(graph), _weighted_sum(squared) / 2


def _weighted_sum(graph: MultipartiteGraph) -> float:
    factors = [block.weights for block in graph.blocks if block.weights is not None]
    return path_sums(graph, factors).log10


def _squared(masks: MaskSet) -> MaskSet:
    """Square the kept weights in float64; what stands at pruned places is left out."""
    return masks.with_weights(
        {
            name: np.where(layer.mask, layer.weight, 0).astype(np.float64) ** 2
            for name, layer in masks.items()
            if layer.weight is not None
        }
    )


def _broken_at(graph: MultipartiteGraph, reached: Reach, sums: PathSums) -> str | None:
    """Name the last layer that reads a reached node: after it nothing reached is left."""
    if sums.total[0] > 0:
        return None
    last = next(iter(graph.wiring.layers), None)
    for link in graph.wiring.links:
        spans = [graph.span(source.nodes) for source in link.sources]
        if link.layer is not None and any(reached.forward[span].any() for span in spans):
            last = link.layer
    return last
