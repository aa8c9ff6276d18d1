"""Path metrics of the end-to-end graph (section 4 of the definitions)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.masks.layer import LayerMask
from masktopo.metrics.centrality import PathCentrality, kernel_trace, path_centrality
from masktopo.metrics.effective import effective_edges, effective_weights
from masktopo.metrics.flow import PathSums, Reach, log10_total, path_sums, reach

__all__ = ["LayerPaths", "PathMetrics", "path_metrics"]


@dataclass(frozen=True)
class LayerPaths:
    """What paths use of one layer.

    Attributes
    ----------
    effective_edges : int
        Edges (in ``channel`` weights) on at least one input-to-output path.
    effective_density : float
        Weights on one over all weights of the layer; nan for a layer without weights.
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
        The layers' edges (in ``channel`` their weights) on at least one such path.
    effective_density : float
        Weights on one over all weights of the network; nan for a network without weights.
    log10_path_norm_l1, log10_path_norm_l2 : float
        Of the sum over paths of ``prod |w|``, and of the root of the sum of ``prod w**2``; nan
        where weights are unknown, -inf where every path has a weight of 0 or there is none.
    log10_path_kernel_trace : float
        Of the sum over kept weights of the squared path sums before and behind it; likewise.
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
    log10_path_kernel_trace: float
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

    References
    ----------
    Vysogorets, Kempe: *Connectivity Matters*, JMLR 2023 (effective sparsity). Tanaka, Kunin,
    Yamins, Ganguli, NeurIPS 2020 (the l1 path norm is SynFlow's objective). Patil, Dovrolis,
    ICML 2021 (the trace of the path kernel).

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet
    >>> from masktopo.graphs.build import multipartite
    >>> hidden = LayerMask("hidden", np.array([[True, False], [True, True], [True, True]]))
    >>> head = LayerMask("head", np.array([[True, True, False]]))
    >>> found = path_metrics(multipartite(MaskSet([hidden, head])))
    >>> round(10**found.log10_paths), found.effective_nodes, found.effective_edges
    (3, 5, 5)
    >>> found.layers["hidden"].effective_density
    0.5
    """
    reached = reach(graph)
    sums = path_sums(graph, "multiplicity")
    spread = path_centrality(graph, sums)
    layers: dict[str, LayerPaths] = {}
    weights = 0
    for name, layer in graph.masks.items():
        used = effective_weights(graph, name, reached.live)
        weights += used
        edges = effective_edges(graph, name, reached.live) if graph.encoding == "unrolled" else used
        layers[name] = _layer_paths(edges, used, layer, spread[name])
    norms = _weighted(graph)
    return PathMetrics(
        log10_paths=sums.log10,
        effective_nodes=int(np.count_nonzero(reached.live)),
        effective_edges=sum(layer.effective_edges for layer in layers.values()),
        effective_density=_ratio(weights, graph.masks.size),
        log10_path_norm_l1=norms[0],
        log10_path_norm_l2=norms[1],
        log10_path_kernel_trace=norms[2],
        broken_at=_broken_at(graph, reached, sums),
        layers=layers,
    )


def _layer_paths(edges: int, weights: int, layer: LayerMask, spread: PathCentrality) -> LayerPaths:
    return LayerPaths(
        effective_edges=edges,
        effective_density=_ratio(weights, layer.size),
        path_share=spread.share,
        path_centrality_max=spread.maximum,
        path_centrality_gini=spread.gini,
        path_centrality_effective=spread.effective_number,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _weighted(graph: MultipartiteGraph) -> tuple[float, float, float]:
    """Return the decimal logarithms of both path norms and the kernel's trace; nan if unknown."""
    if not graph.masks.has_weights:
        return math.nan, math.nan, math.nan
    squares = path_sums(graph, "l2")
    return log10_total(graph, "l1"), squares.log10 / 2, kernel_trace(graph, squares)


def _broken_at(graph: MultipartiteGraph, reached: Reach, sums: PathSums) -> str | None:
    """Name the last layer that reads a reached node: after it nothing reached is left."""
    if sums.total[0] > 0:
        return None
    last = next(iter(graph.wiring.layer_names), None)
    for link in graph.wiring.links:
        spans = [graph.span(source) for source in link.sources]
        if link.layer is not None and any(reached.forward[span].any() for span in spans):
            last = link.layer
    return last
