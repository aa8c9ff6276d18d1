"""Edges between two sides, listed: the explicit representation of a part of the graph."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import WiringError
from masktopo.kernels import compose, paths

__all__ = ["FACTORS", "Edges", "Marks", "Sums", "composed", "edges_of_pairs", "transposed"]

FACTORS = ("multiplicity", "l1", "l2", "taps")
"""What a path takes along an edge: its multiplicity, the sum of ``|w|`` or of ``w**2``, or of
the derivatives of the latter: squared coefficients of views, every weight taken as 1."""

Marks = NDArray[np.bool_]

Sums = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Mantissas and exponents of sums over paths: see `masktopo.kernels.paths`."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges in CSR form by left node.

    Attributes
    ----------
    n_left, n_right : int
    indptr : ndarray of int64, shape (n_left + 1,)
    indices : ndarray of unsigned int, shape (n_edges,)
        Ascending within a row, no node twice.
    multiplicity : ndarray of uint32, shape (n_edges,), or None
        Ways behind each edge: nonzero weights, places in overlapping windows. None: all 1.
    weights, squares : ndarray of float, shape (n_edges,), or None
        Sums of absolute and of squared weights. Where `known`, no weights stand for all 1, and
        no squares for those of the weights.
    known : bool
        Whether weights are known.
    taps : ndarray of float64, shape (n_edges,), or None
        Sums of the squared coefficients with which the weights behind an edge read the left
        node; None where they are the multiplicities.
    """

    n_left: int
    n_right: int
    indptr: NDArray[np.int64]
    indices: NDArray[np.unsignedinteger]
    multiplicity: NDArray[np.uint32] | None = None
    weights: NDArray[np.floating] | None = None
    squares: NDArray[np.floating] | None = None
    known: bool = True
    taps: NDArray[np.float64] | None = None

    @property
    def n_edges(self) -> int:
        """Number of edges, multiplicities not counted."""
        return self.indices.size

    @property
    def out_degrees(self) -> NDArray[np.int64]:
        """Edges that leave each left node."""
        return np.diff(self.indptr)

    @property
    def in_degrees(self) -> NDArray[np.int64]:
        """Edges that land on each right node."""
        return np.bincount(self.indices, minlength=self.n_right)

    def factors(self, kind: str) -> NDArray[Any]:
        """Return one number an edge: see `FACTORS`.

        Raises
        ------
        WiringError
            If weights are asked for and unknown.
        """
        values = self._stored(kind)
        return np.ones(self.n_edges, np.uint8) if values is None else values

    def _stored(self, kind: str) -> NDArray[Any] | None:
        """Return the factors, or None where all are 1."""
        if kind == "multiplicity" or (kind == "taps" and self.taps is None):
            return self.multiplicity
        if kind == "taps":
            return self.taps
        if not self.known:
            raise WiringError("weights were asked for that are unknown")
        if kind == "l1" or self.weights is None:
            return self.weights
        return self.weights.astype(np.float64) ** 2 if self.squares is None else self.squares

    def rows(self, first: int, last: int) -> "Edges":
        """Take the left nodes ``first`` up to ``last``, without a copy but for the pointers."""
        if (first, last) == (0, self.n_left):
            return self
        part = slice(int(self.indptr[first]), int(self.indptr[last]))
        return replace(
            self._taken(part),
            n_left=last - first,
            indptr=self.indptr[first : last + 1] - part.start,
            indices=self.indices[part],
        )

    def _taken(self, places: Any) -> "Edges":
        """Take the factors at `places`."""

        def take(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[places]

        return replace(
            self,
            multiplicity=take(self.multiplicity),
            weights=take(self.weights),
            squares=take(self.squares),
            taps=take(self.taps),
        )

    def reach_forward(self, left: Marks, right: Marks) -> None:
        """Mark the right nodes of all marked left nodes."""
        paths.reach_forward(self.indptr, self.indices, left, right)

    def reach_backward(self, left: Marks, right: Marks) -> None:
        """Mark the left nodes of all marked right nodes."""
        paths.reach_backward(self.indptr, self.indices, left, right)

    def live_edges(self, left: Marks, right: Marks) -> int:
        """Return the number of edges between marked nodes."""
        ones = np.ones(self.n_edges, np.uint8)
        return int(paths.count_live(self.indptr, self.indices, ones, left, right))

    def push(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the left sums times the edges' factors to the right ones."""
        paths.push_forward(self.indptr, self.indices, self.factors(kind), *left, *right)

    def pull(self, kind: str, left: Sums, right: Sums) -> None:
        """Add the right sums times the edges' factors to the left ones."""
        paths.pull_backward(self.indptr, self.indices, self.factors(kind), *left, *right)


def edges_of_pairs(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    n_left: int,
    n_right: int,
    *,
    coefficients: NDArray[np.float64] | None = None,
    distinct: bool = False,
) -> Edges:
    """List pairs as edges, in any order; a pair that comes several times is a multiple edge.

    Parameters
    ----------
    left, right : ndarray of int64, shape (n,)
    n_left, n_right : int
    coefficients : ndarray of float64, shape (n,), optional
        Weights; 1 by default.
    distinct : bool
        Whether a pair counts once however often it comes.

    Notes
    -----
    O(n log n).
    """
    codes = left * max(n_right, 1) + right
    pairs, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rows, columns = pairs // max(n_right, 1), pairs % max(n_right, 1)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_left))])
    single = distinct or not (counts > 1).any()
    plain = coefficients is None
    ones = np.ones(codes.size) if coefficients is None else coefficients
    sums = np.bincount(place, ones, pairs.size).astype(np.float64)
    squares = np.bincount(place, ones**2, pairs.size).astype(np.float64)
    return Edges(
        n_left,
        n_right,
        indptr.astype(np.int64),
        columns.astype(np.uint32),
        multiplicity=None if single else counts.astype(np.uint32),
        weights=None if single and plain else sums,
        squares=None if single else squares,
    )


def composed(first: Edges, second: Edges) -> Edges:
    """Join ``first`` and ``second`` end to end: every path of two edges, merged into one edge.

    Parameters
    ----------
    first, second : Edges
        The right side of the first is the left side of the second.

    Notes
    -----
    Edges of weight 0 stay. Multiplicities, weights and squares multiply along a path and add up
    over paths. O(paths of two edges), twice; memory of the result, twice.
    """
    seen = np.full(second.n_right, -1)
    indptr = np.zeros(first.n_left + 1, np.int64)
    ends = first.indptr, first.indices, second.indptr, second.indices
    compose.count_product(*ends, seen, indptr)
    indices = np.empty(int(indptr[-1]), np.uint32)
    seen.fill(-1)
    compose.fill_product(*ends, seen, indices)
    known = first.known and second.known

    def values(kind: str, left: str = "") -> NDArray[np.float64]:
        factors = first.factors(left or kind), second.factors(kind)
        return _products(first, second, factors, indptr, indices)

    found = Edges(
        first.n_left,
        second.n_right,
        indptr,
        indices,
        multiplicity=values("multiplicity").astype(np.uint32),
        weights=values("l1") if known else None,
        squares=values("l2") if known else None,
        known=known,
        taps=None if first.weights is None else values("taps", "l2"),
    )
    return transposed(transposed(found))


def _products(
    first: Edges,
    second: Edges,
    factors: tuple[NDArray[Any], NDArray[Any]],
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
) -> NDArray[np.float64]:
    values, sums = np.empty(indices.size), np.zeros(second.n_right)
    left = first.indptr, first.indices, factors[0]
    right = second.indptr, second.indices, factors[1]
    compose.fill_values(*left, *right, indptr, indices, sums, values)
    return values


def transposed(edges: Edges) -> Edges:
    """Turn the edges around; rows come out in ascending order. O(edges)."""
    indptr = np.concatenate([[0], np.cumsum(edges.in_degrees)]).astype(np.int64)
    rows, order = np.empty(edges.n_edges, np.uint32), np.empty(edges.n_edges, np.int64)
    compose.by_column(edges.indptr, edges.indices, indptr[:-1].copy(), rows, order)
    taken = edges._taken(order)
    return replace(taken, n_left=edges.n_right, n_right=edges.n_left, indptr=indptr, indices=rows)
