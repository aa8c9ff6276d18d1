"""Views made from views, in their simplest form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from masktopo.graphs.views import (
    Along,
    AxisMap,
    Blank,
    Join,
    Permute,
    Read,
    Reshape,
    Sum,
    View,
    leaves,
)

__all__ = [
    "along",
    "broadcast",
    "joined",
    "one_to_one",
    "permuted",
    "reshaped",
    "substituted",
    "summed",
    "taken",
    "undone",
    "with_last_axis",
]


def reshaped(view: View, shape: Sequence[int]) -> View:
    """Return the same elements in row-major order under another shape.

    Examples
    --------
    >>> reshaped(reshaped(Read("a", (1, 6)), (2, 3)), (1, 6))
    Read(nodes='a', shape=(1, 6))
    """
    wanted = tuple(shape)
    while isinstance(view, Reshape):
        view = view.of
    if view.shape == wanted:
        return view
    return Blank(wanted) if isinstance(view, Blank) else Reshape(view, wanted)


def permuted(view: View, axes: Sequence[int]) -> View:
    """Return the axes in another order, as `numpy.transpose` has it; negative axes count back.

    Examples
    --------
    >>> permuted(permuted(Read("a", (1, 2, 3)), (0, 2, 1)), (0, -1, -2))
    Read(nodes='a', shape=(1, 2, 3))
    """
    order = tuple(axis % len(view.shape) for axis in axes)
    if isinstance(view, Permute):
        order = tuple(view.axes[axis] for axis in order)
        view = view.of
    if order == tuple(range(len(order))):
        return view
    if isinstance(view, Blank):
        return Blank(tuple(view.shape[axis] for axis in order))
    return Permute(view, order)


def along(view: View, axis: int, rows: AxisMap) -> View:
    """Map one axis by a sparse matrix; a negative axis counts back."""
    place = axis % len(view.shape)
    if rows == AxisMap.taking(rows.size, range(rows.size)):
        return view
    found = Along(view, place, rows)
    return Blank(found.shape) if isinstance(view, Blank) else found


def taken(view: View, axis: int, places: Iterable[int]) -> View:
    """Take elements along an axis, one a place; -1 stands for a constant.

    Examples
    --------
    >>> taken(Read("a", (1, 3)), -1, [0, 1, 2])
    Read(nodes='a', shape=(1, 3))
    """
    return along(view, axis, AxisMap.taking(view.shape[axis], places))


def broadcast(view: View, shape: Sequence[int]) -> View:
    """Repeat a view along new leading axes and axes of length 1, as numpy does."""
    missing = len(shape) - len(view.shape)
    found = reshaped(view, (1,) * missing + view.shape)
    for axis, length in enumerate(shape):
        if found.shape[axis] != length:
            found = taken(found, axis, [0] * length)
    return found


def joined(parts: Sequence[View], axis: int) -> View:
    """Put views one after another along an axis."""
    if len(parts) == 1:
        return parts[0]
    found = Join(tuple(parts), axis % len(parts[0].shape))
    return found if leaves(found) else Blank(found.shape)


def summed(parts: Sequence[View]) -> View:
    """Add up views of one shape; constants add nothing."""
    flat: list[View] = []
    for part in parts:
        flat += part.parts if isinstance(part, Sum) else [part]
    fed = [part for part in flat if leaves(part)]
    if not fed:
        return parts[0]
    return fed[0] if len(fed) == 1 else Sum(tuple(fed))


def one_to_one(view: View) -> str | None:
    """Return the node set whose elements a view holds, each once; None if it holds others.

    Examples
    --------
    >>> flipped = taken(Read("a", (1, 2)), 1, [1, 0])
    >>> one_to_one(reshaped(flipped, (2,))), one_to_one(taken(flipped, 1, [0]))
    ('a', None)
    """
    while not isinstance(view, Read):
        if isinstance(view, Along):
            if not _is_permutation(view.map):
                return None
        elif not isinstance(view, Reshape | Permute):
            return None
        view = view.of
    return view.nodes


def _is_permutation(rows: AxisMap) -> bool:
    every = list(range(rows.size))
    return (
        rows.n_rows == rows.size
        and list(rows.indptr) == [*every, rows.size]
        and (sorted(rows.indices) == every)
    )


def undone(view: View, other: View) -> View:
    """Bring `other`, element by element beside a one-to-one `view`, into the node set's order.

    Parameters
    ----------
    view : View
        One to one: see `one_to_one`.
    other : View
        Of the same shape.

    Returns
    -------
    View
        Of the shape of the node set; at every node, what `other` has where `view` has the node.

    Examples
    --------
    >>> turned = permuted(Read("a", (1, 2, 3)), (0, 2, 1))
    >>> undone(turned, Read("b", (1, 3, 2)))
    Permute(of=Read(nodes='b', shape=(1, 3, 2)), axes=(0, 2, 1))
    """
    while not isinstance(view, Read):
        if isinstance(view, Reshape):
            other = reshaped(other, view.of.shape)
        elif isinstance(view, Permute):
            other = permuted(other, np.argsort(view.axes).tolist())
        else:
            assert isinstance(view, Along)
            other = taken(other, view.axis, np.argsort(view.map.indices).tolist())
        view = view.of
    return other


def substituted(view: View, known: Mapping[str, View]) -> View:
    """Replace node sets by views of their shape."""
    if isinstance(view, Read):
        return known.get(view.nodes, view)
    if isinstance(view, Blank) or not set(known) & set(leaves(view)):
        return view
    if isinstance(view, Join):
        return joined([substituted(part, known) for part in view.parts], view.axis)
    if isinstance(view, Sum):
        return summed([substituted(part, known) for part in view.parts])
    inner = substituted(view.of, known)
    if isinstance(view, Reshape):
        return reshaped(inner, view.shape)
    if isinstance(view, Permute):
        return permuted(inner, view.axes)
    return along(inner, view.axis, view.map)


def with_last_axis(view: View, length: int) -> View:
    """Give every element, and the node sets behind it, one more axis of `length` at the end."""
    if isinstance(view, Read | Blank | Reshape):
        shape = (*view.shape, length)
        if isinstance(view, Reshape):
            return Reshape(with_last_axis(view.of, length), shape)
        return replace(view, shape=shape)
    if isinstance(view, Permute):
        return Permute(with_last_axis(view.of, length), (*view.axes, len(view.axes)))
    if isinstance(view, Along):
        return replace(view, of=with_last_axis(view.of, length))
    return replace(view, parts=tuple(with_last_axis(part, length) for part in view.parts))
