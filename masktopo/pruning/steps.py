"""The steps that a walk through a network can take: one along every weight and every skip."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import left_size, output_by_input, right_size
from masktopo.graphs.channel_edges import channel_edges, landed_channels, operand_channels
from masktopo.graphs.edges import Edges, transposed
from masktopo.graphs.fitting import as_used, fitted
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Wiring
from masktopo.kernels import walks
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.prunable import PrunableLayer, named_layers

__all__ = ["Steps", "network_steps"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps from node to node, grouped by the node that they leave.

    Nodes are the channels of the network's node sets, in the order of the wiring.

    Attributes
    ----------
    indptr : ndarray of int64, shape (n_nodes + 1,)
    sums : ndarray of float64, shape (n_steps,)
        Running sums of ``|w|`` over the steps of one node; a skip has weight 1.
    heads : ndarray of uint32, shape (n_steps,)
        Where each step lands.
    owners : ndarray of int64, shape (n_steps,)
        Place of the step's weight in the flat vector of prunable weights; -1 for skips and for
        weights that cannot be pruned.
    inputs : ndarray of int64
        The network's input nodes.
    outputs : ndarray of bool, shape (n_nodes,)
        Marks of its output nodes.
    longest : int
        No walk takes more steps.
    """

    indptr: Ints
    sums: NDArray[np.float64]
    heads: NDArray[np.uint32]
    owners: Ints
    inputs: Ints
    outputs: NDArray[np.bool_]
    longest: int


@dataclass(frozen=True, eq=False)
class _Part:
    """Ungrouped steps of one link: tails, heads, owners and weights."""

    tails: NDArray[np.integer]
    heads: NDArray[np.integer]
    owners: Ints
    weights: NDArray[np.floating]


def network_steps(masks: MaskSet, layers: tuple[PrunableLayer, ...], wiring: Wiring) -> Steps:
    """List the steps of a dense network.

    Parameters
    ----------
    masks : MaskSet
        All layers of the network, with weights.
    layers : tuple of PrunableLayer
        Those whose weights own their steps.
    wiring : Wiring

    Notes
    -----
    The steps of one node stand in the order of the links, and within a link in that of the
    weights' places. O(weights), at most some 100 bytes each.
    """
    sizes = [nodes.channels for nodes in wiring.nodes]
    bounds = np.cumsum([0, *sizes])
    offsets = {nodes.name: int(at) for nodes, at in zip(wiring.nodes, bounds[:-1], strict=True)}
    parts = list(_parts(fitted(masks, wiring), layers, wiring, offsets))
    tails = np.concatenate([part.tails for part in parts])
    starts = np.concatenate([[0], np.cumsum(np.bincount(tails, minlength=int(bounds[-1])))])
    order = np.empty(tails.size, np.int64)
    walks.by_node(tails, starts[:-1].copy(), order)
    sums = np.concatenate([part.weights for part in parts])[order].astype(np.float64)
    walks.running_sums(starts, sums)
    return Steps(
        indptr=starts,
        sums=sums,
        heads=np.concatenate([part.heads for part in parts])[order],
        owners=np.concatenate([part.owners for part in parts])[order],
        inputs=np.flatnonzero(_marks(wiring, "input", sizes)),
        outputs=_marks(wiring, "output", sizes),
        longest=len(wiring.nodes),
    )


def _marks(wiring: Wiring, role: str, sizes: list[int]) -> NDArray[np.bool_]:
    return np.repeat([nodes.role == role for nodes in wiring.nodes], sizes)


def _parts(
    masks: MaskSet,
    layers: tuple[PrunableLayer, ...],
    wiring: Wiring,
    offsets: Mapping[str, int],
) -> Iterator[_Part]:
    places = _places(layers, wiring)
    for link in wiring.links:
        for source in link.sources:
            if link.layer is None:
                part = _skip_steps(channel_edges(None, link, source, wiring.node_sets))
            else:
                owners = places[link.layer]
                part = _layer_steps(masks[link.layer], owners, link, source, wiring.node_sets)
            yield _Part(
                (part.tails + offsets[source]).astype(np.uint32),
                (part.heads + offsets[link.target]).astype(np.uint32),
                part.owners,
                part.weights,
            )


def _places(layers: tuple[PrunableLayer, ...], wiring: Wiring) -> dict[str, Ints]:
    """Return the places of every layer's weights in the flat vector, in its weight's shape."""
    known = named_layers(layers, wiring.layers)
    return {spec.name: _places_of(spec, known.get(spec.name)) for spec in wiring.layers}


def _places_of(spec: LayerSpec, layer: PrunableLayer | None) -> Ints:
    if layer is None:
        return np.full(spec.shape, -1)
    return np.arange(layer.span.start, layer.span.stop).reshape(spec.shape)


def _skip_steps(edges: Edges) -> _Part:
    tails = np.repeat(np.arange(edges.n_left), edges.out_degrees)
    nobody = np.full(edges.n_edges, -1)
    return _Part(tails, edges.indices, nobody, np.ones(edges.n_edges))


def _layer_steps(
    layer: LayerMask, places: Ints, link: Link, source: str, nodes: Mapping[str, NodeSet]
) -> _Part:
    """List the steps along a layer's weights from the channels of `source`."""
    assert layer.weight is not None
    assert link.use is not None
    used = as_used(layer, link.use)
    rows = slice(None) if link.use.rows is None else slice(*link.use.rows)
    weights = np.abs(output_by_input(used, layer.weight[rows]))
    owners = output_by_input(used, places[rows])
    inputs, outputs = _ends(used, weights.shape)
    at, tails = _partners(inputs.ravel(), transposed(operand_channels(link, source, nodes)))
    heads = outputs.ravel()[at]
    landed = landed_channels(link, nodes)
    if landed is not None:
        again, heads = _partners(heads, landed)
        at, tails = at[again], tails[again]
    return _Part(tails, heads, owners.ravel()[at], weights.ravel()[at])


def _ends(layer: LayerMask, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Return the input and the output channel of every entry of an output-by-input matrix."""
    per_group = left_size(layer) // layer.groups
    outputs, columns = np.indices(shape)
    group = outputs // (right_size(layer) // layer.groups)
    return columns // (shape[1] // per_group) + group * per_group, outputs


def _partners(keys: Ints, edges: Edges) -> tuple[Ints, Ints]:
    """Join each key to the right nodes of its row: return places in `keys`, and the nodes."""
    degrees = edges.out_degrees[keys]
    at = np.repeat(np.arange(keys.size), degrees)
    within = np.arange(at.size) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    return at, edges.indices[edges.indptr[keys[at]] + within].astype(np.int64)
