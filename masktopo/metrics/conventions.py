"""The three published conventions of the spectral coordinates (section 2 of the definitions)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice

__all__ = ["CONVENTIONS", "Convention", "convention_named"]

Array = NDArray[np.float64]
Test = Callable[[Array, Array], NDArray[np.bool_]]


@dataclass(frozen=True)
class Convention:
    """How one paper's code counts: which graphs are valid, and how gaps are averaged.

    Attributes
    ----------
    name : str
    least_nodes : int
        Left nodes that a degree class needs.
    whole_valid : callable
        Test of the mean degrees ``(left, right)`` of the whole layer.
    part_edges : tuple of int
        ``(a, b)``: a subgraph is valid if it has at least ``a n_R + b`` edges, which says how
        large its right degrees must be on average. Its left degree is at least 3 always.
    size_factor : bool
        Whether a subgraph's gap is multiplied by ``max(n_L, n_R) / (n_L + n_R - 1)``.
    relative_gap : bool
        Whether the Ramanujan gap is divided by its bound.
    """

    name: str
    least_nodes: int
    whole_valid: Test
    part_edges: tuple[int, int]
    size_factor: bool
    relative_gap: bool


def _both_at_least_three(left: Array, right: Array) -> NDArray[np.bool_]:
    return (left >= 3) & (right >= 3)


CONVENTIONS = {
    "pags23": Convention(
        name="pags23",
        least_nodes=2,
        # The published code transposes the whole layer, so the sides trade places.
        whole_valid=lambda left, right: (right >= 3) & (left > 1),
        part_edges=(1, 1),  # a right mean above 1
        size_factor=True,
        relative_gap=False,
    ),
    "rama23": Convention(
        name="rama23",
        least_nodes=3,
        whole_valid=_both_at_least_three,
        part_edges=(3, 0),  # a right mean of at least 3
        size_factor=False,
        relative_gap=False,
    ),
    "mge24": Convention(
        name="mge24",
        least_nodes=1,
        whole_valid=_both_at_least_three,
        part_edges=(3, 0),  # a right mean of at least 3
        size_factor=False,
        relative_gap=True,
    ),
}


def convention_named(name: str) -> Convention:
    """Return the convention of that name, or raise with the names there are."""
    check_choice("convention", name, CONVENTIONS)
    return CONVENTIONS[name]
