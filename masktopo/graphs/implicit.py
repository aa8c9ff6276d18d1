"""Edges that are never listed: a link as a linear map of node values."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.edges import Marks, Sums
from masktopo.graphs.view_flow import carried, carried_back
from masktopo.graphs.views import View, output_shape
from masktopo.kernels import paths

__all__ = ["EdgeMap", "ImplicitEdges", "LayerMap"]

Values = NDArray[np.float64]

Degrees = tuple[NDArray[np.int64], NDArray[np.int64]]


class EdgeMap(Protocol):
    """What every representation of edges between two sides can do."""

    @property
    def n_edges(self) -> int:
        """Number of edges, multiplicities not counted."""

    @property
    def out_degrees(self) -> NDArray[np.int64]:
        """Edges that leave each left node."""

    @property
    def in_degrees(self) -> NDArray[np.int64]:
        """Edges that land on each right node."""

    def reach_forward(self, left: Marks, right: Marks) -> None:
        """Mark the right nodes of all marked left nodes."""

    def reach_backward(self, left: Marks, right: Marks) -> None:
        """Mark the left nodes of all marked right nodes."""

    def live_edges(self, left: Marks, right: Marks) -> int:
        """Return the number of edges between marked nodes."""

    def push(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the left sums times the edges' factors to the right ones."""

    def pull(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the right sums times the edges' factors to the left ones."""


class LayerMap(Protocol):
    """A layer as a linear map from the elements of its operand to those of its output."""

    def forward(self, values: Values, kind: str) -> Values:
        """Return what the outputs sum up."""

    def adjoint(self, values: Values, kind: str) -> Values:
        """Return what the operand's elements sum up of the outputs."""


@dataclass(frozen=True, eq=False)
class ImplicitEdges:
    """The edges of one link that leave one node set, as a map that never lists them.

    Attributes
    ----------
    n_left, n_right : int
    view : View
        What the link reads of the left side.
    layer : LayerMap or None
        None where an element is itself what lands.
    landing : View or None
        Which of the layer's outputs land on each right node; None where output ``i`` lands on
        node ``i``.
    counter : callable or None
        Gives both degree sequences of the edges between marked nodes, where edges cannot be told
        from multiplicities; None where they always can.
    """

    n_left: int
    n_right: int
    view: View
    layer: LayerMap | None
    landing: View | None
    counter: Callable[[Marks, Marks], Degrees] | None = field(repr=False)

    def forward(self, values: Values, kind: str) -> Values:
        """Return the sum of factor times left value over the edges into every right node."""
        found = carried(self.view, values, kind)
        if self.layer is not None:
            found = self.layer.forward(found.reshape(-1), _of_layer(kind))
        if self.landing is not None:
            found = carried(self.landing, found, kind)
        return found.reshape(-1)

    def adjoint(self, values: Values, kind: str) -> Values:
        """Return the sum of factor times right value over the edges out of every left node."""
        found = values
        if self.landing is not None:
            found = np.zeros(math.prod(output_shape(self.landing)))
            carried_back(self.landing, values.reshape(self.landing.shape), found, kind)
        if self.layer is not None:
            found = self.layer.adjoint(found.reshape(-1), _of_layer(kind))
        sums = np.zeros(self.n_left)
        carried_back(self.view, found.reshape(self.view.shape), sums, kind)
        return sums

    @property
    def n_edges(self) -> int:
        """Number of edges, multiplicities not counted."""
        return int(self.out_degrees.sum())

    @property
    def out_degrees(self) -> NDArray[np.int64]:
        """Edges that leave each left node."""
        return self._degrees[0]

    @property
    def in_degrees(self) -> NDArray[np.int64]:
        """Edges that land on each right node."""
        return self._degrees[1]

    @cached_property
    def _degrees(self) -> Degrees:
        ones = np.ones(self.n_left, np.bool_), np.ones(self.n_right, np.bool_)
        if self.counter is not None and self._feeds_several:
            return self.counter(*ones)
        leaving = self.adjoint(ones[1].astype(np.float64), "multiplicity")
        landing = self.forward(ones[0].astype(np.float64), "multiplicity")
        return leaving.astype(np.int64), landing.astype(np.int64)

    @cached_property
    def _feeds_several(self) -> bool:
        """Whether a left node feeds two elements, and so may reach a right node in two ways."""
        fed = np.zeros(self.n_left)
        carried_back(self.view, np.ones(self.view.shape), fed, "multiplicity")
        return bool(fed.max(initial=0) > 1)

    def live_edges(self, left: Marks, right: Marks) -> int:
        """Return the number of edges between marked nodes."""
        if self.counter is not None and self._feeds_several:
            return int(self.counter(left, right)[0].sum())
        return int(self.forward(left.astype(np.float64), "multiplicity")[right].sum())

    def reach_forward(self, left: Marks, right: Marks) -> None:
        """Mark the right nodes of all marked left nodes."""
        right |= self.forward(left.astype(np.float64), "multiplicity") > 0

    def reach_backward(self, left: Marks, right: Marks) -> None:
        """Mark the left nodes of all marked right nodes."""
        left |= self.adjoint(right.astype(np.float64), "multiplicity") > 0

    def push(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the left sums times the edges' factors to the right ones."""
        for exponent, values in _bands(left):
            paths.add_scaled(self.forward(values, kind), exponent, *right)

    def pull(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the right sums times the edges' factors to the left ones."""
        for exponent, values in _bands(right):
            paths.add_scaled(self.adjoint(values, kind), exponent, *left)


def _of_layer(kind: str) -> str:
    """Return the factor of the weights: in `taps` each counts as 1."""
    return "multiplicity" if kind == "taps" else kind


def _bands(sums: Sums) -> Iterator[tuple[int, Values]]:
    """Split sums by exponent, so that each part can pass a linear map; nearly always one part."""
    mantissa, exponent = sums
    for power in np.unique(exponent[mantissa != 0]).tolist():
        yield power, np.where(exponent == power, mantissa, 0.0)
