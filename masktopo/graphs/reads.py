"""Which nodes each element of a view reads, listed.

Nodes are the channels of a node set in the encoding ``channel`` and its elements in ``unrolled``:
which axes tell them apart is the caller's choice. What is read rarely differs along the other
axes, so that it is held as an array that numpy can broadcast to the view's shape, of length 1
along axes where nothing differs, with one more axis in front for the several nodes of an element;
-1 stands for none.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.views import Along, AxisMap, Blank, Join, Permute, Read, Reshape, Shape, View

__all__ = ["Reads", "element_ids", "reads"]

Ids = NDArray[np.int64]
NodeAxes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Reads:
    """The nodes behind the elements of a view.

    Attributes
    ----------
    ids : ndarray of int64, shape (terms, *axes)
        Broadcastable to the view's shape.
    coefficients : ndarray of float64, of the shape of `ids`, or None
        Absolute coefficients; None where all are 1, or where nobody asked.
    """

    ids: Ids
    coefficients: NDArray[np.float64] | None = None


Change = Callable[[NDArray[Any], Any], NDArray[Any]]
"""What an operation does to an array of numbers per element; its second argument is the filling."""


def reads(view: View, axes: NodeAxes, *, counted: bool = False) -> Reads:
    """List the nodes that each element reads.

    Parameters
    ----------
    view : View
        Reads a single node set: see `masktopo.graphs.views.restricted`.
    axes : mapping of str to tuple of int
        By node set, the axes that tell its nodes apart.
    counted : bool
        Whether an element that reads a node several times lists it as often, with coefficients.
        Otherwise positions along which nothing differs are one.
    """
    if isinstance(view, Read):
        return Reads(element_ids(view.shape, axes[view.nodes]))
    if isinstance(view, Blank):
        return Reads(np.full((1,) * (len(view.shape) + 1), -1))
    if isinstance(view, Join):
        parts = [reads(part, axes, counted=counted) for part in view.parts]
        lengths = [part.shape[view.axis] for part in view.parts]
        return _concatenated(parts, view.axis + 1, lengths)
    if isinstance(view, Along):
        return _mapped(reads(view.of, axes, counted=counted), view.axis + 1, view.map, counted)
    if isinstance(view, Permute):
        order = (0, *(axis + 1 for axis in view.axes))
        return _changed(reads(view.of, axes, counted=counted), lambda a, _: a.transpose(order))
    if isinstance(view, Reshape):
        before, after = view.of.shape, view.shape
        inner = reads(view.of, axes, counted=counted)
        return _changed(inner, lambda a, _: _reshaped(a, before, after))
    return _concatenated([reads(part, axes, counted=counted) for part in view.parts], 0, [])


def element_ids(shape: Shape, axes: Sequence[int]) -> Ids:
    """Return row-major numbers along `axes`, shape ``(1, *shape)`` with 1 at other axes."""
    own = [length if axis in axes else 1 for axis, length in enumerate(shape)]
    return np.arange(math.prod(own)).reshape(1, *own)


def _changed(found: Reads, change: Change) -> Reads:
    weights = found.coefficients
    return Reads(change(found.ids, -1), None if weights is None else change(weights, 0.0))


def _mapped(found: Reads, axis: int, rows: AxisMap, counted: bool) -> Reads:
    indptr, indices, coefficients = rows.arrays
    lengths = np.diff(indptr)
    single = rows.coefficients is None and lengths.max(initial=0) <= 1
    if found.ids.shape[axis] == 1 and (single or not counted):
        return _fed(found, axis, lengths > 0)
    table = _padded(indptr, indices, -1)
    taken = _changed(found, lambda a, fill: _gathered(a, axis, rows.size, table, fill))
    if not counted or rows.coefficients is None:
        return taken
    # Terms of the row come first, those that were there before second.
    scale = np.repeat(_padded(indptr, coefficients, 0.0), found.ids.shape[0], axis=0)
    shape = [-1 if at == axis else 1 for at in range(1, found.ids.ndim)]
    scale = scale.reshape(scale.shape[0], *shape)
    before = 1.0 if taken.coefficients is None else taken.coefficients
    return Reads(taken.ids, np.broadcast_to(before * scale, taken.ids.shape))


def _fed(found: Reads, axis: int, fed: NDArray[np.bool_]) -> Reads:
    """Leave the axis at length 1, unless some of its elements read nothing."""
    if fed.size and fed.all():
        return found
    shape = [-1 if at == axis else 1 for at in range(found.ids.ndim)]
    return _changed(found, lambda a, fill: np.where(fed.reshape(shape), a, fill))


def _padded(indptr: Ids, values: NDArray[Any], fill: Any) -> NDArray[Any]:
    """Return CSR rows as a table of shape ``(terms, rows)``, at least one term, filled up."""
    lengths = np.diff(indptr)
    table = np.full((lengths.size, max(int(lengths.max(initial=0)), 1)), fill)
    place = np.arange(values.size) - np.repeat(indptr[:-1], lengths)
    table[np.repeat(np.arange(lengths.size), lengths), place] = values
    return table.T


def _gathered(values: NDArray[Any], axis: int, size: int, table: Ids, fill: Any) -> NDArray[Any]:
    """Take the entries of `table` along `axis`; its terms multiply those that are there."""
    nothing = np.full_like(values.take([0], axis), fill)
    shape = [size if at == axis else n for at, n in enumerate(values.shape)]
    values = np.broadcast_to(values, shape)
    taken = np.concatenate([values, nothing], axis).take(table, axis)
    moved = np.moveaxis(taken, axis, 0)
    return moved.reshape(-1, *moved.shape[2:])


def _concatenated(parts: Sequence[Reads], axis: int, lengths: Sequence[int]) -> Reads:
    """Concatenate along `axis`, which has the given lengths, or along terms (axis 0)."""
    ids = _stacked([part.ids for part in parts], axis, lengths, -1)
    if all(part.coefficients is None for part in parts):
        return Reads(ids)
    weights = [
        np.ones(part.ids.shape) if part.coefficients is None else part.coefficients
        for part in parts
    ]
    return Reads(ids, _stacked(weights, axis, lengths, 0.0))


def _stacked(
    arrays: Sequence[NDArray[Any]], axis: int, lengths: Sequence[int], fill: Any
) -> NDArray[Any]:
    own = {0, axis}
    common = np.broadcast_shapes(
        *([1 if at in own else n for at, n in enumerate(array.shape)] for array in arrays)
    )
    terms = max(array.shape[0] for array in arrays)
    full = []
    for index, array in enumerate(arrays):
        shape = [array.shape[0], *common[1:]]
        if axis:
            shape[axis] = lengths[index]
        part = np.broadcast_to(array, shape)
        if axis and shape[0] < terms:
            missing = np.full((terms - shape[0], *shape[1:]), fill)
            part = np.concatenate([part, missing])
        full.append(part)
    return np.concatenate(full, axis)


def _reshaped(values: NDArray[Any], before: Shape, after: Shape) -> NDArray[Any]:
    """Reshape, leaving runs of axes at length 1 along which nothing differs."""
    stored, stretched = [values.shape[0]], [values.shape[0]]
    for old, new in _runs(before, after):
        same = all(values.shape[axis + 1] == 1 for axis in old)
        stored += [1 if same else after[axis] for axis in new]
        stretched += [1 if same else before[axis] for axis in old]
    return np.broadcast_to(values, stretched).reshape(stored)


def _runs(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Split both shapes into the shortest runs of axes that hold the same elements."""
    runs: list[tuple[list[int], list[int]]] = []
    old = new = 0
    while old < len(before) or new < len(after):
        left: list[int] = []
        right: list[int] = []
        sizes = [1, 1]
        while not (left or right) or sizes[0] != sizes[1]:
            if new == len(after) or (old < len(before) and sizes[0] <= sizes[1]):
                sizes[0] *= before[old]
                left.append(old)
                old += 1
            else:
                sizes[1] *= after[new]
                right.append(new)
                new += 1
        runs.append((left, right))
    return runs
