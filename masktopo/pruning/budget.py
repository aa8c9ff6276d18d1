"""Exact integer budgets: how many weights stay, and which are the highest."""

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_density
from masktopo.errors import PruningError
from masktopo.masks.layer import BoolArray

__all__ = ["keep_highest", "kept_count"]


def kept_count(density: float, size: int) -> int:
    """Return ``round(density * size)``, the exact number of weights that a mask keeps.

    Raises
    ------
    ArgumentError
        If `density` is not in (0, 1].
    PruningError
        If not a single weight would stay.

    Examples
    --------
    >>> kept_count(0.01, 1250)
    12
    """
    check_density(density)
    count = round(density * size)
    if count == 0:
        raise PruningError(
            f"density {density!r} of {size} weights keeps none: round(density * weights) is 0"
        )
    return count


def keep_highest(scores: NDArray[np.floating], count: int) -> BoolArray:
    """Mark the `count` highest scores, equal ones in favour of the lower index.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Free of nan.
    count : int
        Between 0 and n.

    Returns
    -------
    ndarray of bool, shape (n,)
        Exactly `count` entries are True.

    Notes
    -----
    O(n): a partition finds the threshold, and only scores equal to it are ordered by index.

    Examples
    --------
    >>> keep_highest(np.array([1.0, 3.0, 1.0, 1.0]), 2).tolist()
    [True, True, False, False]
    """
    if count == 0:
        return np.zeros(scores.size, dtype=bool)
    place = scores.size - count
    threshold = np.partition(scores, place)[place]
    kept: BoolArray = scores > threshold
    short = count - int(np.count_nonzero(kept))
    kept[np.flatnonzero(scores == threshold)[:short]] = True
    return kept
