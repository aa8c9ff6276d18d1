"""From masks and a wiring to a network's end-to-end graph."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from masktopo._check import check_choice
from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.channel_edges import channel_edges
from masktopo.graphs.fitting import as_used, completed, fitted
from masktopo.graphs.implicit import EdgeMap
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph
from masktopo.graphs.order import wiring_from_order
from masktopo.graphs.unrolled_maps import choose_explicit, unrolled_map
from masktopo.graphs.wiring import Link, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["NETWORK_ENCODINGS", "REPRESENTATIONS", "find_wiring", "multipartite", "network_graph"]

NETWORK_ENCODINGS = ("channel", "unrolled")

REPRESENTATIONS = ("auto", "explicit", "matrix-free")


def multipartite(
    source: Any,
    *,
    model: Any = None,
    example_input: Any = None,
    wiring: Wiring | None = None,
    encoding: str = "channel",
    representation: str = "auto",
) -> MultipartiteGraph:
    """Join the bipartite graphs of a network's layers along its data flow.

    Parameters
    ----------
    source : path, state dict, dict of masks, torch.nn.Module or MaskSet
        Anything that `load_masks` takes.
    model : torch.nn.Module, optional
        The network, from which the data flow is traced; needs `example_input`.
    example_input : tensor, tuple or dict of tensors, optional
        What the model takes, batch first: see `masktopo.trace`.
    wiring : Wiring, optional
        The data flow, in place of a model. Without either it is taken from the order of the
        layers, where `wiring_from_order` allows.
    encoding : {"channel", "unrolled"}
        See section 1 of the definitions. ``unrolled`` needs a model or a wiring made from one.
    representation : {"auto", "explicit", "matrix-free"}
        Whether edges are listed, in ``unrolled``. ``auto`` lists them up to 100 million.

    Returns
    -------
    MultipartiteGraph

    Raises
    ------
    WiringError
        If a mask has no layer in the wiring or sizes do not fit; if there is neither model nor
        wiring and the order of the layers gives none; or if an operation of the model is unknown.

    Notes
    -----
    ``channel``: O(size) over all masks, and 4 bytes an edge, 20 more with weights. ``unrolled``:
    O(edges) and 4 bytes an edge, 4 or 8 more with weights; matrix-free O(size) and no edges.

    References
    ----------
    Cunegatti, Farina, Bucur, Iacca: *Understanding Sparse Neural Networks from their Topology
    via Multipartite Graph Representations*, TMLR 2024.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet
    >>> hidden = LayerMask("hidden", np.array([[True, False], [True, True], [False, False]]))
    >>> head = LayerMask("head", np.array([[True, True, True]]))
    >>> graph = multipartite(MaskSet([hidden, head]))
    >>> graph.n_nodes, graph.n_edges
    (6, 6)
    """
    check_choice("encoding", encoding, NETWORK_ENCODINGS)
    check_choice("representation", representation, REPRESENTATIONS)
    masks = _load(source)
    wiring = find_wiring(masks, model=model, example_input=example_input, wiring=wiring)
    masks = completed(masks, wiring)
    return network_graph(masks, wiring, encoding=encoding, representation=representation)


def network_graph(
    masks: MaskSet, wiring: Wiring, *, encoding: str = "channel", representation: str = "auto"
) -> MultipartiteGraph:
    """Join masks along a wiring, as `multipartite` does, without a word on what is missing."""
    if encoding == "unrolled" and wiring.assumed:
        raise WiringError(
            "without a model positions are unknown: only the encoding channel is there"
        )
    masks = fitted(masks, wiring)
    builder = _channel_maps if encoding == "channel" else _unrolled_maps
    sizes = [nodes.channels if encoding == "channel" else nodes.size for nodes in wiring.nodes]
    blocks = builder(masks, wiring, representation)
    offsets = np.cumsum([0, *sizes], dtype=np.int64)
    return MultipartiteGraph(masks, wiring, encoding, offsets, tuple(blocks))


def find_wiring(
    masks: MaskSet, *, model: Any = None, example_input: Any = None, wiring: Wiring | None = None
) -> Wiring:
    """Return the wiring: the given one, the model's, or the one that the order suggests."""
    if (model is None) != (example_input is None):
        raise ArgumentError("model and example_input come together")
    if wiring is not None and not isinstance(wiring, Wiring):
        raise ArgumentError(f"wiring={wiring!r} is no Wiring; masktopo.load_wiring reads files")
    if model is None:
        return wiring_from_order(masks) if wiring is None else wiring
    if wiring is not None:
        raise ArgumentError("give a model or a wiring, not both")
    from masktopo.graphs.tracing import trace

    return trace(model, example_input)


def _load(source: Any) -> MaskSet:
    if isinstance(source, MaskSet):
        return source
    from masktopo.masks.load import load_masks

    return load_masks(source)


def _used(masks: MaskSet, link: Link) -> LayerMask | None:
    if link.layer is None or link.use is None:
        return None
    return as_used(masks[link.layer], link.use)


def _channel_maps(masks: MaskSet, wiring: Wiring, representation: str) -> Iterator[EdgeBlock]:
    if representation == "matrix-free":
        raise ArgumentError("the encoding channel lists its edges: nothing is matrix-free there")
    for index, link in enumerate(wiring.links):
        layer = _used(masks, link)
        for source in link.sources:
            yield _block(index, link, source, channel_edges(layer, link, source, wiring.node_sets))


def _unrolled_maps(masks: MaskSet, wiring: Wiring, representation: str) -> Iterator[EdgeBlock]:
    explicit = representation == "explicit"
    if representation == "auto":
        uses = [(_used(masks, link), link) for link in wiring.links]
        explicit = choose_explicit(uses, wiring.node_sets)
    for index, link in enumerate(wiring.links):
        layer = _used(masks, link)
        for source in link.sources:
            found = unrolled_map(layer, link, source, wiring.node_sets, explicit=explicit)
            yield _block(index, link, source, found)


def _block(index: int, link: Link, source: str, edges: EdgeMap) -> EdgeBlock:
    return EdgeBlock(index, link.layer, link.mark, link.on_paths, source, link.target, edges)
