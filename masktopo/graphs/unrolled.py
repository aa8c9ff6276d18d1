"""A layer between elements (the encoding ``unrolled``): listed, and as a linear map."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph, bipartite, weight_shaped
from masktopo.graphs.edges import Edges
from masktopo.graphs.geometry import Axis, Geometry
from masktopo.graphs.planes import Planes
from masktopo.kernels import convolve, unroll
from masktopo.masks.layer import LayerMask

__all__ = ["ElementMap", "unrolled_edges"]

Values = NDArray[np.float64]


def unrolled_edges(layer: LayerMask, geometry: Geometry) -> Edges:
    """List the edges of one use of a layer, from operand elements to output elements.

    Parameters
    ----------
    layer : LayerMask
        Of the kind of the use.
    geometry : Geometry

    Returns
    -------
    Edges
        One per nonzero weight and output position, padding left out.

    Notes
    -----
    O(size of the layer + nodes + edges). Memory: 4 bytes an edge, 4 or 8 more with weights.
    """
    first, taps, outputs, weight = _entries(layer, geometry)
    z, y, x = (axis.outputs() for axis in geometry.axes)
    indptr = np.zeros(geometry.size_in + 1, np.int64)
    room = outputs.size * geometry.positions * min(geometry.plane_in, geometry.plane_out)
    indices = np.empty(room, np.uint32)
    values = np.empty(0 if layer.weight is None else room, weight.dtype)
    row = np.empty((int(np.diff(first).max(initial=0)), 3), np.int64)
    lengths = [axis.n_out for axis in geometry.axes]
    shape = np.array([geometry.positions, geometry.n_out, *lengths], np.int64)
    unroll.fill_unrolled(first, taps, outputs, weight, z, y, x, shape, row, indptr, indices, values)
    indices, values = indices[: indptr[-1]], values[: indptr[-1]]
    return Edges(
        geometry.size_in,
        geometry.size_out,
        indptr,
        indices,
        weights=None if layer.weight is None else values,
        known=layer.weight is not None,
    )


def _entries(
    layer: LayerMask, geometry: Geometry
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """List the nonzero weights by input channel, in the order that the kernels ask for."""
    graph = bipartite(layer, "rolled")
    weights = np.empty(0, np.float32) if graph.weights is None else graph.weights
    first, cursor = np.zeros(geometry.n_in + 1, np.int64), np.empty(geometry.n_out, np.int64)
    taps, outputs = np.empty((graph.n_edges, 3), np.int64), np.empty(graph.n_edges, np.int64)
    found = np.empty_like(weights)
    sizes = np.array([axis.taps for axis in geometry.axes], np.int64)
    transposed = any(axis.transposed for axis in geometry.axes)
    ends = graph.indptr, graph.indices, weights
    unroll.sort_entries(*ends, sizes, not transposed, first, cursor, taps, outputs, found)
    return first, taps, outputs, found


@dataclass(frozen=True, eq=False)
class ElementMap:
    """One use of a layer as a linear map from operand elements to output elements.

    Attributes
    ----------
    layer : LayerMask
        Of the kind of the use.
    geometry : Geometry

    Notes
    -----
    A pass is O(weights * plane), about 1 ns an edge, and keeps one padded copy of each side.
    """

    layer: LayerMask
    geometry: Geometry

    def forward(self, values: Values, kind: str) -> Values:
        """Return the sum of factor times operand over the weights of every output element."""
        return self._carried(values, kind, back=False)

    def adjoint(self, values: Values, kind: str) -> Values:
        """Return the sum of factor times output over the weights of every operand element."""
        return self._carried(values, kind, back=True)

    def live(self, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the weights that join marked elements, in the shape of the weight."""
        graph, planes = self._graph, self._planes
        marks = np.zeros(graph.n_edges, np.bool_)
        for before, after in zip(self._split(left, 0), self._split(right, 1), strict=True):
            laid = self._laid(before, 0), self._laid(after, 1)
            starts, shifts, plane = self._runs
            ends = graph.indptr, graph.indices, starts, shifts, plane, planes.length
            convolve.mark_live(*ends, *laid, marks)
        return self._in_weight_shape(marks)

    def _carried(self, values: Values, kind: str, *, back: bool) -> Values:
        graph, planes = self._graph, self._planes
        starts, shifts, plane = self._runs
        factors = self._factors(kind)
        ends = graph.indptr, graph.indices, factors, starts, shifts, plane, planes.length
        add = convolve.pull_runs if back else convolve.push_runs
        found = []
        for part in self._split(values, int(back)):
            given, wanted = self._laid(part, int(back)), self._empty(int(not back))
            add(*ends, *((wanted, given) if back else (given, wanted)))
            found.append(self._read(wanted, int(not back)))
        return self._joined(found, int(not back))

    @cached_property
    def _graph(self) -> BipartiteGraph:
        return bipartite(self.layer, "rolled")

    @cached_property
    def _plain(self) -> bool:
        return all(axis == Axis() for axis in self.geometry.axes)

    @cached_property
    def _planes(self) -> Planes:
        """The layout; a linear layer's positions take the place of an axis: long runs."""
        if not self._plain:
            return Planes(self.geometry)
        line = Axis(self.geometry.positions, self.geometry.positions)
        return Planes(replace(self.geometry, positions=1, axes=(Axis(), Axis(), line)))

    @cached_property
    def _runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Where runs start on the left, how they are shifted on the right, and its plane."""
        planes = self._planes
        taps = planes.shifts.size
        shifts = np.tile(planes.shifts, self.geometry.n_in)
        channels = np.repeat(np.arange(self.geometry.n_in), taps)
        if planes.transposed:
            return channels * planes.coarse_plane, shifts, planes.fine_plane
        return channels * planes.fine_plane + shifts, np.zeros_like(shifts), planes.coarse_plane

    def _factors(self, kind: str) -> NDArray[np.floating]:
        if kind == "multiplicity":
            return np.empty(0, np.float32)
        weights = self._graph.weights
        assert weights is not None
        return weights if kind == "l1" else weights.astype(np.float64) ** 2

    def _split(self, values: NDArray[Any], side: int) -> list[NDArray[Any]]:
        """Split into positions, or turn the positions of a linear layer into a plane."""
        if self._plain:
            channels = (self.geometry.n_in, self.geometry.n_out)[side]
            return [np.ascontiguousarray(values.reshape(-1, channels).T).reshape(-1)]
        return np.split(values, self.geometry.positions) if self.geometry.positions else []

    def _joined(self, parts: list[Values], side: int) -> Values:
        if not self._plain:
            return np.concatenate(parts) if parts else np.zeros(0)
        channels = (self.geometry.n_in, self.geometry.n_out)[side]
        return np.ascontiguousarray(parts[0].reshape(channels, -1).T).reshape(-1)

    def _laid(self, part: NDArray[Any], side: int) -> NDArray[Any]:
        channels = (self.geometry.n_in, self.geometry.n_out)[side]
        lay = self._planes.to_fine if self._is_fine(side) else self._planes.to_coarse
        return lay(part, channels)

    def _read(self, planes: NDArray[Any], side: int) -> NDArray[Any]:
        channels = (self.geometry.n_in, self.geometry.n_out)[side]
        read = self._planes.from_fine if self._is_fine(side) else self._planes.from_coarse
        return read(planes, channels)

    def _empty(self, side: int) -> Values:
        channels = (self.geometry.n_in, self.geometry.n_out)[side]
        plane = self._planes.fine_plane if self._is_fine(side) else self._planes.coarse_plane
        return np.zeros(channels * plane)

    def _is_fine(self, side: int) -> bool:
        return (side == 0) != self._planes.transposed

    def _in_weight_shape(self, marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        graph, layer = self._graph, self.layer
        columns = graph.n_left // layer.groups
        left = np.repeat(np.arange(graph.n_left), graph.left_degrees)
        matrix = np.zeros((graph.n_right, columns), np.bool_)
        matrix[graph.indices, left % max(columns, 1)] = marks
        return weight_shaped(layer, matrix)
