"""Sets of nodes that show how small an expansion can be: cuts from sweeps, sets grown greedily."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo._random import stream
from masktopo.kernels import expansion as kernels
from masktopo.metrics.expansion_sides import Rows, Sides

__all__ = [
    "Witness",
    "component_cuts",
    "smallest_left_set",
    "sweep_cuts",
    "witness_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = 12
"""Left nodes from which sets are grown, on graphs of up to a million edges."""

GROWN_EDGES = 3e7
"""Edges that all growing together may read; two sets are grown in any case."""


@dataclass(frozen=True, eq=False)
class Witness:
    """A set of nodes and the ratio that it shows.

    Attributes
    ----------
    value : float
        The ratio; nan where nothing is defined.
    left, right : ndarray of int64
        Nodes of the set in the graph's own numbering, ascending. A set that shows a node
        expansion has left nodes only.
    """

    value: float
    left: Ints
    right: Ints


def witness_of(sides: Sides, value: float, member: NDArray[np.bool_]) -> Witness:
    """Name the members of a set, which is given over all nodes, left first."""
    left, right = member[: sides.n_left], member[sides.n_left :]
    return Witness(float(value), sides.left_nodes[left], sides.right_nodes[right])


# --- cuts ----------------------------------------------------------------------------------


def sweep_cuts(sides: Sides, scores: Iterable[Floats]) -> tuple[Witness, Witness]:
    """Best cuts among the prefixes of every order of nodes, by conductance and edge expansion.

    Parameters
    ----------
    sides : Sides
    scores : iterable of ndarray of float64, shape (n_left + n_right,)
        Each sorts all nodes, ties by number.

    Returns
    -------
    tuple of Witness
        The cut of least conductance, of at most half the volume, and that of least edge
        expansion, of at most half the nodes.

    Notes
    -----
    O(n_edges + n log n) for each order.
    """
    found = [_sweep(sides, np.argsort(score, kind="stable")) for score in scores]
    conductance = min((pair[0] for pair in found), key=lambda cut: cut.value)
    expansion = min((pair[1] for pair in found), key=lambda cut: cut.value)
    return conductance, expansion


def _sweep(sides: Sides, order: Ints) -> tuple[Witness, Witness]:
    n = order.size
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    left_rank, right_rank = rank[: sides.n_left], rank[sides.n_left :]
    cuts = np.zeros(n, np.int64)
    rows = sides.by_left
    kernels.cut_changes(rows.indptr, rows.indices, left_rank, right_rank, cuts)
    cuts = np.cumsum(cuts)[:-1]
    volumes = np.cumsum(sides.degrees[order])[:-1]
    sizes = np.arange(1, n)
    by_volume = _best_prefix(sides, rank, cuts, volumes, 2 * sides.n_edges)
    return by_volume, _best_prefix(sides, rank, cuts, sizes, n)


def _best_prefix(sides: Sides, rank: Ints, cuts: Ints, sizes: Ints, total: int) -> Witness:
    """Return the prefix, or the rest where that is smaller, of least cut over size."""
    ratios = cuts / np.minimum(sizes, total - sizes)
    best = int(np.argmin(ratios))
    member = rank <= best
    return witness_of(sides, ratios[best], member if 2 * sizes[best] <= total else ~member)


def component_cuts(sides: Sides) -> tuple[Witness, Witness]:
    """Components of least volume and of fewest nodes, which nothing joins to the rest."""
    components = sides.components
    volumes = np.bincount(components, weights=sides.degrees)
    sizes = np.bincount(components)
    return (
        witness_of(sides, 0.0, components == np.argmin(volumes)),
        witness_of(sides, 0.0, components == np.argmin(sizes)),
    )


# --- left sets -----------------------------------------------------------------------------


def smallest_left_set(sides: Sides, scores: Iterable[Floats], seed: int) -> Witness:
    """Find a left set, of at most half the left nodes, with few neighbours for its size.

    Parameters
    ----------
    sides : Sides
        With at least two left nodes.
    scores : iterable of ndarray of float64, shape (n_left + n_right,)
        Orders to sweep, in both directions.
    seed : int
        For the starts of grown sets.

    Returns
    -------
    Witness

    Notes
    -----
    Prefixes of some orders of left nodes and of sets grown from single nodes, each O(n_edges).
    """
    half = sides.n_left // 2
    best = (np.inf, np.zeros(0, np.int64))
    for order in _orders(sides, list(scores), seed):
        ratios = _expansions(sides.by_left, sides.n_right, order[:half])
        least = int(np.argmin(ratios))
        if ratios[least] < best[0]:
            best = (float(ratios[least]), order[: least + 1])
    nodes = np.sort(sides.left_nodes[best[1]])
    return Witness(best[0], nodes, np.zeros(0, np.int64))


def _expansions(rows: Rows, n_right: int, order: Ints) -> Floats:
    seen = np.zeros(n_right, np.bool_)
    counts = np.empty(order.size, np.int64)
    kernels.count_neighbours(rows.indptr, rows.indices, order, seen, counts)
    return counts / np.arange(1, order.size + 1)


def _orders(sides: Sides, scores: list[Floats], seed: int) -> Iterator[Ints]:
    """Orders of left nodes: by score, by what the right nodes' scores enclose, and grown."""
    left, right = sides.by_left.degrees, sides.by_right.degrees
    starts = [int(np.argmin(left))]
    yield np.argsort(left, kind="stable")
    yield _enclosed(sides, -right)
    for score in scores:
        order = np.argsort(score[: sides.n_left], kind="stable")
        starts += [int(order[0]), int(order[-1])]
        yield order
        yield order[::-1]
        yield _enclosed(sides, score[sides.n_left :])
        yield _enclosed(sides, -score[sides.n_left :])
    drawn = stream(seed, 2).choice(sides.n_left, min(STARTS, sides.n_left), replace=False)
    count = min(STARTS, max(2, int(GROWN_EDGES / sides.n_edges)))
    for start in list(dict.fromkeys([*starts, *drawn.tolist()]))[:count]:
        yield _grown(sides, start)


def _enclosed(sides: Sides, score: NDArray[np.number]) -> Ints:
    """Left nodes in the order in which the right nodes, joined by score, enclose them."""
    rank = np.empty(sides.n_right, np.int64)
    rank[np.argsort(score, kind="stable")] = np.arange(sides.n_right)
    last = np.empty(sides.n_left, np.int64)
    kernels.last_ranks(sides.by_left.indptr, sides.by_left.indices, rank, last)
    return np.argsort(last, kind="stable")


def _grown(sides: Sides, start: int) -> Ints:
    order = np.empty(sides.n_left // 2, np.int64)
    rows, turned = sides.by_left, sides.by_right
    kernels.grow(rows.indptr, rows.indices, turned.indptr, turned.indices, start, order)
    return order
