"""Bringing a mask that mixes several draws back to its exact number of weights."""

import numpy as np
from numpy.typing import NDArray

from masktopo.masks.layer import BoolArray
from masktopo.pruning.budget import keep_highest

__all__ = ["repair"]


def repair(kept: BoolArray, standing: NDArray[np.floating], count: int) -> BoolArray:
    """Remove the surplus of the lowest standing, or grow the deficit of the highest.

    Parameters
    ----------
    kept : ndarray of bool, shape (n,)
        The mask over all prunable weights, flat.
    standing : ndarray of float, shape (n,)
        Ticket 0's order of the weights (`masktopo.pruning.choose.Choice.standing`); of equal
        ones the lower index stands higher.
    count : int
        Number of weights to end with.

    Returns
    -------
    ndarray of bool, shape (n,)
        Exactly `count` entries are True. Nothing is removed and grown at once.

    Examples
    --------
    >>> standing = np.array([3.0, 1.0, 2.0, 5.0])
    >>> repair(np.array([True, True, True, False]), standing, 2).tolist()
    [True, False, True, False]
    >>> repair(np.array([True, False, False, False]), standing, 2).tolist()
    [True, False, False, True]
    """
    repaired = kept.copy()
    there = np.flatnonzero(kept)
    if there.size >= count:
        repaired[there] = keep_highest(standing[there], count)
        return repaired
    absent = np.flatnonzero(~kept)
    repaired[absent] = keep_highest(standing[absent], count - there.size)
    return repaired
