"""Connectivity of the end-to-end graph: section 5 of the definitions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from masktopo._check import join_names
from masktopo.graphs.edges import Edges, Sums
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph
from masktopo.graphs.simple import SimpleGraph, chosen_blocks, simple_graph
from masktopo.metrics.dead_ends import DeadEnds, dead_ends
from masktopo.metrics.graph_spectrum import (
    GraphSpectrum,
    graph_spectrum,
    product_of_blocks,
    product_of_graph,
)
from masktopo.metrics.motifs import motifs4
from masktopo.metrics.structure import core_numbers, joints, two_hop

__all__ = ["ConnectivityMetrics", "connectivity_metrics"]

TOLERANCE = 1e-6
"""Largest relative residual of the eigenvalues."""

NEED_A_LIST = (
    *("two_hop", "motifs4", "mean_core"),
    *("bridges", "articulation_points", "components", "mean_component_size"),
)

NEED_WEIGHTS = ("mean_strength", "spectral_gap", "laplacian_radius")


@dataclass(frozen=True)
class ConnectivityMetrics:
    """Topometrics of a network's graph.

    Where several blocks of edges join the same two nodes, `edges`, the dead ends and the
    strength count every block's edge; everything else is of the undirected simple graph, or of
    sets of nodes, in which these are one edge, their weights added up.

    Attributes
    ----------
    nodes, edges : int
    sink_nodes, source_nodes, disconnected_nodes : int
        See `masktopo.metrics.dead_ends.DeadEnds`.
    removable_out_edges, removable_in_edges : int
        Likewise.
    one_hop, two_hop : float
        Mean number of nodes within one and two steps along the data flow, the start included.
    motifs4 : int or float
        Sets of four nodes whose induced subgraph is connected.
    mean_strength : float
        Mean sum of the absolute weights of a node's edges, in and out.
    mean_core : float
        Mean core number.
    bridges, articulation_points, components : int or float
    mean_component_size : float
        Nodes over components.
    spectral_gap, laplacian_radius, eigenvalue_residual : float
        See `masktopo.metrics.graph_spectrum.GraphSpectrum`.
    layers : mapping of str to DeadEnds
        By layer, in the masks' order.
    notes : tuple of str
        Why numbers are nan, or not as exact as they should be.
    """

    nodes: int
    edges: int
    sink_nodes: int
    source_nodes: int
    disconnected_nodes: int
    removable_out_edges: int
    removable_in_edges: int
    one_hop: float
    two_hop: float
    motifs4: float
    mean_strength: float
    mean_core: float
    bridges: float
    articulation_points: float
    components: float
    mean_component_size: float
    spectral_gap: float
    laplacian_radius: float
    eigenvalue_residual: float
    layers: Mapping[str, DeadEnds]
    notes: tuple[str, ...]


def connectivity_metrics(
    graph: MultipartiteGraph,
    *,
    skips: bool = False,
    motifs: bool = True,
    eigenvalues: bool = True,
) -> ConnectivityMetrics:
    """Measure how the graph of a network hangs together.

    Parameters
    ----------
    graph : MultipartiteGraph
    skips : bool
        Whether the edges of skips and of attention count. By default only those of layers do, as
        in MGE24.
    motifs, eigenvalues : bool
        Whether to compute `motifs4`, and the eigenvalues: the costliest metrics. nan if not.

    Returns
    -------
    ConnectivityMetrics
        Numbers that need weights are nan where these are unknown. Where edges are not listed,
        nan stands for those that need a list: all of the undirected simple graph but the
        eigenvalues, and `two_hop`.

    Notes
    -----
    O(nodes + edges), but for `two_hop` (paths of two edges), the motifs (at worst ``edges**1.5``)
    and the eigenvalues (some hundred products with the adjacency).

    References
    ----------
    Cunegatti, Farina, Bucur, Iacca: *Understanding Sparse Neural Networks from their Topology
    via Multipartite Graph Representations*, TMLR 2024.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> hidden = LayerMask("hidden", np.array([[True, False], [True, True], [True, True]]))
    >>> head = LayerMask("head", np.array([[True, True, False]]))
    >>> found = connectivity_metrics(multipartite(MaskSet([hidden, head])))
    >>> found.nodes, found.edges, found.sink_nodes, found.removable_out_edges
    (6, 7, 1, 2)
    >>> found.one_hop, found.components, found.motifs4
    (2.1666666666666665, 1, 10)
    """
    blocks = chosen_blocks(graph, skips=skips)
    ends, layers = dead_ends(graph, blocks)
    known = all(_knows_weights(graph, block) for block in blocks)
    simple = None
    if all(isinstance(block.edges, Edges) for block in blocks):
        simple = simple_graph(graph, skips=skips, weighted=eigenvalues)
    shape = _shape_of_blocks(graph, blocks) if simple is None else _shape(simple, motifs=motifs)
    spectrum = GraphSpectrum(math.nan, math.nan, math.nan)
    if known and eigenvalues:
        product = product_of_blocks(graph, blocks) if simple is None else product_of_graph(simple)
        spectrum = graph_spectrum(product, graph.n_nodes, tolerance=TOLERANCE)
    return ConnectivityMetrics(
        nodes=graph.n_nodes,
        **asdict(ends),
        **shape,
        mean_strength=_ratio(2 * _weight(graph, blocks), graph.n_nodes) if known else math.nan,
        **asdict(spectrum),
        layers=layers,
        notes=tuple(_notes(known, _missing(shape) if simple is None else (), spectrum)),
    )


def _knows_weights(graph: MultipartiteGraph, block: EdgeBlock) -> bool:
    return block.layer is None or graph.masks[block.layer].weight is not None


def _weight(graph: MultipartiteGraph, blocks: Sequence[EdgeBlock]) -> float:
    """Sum the weights of all edges."""
    total = 0.0
    for block in blocks:
        if isinstance(block.edges, Edges):
            total += float(block.edges.factors("l1").sum(dtype=np.float64))
        else:
            left, right = graph.span(block.source), graph.span(block.target)
            ones, sums = _scaled(left, 1.0), _scaled(right, 0.0)
            block.edges.push("l1", ones, sums)
            total += float(sums[0].sum())
    return total


def _scaled(span: slice, value: float) -> Sums:
    size = span.stop - span.start
    return np.full(size, value), np.zeros(size, np.int64)


def _shape(graph: SimpleGraph, *, motifs: bool) -> dict[str, Any]:
    """Measure the undirected simple graph."""
    n, found = graph.n_nodes, joints(graph)
    return {
        "one_hop": _ratio(n + graph.n_edges, n),
        "two_hop": _ratio(two_hop(graph), n),
        "motifs4": motifs4(graph) if motifs else math.nan,
        "mean_core": _ratio(int(core_numbers(graph).sum(dtype=np.int64)), n),
        **asdict(found),
        "mean_component_size": _ratio(n, found.components),
    }


def _shape_of_blocks(graph: MultipartiteGraph, blocks: Sequence[EdgeBlock]) -> dict[str, Any]:
    """Measure as much of it as needs no edge list."""
    ends = [(block.source, block.target) for block in blocks]
    edges = sum(block.edges.n_edges for block in blocks)
    distinct = len(ends) == len(set(ends))
    one_hop = _ratio(graph.n_nodes + edges, graph.n_nodes) if distinct else math.nan
    return {"one_hop": one_hop, **dict.fromkeys(NEED_A_LIST, math.nan)}


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else math.nan


def _missing(shape: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(name for name, value in shape.items() if math.isnan(value))


def _notes(known: bool, missing: tuple[str, ...], spectrum: GraphSpectrum) -> Iterator[str]:
    if not known:
        yield f"Weights are unknown, which {join_names(NEED_WEIGHTS)} need."
    if missing:
        yield f"The edges are not listed, which {join_names(missing)} need."
    if spectrum.eigenvalue_residual > TOLERANCE:
        yield (
            "The eigenvalues of the network's graph reached a relative residual of "
            f"{spectrum.eigenvalue_residual:.0e} only."
        )
