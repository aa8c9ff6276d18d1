"""Views: how the elements of a tensor are made of the nodes of a network.

Between two parametric layers a tensor is a linear function of node values once activations and
normalisations are the identity, pools are window sums and joins are additions. A view is that
function as an expression of a few operations, so that it can be saved, evaluated on values, or
written out as edges: `Read` names a node set; `Reshape`, `Permute`, `Join` re-index; `Along` maps
one axis (slices, pools, interpolation, broadcasts, sums); `Sum` adds; `Blank` holds constants.

Shapes include the batch axis, of size 1.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import WiringError

__all__ = [
    "OUTPUT",
    "Along",
    "AxisMap",
    "Blank",
    "Join",
    "Permute",
    "Read",
    "Reshape",
    "Shape",
    "Sum",
    "View",
    "children",
    "leaves",
    "output_shape",
    "restricted",
]

Shape = tuple[int, ...]

OUTPUT = ""
"""What a view reads that stands for a layer's own output: see `masktopo.graphs.wiring.Link`."""


@dataclass(frozen=True)
class AxisMap:
    """A sparse matrix that maps one axis: output ``i`` adds up the inputs of row ``i``.

    Parameters
    ----------
    size : int
        Length of the axis before the map.
    indptr, indices : tuple of int
        Rows in CSR form.
    coefficients : tuple of float or None
        One nonzero number an entry, for weighted path metrics (an average over a window has
        ``1 / window``); None where all are 1. Path counts take every entry as 1.
    """

    size: int
    indptr: tuple[int, ...]
    indices: tuple[int, ...]
    coefficients: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.indices and not 0 <= min(self.indices) <= max(self.indices) < self.size:
            raise WiringError(f"an axis of {self.size} is read at {max(self.indices)}")

    @classmethod
    def taking(cls, size: int, taken: Iterable[int]) -> "AxisMap":
        """Map output ``i`` to the one input ``taken[i]``; -1 stands for a constant."""
        places = list(taken)
        indptr = np.cumsum([0, *(place >= 0 for place in places)]).tolist()
        return cls(size, tuple(indptr), tuple(place for place in places if place >= 0))

    @classmethod
    def rows(
        cls,
        size: int,
        rows: Iterable[Sequence[int]],
        coefficients: Iterable[Sequence[float]] | None = None,
    ) -> "AxisMap":
        """Map output ``i`` to all inputs in ``rows[i]``."""
        lines = [tuple(row) for row in rows]
        indptr = np.cumsum([0, *map(len, lines)]).tolist()
        weights = None
        if coefficients is not None:
            weights = tuple(float(number) for row in coefficients for number in row)
        return cls(size, tuple(indptr), tuple(int(at) for row in lines for at in row), weights)

    @property
    def n_rows(self) -> int:
        """Length of the axis after the map."""
        return len(self.indptr) - 1

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Row pointers, indices and absolute coefficients."""
        values = np.ones(len(self.indices)) if self.coefficients is None else self.coefficients
        indptr, indices = np.array(self.indptr, np.int64), np.array(self.indices, np.int64)
        return indptr, indices, np.abs(np.array(values, np.float64))


@dataclass(frozen=True)
class Read:
    """The nodes of one set, in the shape of their tensor."""

    nodes: str
    shape: Shape


@dataclass(frozen=True)
class Blank:
    """Elements that no node feeds: constants, padding."""

    shape: Shape


@dataclass(frozen=True)
class Reshape:
    """The same elements in row-major order under another shape."""

    of: "View"
    shape: Shape

    def __post_init__(self) -> None:
        if math.prod(self.shape) != math.prod(self.of.shape):
            raise WiringError(f"a view of shape {self.of.shape} has no shape {self.shape}")


@dataclass(frozen=True)
class Permute:
    """Axes in another order, as `numpy.transpose` has it."""

    of: "View"
    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.axes) != list(range(len(self.of.shape))):
            raise WiringError(f"{self.axes} permutes no view of shape {self.of.shape}")

    @cached_property
    def shape(self) -> Shape:
        """Shape of the result."""
        return tuple(self.of.shape[axis] for axis in self.axes)


@dataclass(frozen=True)
class Along:
    """One axis mapped by a sparse matrix."""

    of: "View"
    axis: int
    map: AxisMap

    def __post_init__(self) -> None:
        if not 0 <= self.axis < len(self.of.shape) or self.of.shape[self.axis] != self.map.size:
            raise WiringError(
                f"a map of {self.map.size} inputs does not fit axis {self.axis} of {self.of.shape}"
            )

    @cached_property
    def shape(self) -> Shape:
        """Shape of the result."""
        before = self.of.shape
        return (*before[: self.axis], self.map.n_rows, *before[self.axis + 1 :])


@dataclass(frozen=True)
class Join:
    """Views one after another along an axis: a concatenation."""

    parts: tuple["View", ...]
    axis: int

    def __post_init__(self) -> None:
        others = {
            (*part.shape[: self.axis], *part.shape[self.axis + 1 :])
            for part in self.parts
            if 0 <= self.axis < len(part.shape)
        }
        if len(others) != 1 or len({len(part.shape) for part in self.parts}) != 1:
            shapes = [part.shape for part in self.parts]
            raise WiringError(f"views of shapes {shapes} do not join along axis {self.axis}")

    @cached_property
    def shape(self) -> Shape:
        """Shape of the result."""
        first = self.parts[0].shape
        length = sum(part.shape[self.axis] for part in self.parts)
        return (*first[: self.axis], length, *first[self.axis + 1 :])


@dataclass(frozen=True)
class Sum:
    """Views of one shape, added up."""

    parts: tuple["View", ...]

    def __post_init__(self) -> None:
        shapes = [part.shape for part in self.parts]
        if len(set(shapes)) != 1:
            raise WiringError(f"views of shapes {shapes} cannot be added")

    @cached_property
    def shape(self) -> Shape:
        """Shape of the result."""
        return self.parts[0].shape


View = Read | Blank | Reshape | Permute | Along | Join | Sum


def children(view: View) -> tuple[View, ...]:
    """Return the views that `view` is made of."""
    if isinstance(view, Join | Sum):
        return view.parts
    return () if isinstance(view, Read | Blank) else (view.of,)


def leaves(view: View) -> tuple[str, ...]:
    """Return the names of the node sets that `view` reads, each once, in order."""
    if isinstance(view, Read):
        return (view.nodes,)
    return tuple(dict.fromkeys(name for part in children(view) for name in leaves(part)))


def restricted(view: View, nodes: str) -> View:
    """Return what `view` reads of one node set, all else blank.

    Examples
    --------
    >>> both = Sum((Read("a", (2,)), Along(Read("b", (3,)), 0, AxisMap.taking(3, [2, 0]))))
    >>> restricted(both, "a")
    Read(nodes='a', shape=(2,))
    """
    if nodes not in leaves(view):
        return Blank(view.shape)
    if isinstance(view, Join):
        return Join(tuple(restricted(part, nodes) for part in view.parts), view.axis)
    if isinstance(view, Sum):
        parts = tuple(restricted(part, nodes) for part in view.parts if nodes in leaves(part))
        return parts[0] if len(parts) == 1 else Sum(parts)
    if isinstance(view, Reshape):
        return Reshape(restricted(view.of, nodes), view.shape)
    if isinstance(view, Permute):
        return Permute(restricted(view.of, nodes), view.axes)
    return (
        Along(restricted(view.of, nodes), view.axis, view.map) if isinstance(view, Along) else view
    )


def output_shape(through: View) -> Shape:
    """Return the shape of the output that a view reads: see `OUTPUT`."""
    found = through
    while not isinstance(found, Read):
        found = next(part for part in children(found) if OUTPUT in leaves(part))
    return found.shape
