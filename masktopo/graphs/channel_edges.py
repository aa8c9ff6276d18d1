"""The edges of a link in the encoding ``channel``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.graphs.edges import Edges, composed, edges_of_pairs
from masktopo.graphs.reads import Reads, element_ids, reads
from masktopo.graphs.views import OUTPUT, Shape, output_shape, restricted
from masktopo.graphs.wiring import Link, NodeSet
from masktopo.masks.layer import LayerMask

__all__ = ["channel_edges", "landed_channels", "operand_channels", "pair_up"]


def channel_edges(
    layer: LayerMask | None, link: Link, source: str, nodes: Mapping[str, NodeSet]
) -> Edges:
    """List the edges of one link that leave the node set `source`, channel to channel.

    Parameters
    ----------
    layer : LayerMask or None
        As the link uses it: see `masktopo.graphs.fitting.as_used`.
    link : Link
    source : str
        One of ``link.sources``.
    nodes : mapping of str to NodeSet

    Notes
    -----
    O(size of the layer) where the operand is a node set, a concatenation of some or flattened;
    else a sparse product with the channels that the view reads.
    """
    target = nodes[link.target]
    if layer is None:
        axes = _channel_axes(nodes)
        onto = Reads(element_ids(target.shape, target.channel_axes))
        found = reads(restricted(link.operand, source), axes)
        return pair_up(found, onto, nodes[source].channels, target.channels, distinct=True)
    edges = _read_through(operand_channels(link, source, nodes), layer)
    landed = landed_channels(link, nodes)
    return edges if landed is None else composed(edges, landed)


def operand_channels(link: Link, source: str, nodes: Mapping[str, NodeSet]) -> Edges:
    """Join the channels of `source` to the input channels of the link's layer that read them."""
    view = restricted(link.operand, source)
    axis = _channel_axis(link, view.shape)
    found = reads(view, _channel_axes(nodes)), Reads(element_ids(view.shape, [axis]))
    return pair_up(*found, nodes[source].channels, view.shape[axis], distinct=True)


def landed_channels(link: Link, nodes: Mapping[str, NodeSet]) -> Edges | None:
    """Join the output channels of the link's layer to the target's; None where they are these."""
    if link.landing is None:
        return None
    shape, target = output_shape(link.landing), nodes[link.target]
    axis = _channel_axis(link, shape)
    found = reads(link.landing, {OUTPUT: (axis,)})
    onto = Reads(element_ids(target.shape, target.channel_axes))
    return pair_up(found, onto, shape[axis], target.channels, distinct=True)


def _channel_axes(nodes: Mapping[str, NodeSet]) -> dict[str, tuple[int, ...]]:
    return {name: found.channel_axes for name, found in nodes.items()}


def _channel_axis(link: Link, shape: Shape) -> int:
    """Return the axis of a layer's operand or output that holds its channels or features."""
    return len(shape) - 1 - (0 if link.use is None else link.use.kernel_axes)


def pair_up(
    first: Reads, second: Reads, n_first: int, n_second: int, *, distinct: bool = False
) -> Edges:
    """Join nodes that two views of one shape read at the same element."""
    left, right = np.broadcast_arrays(first.ids[:, None], second.ids[None])
    told = (left >= 0) & (right >= 0)
    scale = None
    for view, where in ((first, np.s_[:, None]), (second, np.s_[None])):
        if view.coefficients is not None:
            own = np.broadcast_to(view.coefficients[where], left.shape)[told]
            scale = own if scale is None else scale * own
    return edges_of_pairs(
        left[told], right[told], n_first, n_second, coefficients=scale, distinct=distinct
    )


def _read_through(inputs: Edges, layer: LayerMask) -> Edges:
    """Join a layer's outputs to the channels that its inputs read, instead of to the inputs."""
    first = int(inputs.indices[0]) if inputs.n_edges else 0
    run = np.arange(first, first + inputs.n_edges)
    if inputs.n_edges and np.array_equal(inputs.indices, run):
        repeats = inputs.out_degrees
        if (repeats == 1).all():
            return _edges_of(bipartite(layer, "channel")).rows(first, first + inputs.n_left)
        if layer.kind == "linear" and (repeats == repeats[0]).all():
            folded = _folded(layer, first, int(repeats[0]), inputs.n_left)
            return _edges_of(bipartite(folded, "channel"))
    return composed(inputs, _edges_of(bipartite(layer, "channel")))


def _folded(layer: LayerMask, start: int, repeat: int, channels: int) -> LayerMask:
    """View columns of a linear layer behind a flatten as a convolution over their positions."""

    def fold(array: NDArray[Any]) -> NDArray[Any]:
        part = array[:, start : start + channels * repeat]
        return part.reshape(array.shape[0], channels, repeat)

    weight = None if layer.weight is None else fold(layer.weight)
    return LayerMask(layer.name, fold(layer.mask), weight, kind="conv1d")


def _edges_of(graph: BipartiteGraph) -> Edges:
    return Edges(
        graph.n_left,
        graph.n_right,
        graph.indptr,
        graph.indices,
        graph.multiplicity,
        graph.weights,
        graph.squares,
        known=graph.weights is not None,
    )
