"""Effective sparsity: which edges and weights of a layer lie on a path through the network."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import kernel_size, weight_shaped
from masktopo.graphs.channel_edges import landed_channels, operand_channels
from masktopo.graphs.edges import Edges, Marks
from masktopo.graphs.fitting import as_used
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.graphs.unrolled_maps import element_map
from masktopo.graphs.view_flow import carried, carried_back
from masktopo.graphs.views import output_shape, restricted
from masktopo.graphs.wiring import Link
from masktopo.kernels import paths
from masktopo.masks.layer import LayerMask

__all__ = ["effective_edges", "effective_weights"]


def effective_edges(graph: MultipartiteGraph, layer: str, live: Marks) -> int:
    """Count a layer's edges between live nodes, over all of its uses. O(edges)."""
    return sum(
        block.edges.live_edges(live[graph.span(block.source)], live[graph.span(block.target)])
        for block in graph.blocks
        if block.layer == layer
    )


def effective_weights(graph: MultipartiteGraph, name: str, live: Marks) -> int:
    """Count a layer's weights that join live nodes in at least one of its uses.

    Parameters
    ----------
    graph : MultipartiteGraph
    name : str
        The layer's name.
    live : ndarray of bool, shape (n_nodes,)
        Nodes on a path.

    Notes
    -----
    O(edges) in ``channel``. In ``unrolled`` O(edges) at worst, and O(weights) where most of them
    soon meet a live pair of positions.
    """
    layer = graph.masks[name]
    links = [link for link in graph.wiring.links if link.layer == name]
    if graph.encoding == "unrolled":
        return _unrolled_weights(graph, layer, links, live)
    if len(links) == 1 and _reads_single_nodes(graph, links[0]):
        blocks = [block for block in graph.blocks if block.layer == name]
        return sum(_live_multiplicity(graph, block, live) for block in blocks)
    return _channel_weights_of_uses(graph, layer, links, live)


def _reads_single_nodes(graph: MultipartiteGraph, link: Link) -> bool:
    """Whether no input of the layer reads two nodes, so that no weight stands behind two edges."""
    nodes = graph.wiring.node_sets
    reads = sum(operand_channels(link, source, nodes).in_degrees for source in link.sources)
    return bool(np.max(reads, initial=0) <= 1)


def _live_multiplicity(graph: MultipartiteGraph, block: EdgeBlock, live: Marks) -> int:
    edges = listed(block)
    left, right = live[graph.span(block.source)], live[graph.span(block.target)]
    counts = edges.factors("multiplicity")
    return int(paths.count_live(edges.indptr, edges.indices, counts, left, right))


def _channel_weights_of_uses(
    graph: MultipartiteGraph, layer: LayerMask, links: list[Link], live: Marks
) -> int:
    """Mark a layer's weights by use, in the weight's own shape, so that uses may differ."""
    used = np.zeros(layer.shape, np.bool_)
    for link in links:
        assert link.use is not None
        left, right = _live_channels(graph, link, live)
        rows = slice(None) if link.use.rows is None else slice(*link.use.rows)
        used[rows] |= _joined(_used(layer, link), left, right)
    return int(np.count_nonzero(used & layer.mask))


def _joined(layer: LayerMask, left: Marks, right: Marks) -> NDArray[np.bool_]:
    """Mark the places of a weight between live inputs and outputs."""
    per_group = left.size // layer.groups
    inputs = left.reshape(layer.groups, per_group).repeat(right.size // layer.groups, axis=0)
    pairs = right[:, None] & inputs
    return weight_shaped(layer, np.repeat(pairs, kernel_size(layer), axis=1))


def _unrolled_weights(
    graph: MultipartiteGraph, layer: LayerMask, links: list[Link], live: Marks
) -> int:
    used = np.zeros(layer.shape, np.bool_)
    for link in links:
        assert link.use is not None
        elements = element_map(as_used(layer, link.use), link, graph.wiring.node_sets)
        left, right = _live_elements(graph, link, live)
        rows = slice(None) if link.use.rows is None else slice(*link.use.rows)
        used[rows] |= elements.live(left, right)
    return int(np.count_nonzero(used))


def _live_elements(graph: MultipartiteGraph, link: Link, live: Marks) -> tuple[Marks, Marks]:
    """Mark a layer's operand elements that read a live node, and outputs that land on one."""
    left = np.zeros(link.operand.shape)
    for source in link.sources:
        values = live[graph.span(source)].astype(np.float64)
        left += carried(restricted(link.operand, source), values, "multiplicity")
    right = live[graph.span(link.target)]
    if link.landing is not None:
        found = np.zeros(math.prod(output_shape(link.landing)))
        shaped = right.astype(np.float64).reshape(link.landing.shape)
        carried_back(link.landing, shaped, found, "multiplicity")
        right = found > 0
    return left.reshape(-1) > 0, right


def _used(layer: LayerMask, link: Link) -> LayerMask:
    return layer if link.use is None else as_used(layer, link.use)


def _live_channels(graph: MultipartiteGraph, link: Link, live: Marks) -> tuple[Marks, Marks]:
    """Mark a layer's inputs that read a live node, and its outputs that land on one."""
    found = list(_operand_marks(graph, link, live))
    left = np.logical_or.reduce(found)
    right = live[graph.span(link.target)]
    landed = landed_channels(link, graph.wiring.node_sets)
    if landed is None:
        return left, right
    outputs = np.zeros(landed.n_left, np.bool_)
    landed.reach_backward(outputs, right)
    return left, outputs


def _operand_marks(graph: MultipartiteGraph, link: Link, live: Marks) -> Iterator[Marks]:
    for source in link.sources:
        inputs: Edges = operand_channels(link, source, graph.wiring.node_sets)
        marks = np.zeros(inputs.n_right, np.bool_)
        inputs.reach_forward(live[graph.span(source)], marks)
        yield marks
