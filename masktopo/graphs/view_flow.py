"""Values carried through a view: from nodes to elements and back, without listing edges."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.views import Along, AxisMap, Blank, Join, Permute, Read, Reshape, View

__all__ = ["carried", "carried_back"]

Values = NDArray[np.float64]

POWERS = {"multiplicity": 0, "l1": 1, "l2": 2, "taps": 2}
"""The power of a view's coefficients in each factor: see `masktopo.graphs.edges.FACTORS`."""


def carried(view: View, values: Values, kind: str) -> Values:
    """Return what the elements of `view` read, in its shape.

    Parameters
    ----------
    view : View
        Reads a single node set.
    values : ndarray of float64
        One number a node.
    kind : str
        One of `masktopo.graphs.edges.FACTORS`: which power of the coefficients counts.
    """
    if isinstance(view, Read):
        return values.reshape(view.shape)
    if isinstance(view, Blank):
        return np.zeros(view.shape)
    if isinstance(view, Join):
        return np.concatenate([carried(part, values, kind) for part in view.parts], view.axis)
    if isinstance(view, Along):
        matrix = _matrix(view.map, POWERS[kind])
        return _along(matrix, carried(view.of, values, kind), view.axis)
    if isinstance(view, Permute):
        return carried(view.of, values, kind).transpose(view.axes)
    if isinstance(view, Reshape):
        return carried(view.of, values, kind).reshape(view.shape)
    parts = [carried(part, values, kind) for part in view.parts]
    return sum(parts[1:], start=parts[0])


def carried_back(view: View, values: Values, sums: Values, kind: str) -> None:
    """Add to each node's place in `sums` what the elements that read it hold.

    Parameters
    ----------
    view : View
        Reads a single node set.
    values : ndarray of float64
        One number an element, in the view's shape.
    sums : ndarray of float64
        One number a node; is added to.
    kind : str
        As for `carried`.
    """
    if isinstance(view, Read):
        sums += values.reshape(-1)
    elif isinstance(view, Join):
        bounds = np.cumsum([part.shape[view.axis] for part in view.parts])[:-1]
        for part, piece in zip(view.parts, np.split(values, bounds, view.axis), strict=True):
            carried_back(part, piece, sums, kind)
    elif isinstance(view, Along):
        matrix = _matrix(view.map, POWERS[kind]).T
        carried_back(view.of, _along(matrix, values, view.axis), sums, kind)
    elif isinstance(view, Permute):
        carried_back(view.of, values.transpose(np.argsort(view.axes)), sums, kind)
    elif isinstance(view, Reshape):
        carried_back(view.of, values.reshape(view.of.shape), sums, kind)
    elif not isinstance(view, Blank):
        for part in view.parts:
            carried_back(part, values, sums, kind)


@lru_cache(maxsize=1024)
def _matrix(rows: AxisMap, power: int) -> Any:
    from scipy.sparse import csr_array

    indptr, indices, coefficients = rows.arrays
    return csr_array((coefficients**power, indices, indptr), shape=(rows.n_rows, rows.size))


def _along(matrix: Any, values: Values, axis: int) -> Values:
    """Multiply along one axis."""
    moved = np.moveaxis(values, axis, 0)
    # Not -1, which an empty array leaves open.
    found = matrix @ moved.reshape(moved.shape[0], math.prod(moved.shape[1:]))
    return np.moveaxis(found.reshape(-1, *moved.shape[1:]), 0, axis)
