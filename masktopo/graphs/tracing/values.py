"""What the tensors of a traced model are: flows of node values, constants, attention scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.views import View

__all__ = ["Aside", "Fixed", "Flow", "Scores", "Statistic", "Value", "WeightRef"]


@dataclass(frozen=True)
class Statistic:
    """What a statistic was taken of, for normalisations that are written out by hand.

    Attributes
    ----------
    of : View
    whole : bool
        Whether it was taken over whole axes (a mean), not over windows.
    """

    of: View
    whole: bool


@dataclass(frozen=True)
class Flow:
    """A tensor that depends on an input."""

    view: View
    statistic: Statistic | None = None


@dataclass(frozen=True)
class WeightRef:
    """A parameter, or some of its rows, its axes possibly turned.

    Attributes
    ----------
    parameter : str
        Its path in the model.
    axes : tuple of int or None
        By axis of the constant, which axis of the parameter it is; None for an added one.
    rows : tuple of int or None
        First and last (exclusive) place along the parameter's first axis.
    """

    parameter: str
    axes: tuple[int | None, ...]
    rows: tuple[int, int] | None = None

    @property
    def order(self) -> tuple[int, ...]:
        """The parameter's axes in the order in which the constant has them."""
        return tuple(axis for axis in self.axes if axis is not None)


@dataclass(frozen=True)
class Fixed:
    """A tensor that depends on no input.

    Attributes
    ----------
    node : torch.fx.Node
        Where it is computed, so that its values can be had where they matter.
    weight : WeightRef or None
        The parameter whose places its elements are.
    """

    node: Any
    weight: WeightRef | None = None


@dataclass(frozen=True, eq=False)
class Scores:
    """Products of queries and keys, for every head and pair of positions.

    Attributes
    ----------
    query, key : View
        Shapes ``(*heads, positions, channels)`` and ``(*heads, attended positions, channels)``.
    axes : tuple of int
        Where the tensor has its axes of positions and of attended positions; its others are the
        heads, in order.
    blocked : ndarray of bool or None
        Which pairs of positions a constant mask rules out, shape ``(*heads, positions, attended
        positions)``.
    """

    query: View
    key: View
    axes: tuple[int, int]
    blocked: NDArray[np.bool_] | None = None

    @property
    def order(self) -> tuple[int, ...]:
        """The tensor's axes: heads, positions, attended positions."""
        heads = (axis for axis in range(len(self.query.shape)) if axis not in self.axes)
        return (*heads, *self.axes)


@dataclass(frozen=True)
class Aside:
    """A tensor that carries no node on: places of maxima, scores that only the caller sees."""

    what: str


Value = Flow | Fixed | Scores | Aside
