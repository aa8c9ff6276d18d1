"""Exact expansions of small graphs, by trying every set of nodes."""

import numpy as np
from numpy.typing import NDArray

from masktopo.kernels import expansion as kernels
from masktopo.metrics.expansion_cuts import Witness, witness_of
from masktopo.metrics.expansion_sides import Sides

__all__ = ["exact_cuts", "exact_left_set"]

Ints = NDArray[np.int64]


def exact_cuts(sides: Sides) -> tuple[Witness, Witness]:
    """Cuts of least conductance and of least edge expansion, of all. O(2^n)."""
    n = sides.degrees.size
    words = kernels.enumerate_cuts(_bit_sets(sides))
    found = []
    for word, measure in zip(words, (sides.degrees, np.ones(n, np.int64)), strict=True):
        member = _members(word, n)
        if 2 * measure[member].sum() > measure.sum():
            member = ~member
        left, right = member[: sides.n_left], member[sides.n_left :]
        mask = _dense(sides)
        cut = mask[left][:, ~right].sum() + mask[~left][:, right].sum()
        found.append(witness_of(sides, cut / measure[member].sum(), member))
    return found[0], found[1]


def exact_left_set(sides: Sides) -> Witness:
    """Return the left set of least node expansion, of all. O(2^n_left)."""
    word = kernels.enumerate_neighbourhoods(_bit_sets(sides)[: sides.n_left] >> sides.n_left)
    member = _members(word, sides.n_left)
    neighbours = _dense(sides)[member].any(axis=0).sum()
    return witness_of(
        sides, neighbours / member.sum(), np.append(member, np.zeros(sides.n_right, np.bool_))
    )


def _dense(sides: Sides) -> NDArray[np.bool_]:
    dense = np.zeros((sides.n_left, sides.n_right), np.bool_)
    dense[np.repeat(np.arange(sides.n_left), sides.by_left.degrees), sides.by_left.indices] = True
    return dense


def _bit_sets(sides: Sides) -> Ints:
    """Return the neighbours of every node as the bits of a word, left nodes lowest."""
    dense = _dense(sides).astype(np.int64)
    left = dense @ (1 << np.arange(sides.n_left, sides.degrees.size))
    return np.concatenate([left, dense.T @ (1 << np.arange(sides.n_left))])


def _members(word: int, n: int) -> NDArray[np.bool_]:
    return np.asarray((word >> np.arange(n)) & 1, np.bool_)
