"""Nodes and edges of a graph as columns: what every export writes, each in its own form."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.graphs.reads import element_ids
from masktopo.graphs.wiring import MARKS, ROLES, NodeSet

__all__ = [
    "Coded",
    "EdgeColumns",
    "NodeColumns",
    "edge_blocks",
    "edge_columns",
    "has_weights",
    "node_columns",
]

Integers = NDArray[np.int64]

_MOST_AT_ONCE = 2**18


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of a few different words.

    Attributes
    ----------
    words : sequence of str
    codes : ndarray of int64
        Place of each row's word in `words`.
    """

    words: Sequence[str]
    codes: Integers

    def listed(self) -> list[str]:
        """Return one word a row."""
        return [self.words[code] for code in self.codes.tolist()]


@dataclass(frozen=True, eq=False)
class NodeColumns:
    """One row a node, in the graph's order.

    Attributes
    ----------
    layer : Coded
        Name of the node set.
    role : Coded
    channel : ndarray of int64
        Number of the channel or neuron within the node set.
    position : Coded or None
        Indices along the axes that are no channels, as ``"3,5"``, the batch axis left out; empty
        where there are none. None in the encoding ``channel``, where a node has no position.
    places : ndarray of int64, shape (n_nodes, axes), or None
        The same as numbers, -1 behind the last.
    """

    layer: Coded
    role: Coded
    channel: Integers
    position: Coded | None
    places: Integers | None


@dataclass(frozen=True, eq=False)
class EdgeColumns:
    """One row an edge.

    Attributes
    ----------
    source, target : ndarray of int64
        Numbers of the nodes.
    layer : Coded
        Name of the layer; empty for skips and attention.
    mark : Coded
    multiplicity : ndarray of int64
    weight : ndarray of float64, or None
        Sum of absolute weights; None where they are unknown. Where only some layers have known
        weights, those of the others' edges are nan.
    """

    source: Integers
    target: Integers
    layer: Coded
    mark: Coded
    multiplicity: Integers
    weight: NDArray[np.float64] | None


def node_columns(graph: MultipartiteGraph) -> NodeColumns:
    """Return what is known of the nodes. O(nodes)."""
    sets, sizes = graph.wiring.nodes, np.diff(graph.offsets)
    roles = np.array([ROLES.index(nodes.role) for nodes in sets])
    layer = Coded([nodes.name for nodes in sets], np.repeat(np.arange(len(sets)), sizes))
    role = Coded(ROLES, np.repeat(roles, sizes))
    if graph.encoding == "channel":
        channels = np.concatenate([np.arange(nodes.channels) for nodes in sets])
        return NodeColumns(layer, role, channels, None, None)
    channels = np.concatenate([_ids(nodes, nodes.channel_axes) for nodes in sets])
    axes = max(len(_position_axes(nodes)) for nodes in sets)
    places = np.concatenate([_places(nodes, axes) for nodes in sets])
    return NodeColumns(layer, role, channels, _positions(sets), places)


def _ids(nodes: NodeSet, axes: Sequence[int]) -> Integers:
    """Return the numbers of the elements of a node set along some of its axes."""
    return np.broadcast_to(element_ids(nodes.shape, axes)[0], nodes.shape).reshape(-1)


def _position_axes(nodes: NodeSet) -> list[int]:
    axes = [axis for axis in range(len(nodes.shape)) if axis not in nodes.channel_axes]
    # The batch axis tells nothing apart; what was folded into it does.
    return axes[1:] if axes[:1] == [0] and nodes.shape[0] == 1 else axes


def _places(nodes: NodeSet, n_axes: int) -> Integers:
    """Return each element's indices along its position axes, filled up with -1."""
    found = np.full((nodes.size, n_axes), -1)
    for column, axis in enumerate(_position_axes(nodes)):
        found[:, column] = _ids(nodes, [axis])
    return found


def _positions(sets: Sequence[NodeSet]) -> Coded:
    words: dict[str, int] = {}
    codes = []
    for nodes in sets:
        axes = _position_axes(nodes)
        lengths = [nodes.shape[axis] for axis in axes]
        own = [words.setdefault(_words(place), len(words)) for place in np.ndindex(*lengths)]
        codes.append(np.array(own, np.int64)[_ids(nodes, axes)])
    return Coded(list(words), np.concatenate(codes))


def _words(place: Sequence[int]) -> str:
    return ",".join(map(str, place))


def edge_blocks(graph: MultipartiteGraph) -> Iterator[EdgeColumns]:
    """Yield the edges in parts, so that never all of them need to be there as columns.

    Each part is of one block, and of at most 2**18 edges.

    Raises
    ------
    WiringError
        If the edges of the graph are not listed.
    """
    for block in graph.blocks:
        columns = _block_columns(graph, block)
        for first in range(0, columns.source.size, _MOST_AT_ONCE):
            yield _taken(columns, slice(first, first + _MOST_AT_ONCE))


def _block_columns(graph: MultipartiteGraph, block: EdgeBlock) -> EdgeColumns:
    edges, layers = listed(block), _layer_words(graph)
    source, target = graph.ends(block)
    layer = 0 if block.layer is None else layers.index(block.layer)
    return EdgeColumns(
        source,
        target,
        Coded(layers, np.full(edges.n_edges, layer)),
        Coded(MARKS, np.full(edges.n_edges, MARKS.index(block.mark))),
        edges.factors("multiplicity").astype(np.int64),
        edges.factors("l1").astype(np.float64) if edges.known else None,
    )


def _taken(columns: EdgeColumns, rows: slice) -> EdgeColumns:
    return EdgeColumns(
        columns.source[rows],
        columns.target[rows],
        Coded(columns.layer.words, columns.layer.codes[rows]),
        Coded(columns.mark.words, columns.mark.codes[rows]),
        columns.multiplicity[rows],
        None if columns.weight is None else columns.weight[rows],
    )


def edge_columns(graph: MultipartiteGraph) -> EdgeColumns:
    """Return all edges. O(edges), 48 bytes an edge, and as much again for a moment."""
    blocks = [_block_columns(graph, block) for block in graph.blocks]
    nothing = np.zeros(0, np.int64)

    def joined(columns: Iterable[Integers]) -> Integers:
        return np.concatenate([nothing, *columns])

    return EdgeColumns(
        joined(block.source for block in blocks),
        joined(block.target for block in blocks),
        Coded(_layer_words(graph), joined(block.layer.codes for block in blocks)),
        Coded(MARKS, joined(block.mark.codes for block in blocks)),
        joined(block.multiplicity for block in blocks),
        _weights(blocks) if has_weights(graph) else None,
    )


def _weights(blocks: Iterable[EdgeColumns]) -> NDArray[np.float64]:
    found = [
        np.full(block.source.size, math.nan) if block.weight is None else block.weight
        for block in blocks
    ]
    return np.concatenate([np.zeros(0), *found])


def has_weights(graph: MultipartiteGraph) -> bool:
    """Whether the weights of a layer are known; where there is no layer all weights are 1."""
    known = [listed(block).known for block in graph.blocks if block.layer is not None]
    return any(known) or not known


def _layer_words(graph: MultipartiteGraph) -> list[str]:
    return ["", *graph.wiring.layer_names]
