"""The edges of a link in the encoding ``unrolled``: listed, or as a map that never lists them."""

import math
from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.channel_edges import pair_up
from masktopo.graphs.edges import Edges, Marks, composed, transposed
from masktopo.graphs.geometry import Geometry, geometry_of
from masktopo.graphs.implicit import Degrees, EdgeMap, ImplicitEdges
from masktopo.graphs.reads import Reads, element_ids, reads
from masktopo.graphs.unrolled import ElementMap, unrolled_edges
from masktopo.graphs.views import (
    OUTPUT,
    Along,
    Join,
    Read,
    Shape,
    Sum,
    View,
    children,
    output_shape,
    restricted,
)
from masktopo.graphs.wiring import Link, NodeSet
from masktopo.kernels import compose
from masktopo.masks.layer import LayerMask

__all__ = ["MOST_LISTED", "choose_explicit", "element_map", "unrolled_map"]

MOST_LISTED = 100_000_000
"""Edges that are listed unless somebody asks for more: 1 to 2 GB."""

NodeSets = Mapping[str, NodeSet]


def unrolled_map(
    layer: LayerMask | None, link: Link, source: str, nodes: NodeSets, *, explicit: bool
) -> EdgeMap:
    """Return the edges of one link that leave the node set `source`, element to element.

    Parameters
    ----------
    layer : LayerMask or None
        As the link uses it: see `masktopo.graphs.fitting.as_used`.
    link : Link
    source : str
        One of ``link.sources``.
    nodes : mapping of str to NodeSet
    explicit : bool
        Whether to list them.
    """
    view = restricted(link.operand, source)
    if explicit:
        return _listed(layer, link, view, nodes[source], nodes)
    mixing = link.mark == "mixing"
    return ImplicitEdges(
        n_left=nodes[source].size,
        n_right=nodes[link.target].size,
        view=view,
        layer=None if layer is None else element_map(layer, link, nodes),
        landing=link.landing,
        # An element of attention reads each node once, by construction.
        counter=None if mixing else partial(_degrees, layer, link, source, nodes),
    )


def element_map(layer: LayerMask, link: Link, nodes: NodeSets) -> ElementMap:
    """Return a link's layer as a map from the operand's elements to its own output's."""
    return ElementMap(layer, _geometry(layer, link, nodes))


def choose_explicit(uses: Iterable[tuple[LayerMask | None, Link]], nodes: NodeSets) -> bool:
    """Whether the edges of all links are few enough to be listed."""
    return sum(_bound(layer, link, nodes) for layer, link in uses) <= MOST_LISTED


def _bound(layer: LayerMask | None, link: Link, nodes: NodeSets) -> int:
    """Bound the edges of a link from above, as far as its view reads one node an element."""
    if layer is None:
        return math.prod(link.operand.shape) * _terms(link.operand)
    geometry = _geometry(layer, link, nodes)
    coarse = min(geometry.plane_in, geometry.plane_out)
    return layer.nnz * geometry.positions * coarse * _terms(link.operand)


def _terms(view: View) -> int:
    """Bound the nodes that an element reads."""
    inner = [_terms(part) for part in children(view)]
    if isinstance(view, Sum):
        return sum(inner)
    if isinstance(view, Join):
        return max(inner)
    if isinstance(view, Along):
        indptr, _, _ = view.map.arrays
        return inner[0] * max(int(np.diff(indptr).max(initial=0)), 1)
    return inner[0] if inner else 1


def _geometry(layer: LayerMask, link: Link, nodes: NodeSets) -> Geometry:
    assert link.use is not None
    return geometry_of(layer, link.use, link.operand.shape, _own_shape(link, nodes))


def _own_shape(link: Link, nodes: NodeSets) -> Shape:
    """Return the shape of the link's own output, before it lands."""
    if link.landing is not None:
        return output_shape(link.landing)
    return nodes[link.target].shape


def _listed(
    layer: LayerMask | None, link: Link, view: View, source: NodeSet, nodes: NodeSets
) -> Edges:
    if layer is None:
        return _reading(view, source)
    found = unrolled_edges(layer, _geometry(layer, link, nodes))
    if not isinstance(view, Read):
        found = _behind(_reading(view, source), found)
    landed = _landing(link)
    return found if landed is None else composed(found, landed)


def _behind(inputs: Edges, edges: Edges) -> Edges:
    """Join nodes to the outputs of the elements that read them."""
    first = int(inputs.indices[0]) if inputs.n_edges else 0
    run = np.arange(first, first + inputs.n_left)
    plain = inputs.weights is None and inputs.multiplicity is None
    if plain and np.array_equal(inputs.indices, run) and (inputs.out_degrees == 1).all():
        return edges.rows(first, first + inputs.n_left)
    return composed(inputs, edges)


def _reading(view: View, source: NodeSet) -> Edges:
    """Join the nodes of one set to the elements of a view that read them."""
    return _pairs(view, {source.name: tuple(range(len(source.shape)))}, source.size)


def _pairs(view: View, axes: Mapping[str, tuple[int, ...]], n_left: int) -> Edges:
    shape = view.shape
    if isinstance(view, Read):
        return _identity(n_left)
    own = Reads(element_ids(shape, range(len(shape))))
    return pair_up(reads(view, axes, counted=True), own, n_left, math.prod(shape))


def _identity(size: int) -> Edges:
    return Edges(size, size, np.arange(size + 1), np.arange(size, dtype=np.uint32))


def _landing(link: Link) -> Edges | None:
    """Join the elements of a layer's own output to the nodes on which they land."""
    if link.landing is None:
        return None
    shape = output_shape(link.landing)
    return _pairs(link.landing, {OUTPUT: tuple(range(len(shape)))}, math.prod(shape))


def _degrees(
    layer: LayerMask | None, link: Link, source: str, nodes: NodeSets, left: Marks, right: Marks
) -> Degrees:
    """Count the edges between marked nodes at either node, each once, without listing them."""
    reading = _only(_reading(restricted(link.operand, source), nodes[source]), left)
    if layer is None:
        found = _only_into(reading, right)
        return found.out_degrees, found.in_degrees
    edges, landed = unrolled_edges(layer, _geometry(layer, link, nodes)), _landing(link)
    edges = _only_into(edges if landed is None else composed(edges, landed), right)
    return _row_counts(reading, edges), _row_counts(transposed(edges), transposed(reading))


def _row_counts(first: Edges, second: Edges) -> NDArray[np.int64]:
    seen, indptr = np.full(second.n_right, -1), np.zeros(first.n_left + 1, np.int64)
    ends = first.indptr, first.indices, second.indptr, second.indices
    compose.count_product(*ends, seen, indptr)
    return np.diff(indptr)


def _only(edges: Edges, left: Marks) -> Edges:
    return _kept(edges, np.repeat(left, edges.out_degrees))


def _only_into(edges: Edges, right: Marks) -> Edges:
    return _kept(edges, right[edges.indices])


def _kept(edges: Edges, kept: Marks) -> Edges:
    """Keep the structure of some edges."""
    if kept.all():
        return edges
    rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)[kept]
    counts = np.bincount(rows, minlength=edges.n_left)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Edges(edges.n_left, edges.n_right, indptr, edges.indices[kept])
