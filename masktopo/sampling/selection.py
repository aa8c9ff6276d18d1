"""Which candidates win: pure functions over the values of all candidates and layers.

Section 9, step 4 of the definitions. Coordinates that are not finite count as 0. Of any other
score, nan is the lowest: what has none does not win for that. Infinities are what they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SELECTIONS", "TIES", "Selection", "counted", "fold_layers", "select_network"]

SELECTIONS = ("layer", "network")
TIES = ("first", "published")

Values = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Selection:
    """The outcome of a selection.

    Parameters
    ----------
    winners : ndarray of int64, shape (n_layers,)
        The candidate from which each layer is taken.
    accepted : ndarray of bool, shape (n_candidates, n_layers)
        Whether a candidate's layer was the best when its turn came; True for all of ticket 0.
    """

    winners: NDArray[np.int64]
    accepted: NDArray[np.bool_]


def fold_layers(
    imdb: Values,
    score: Values,
    valid: NDArray[np.bool_],
    *,
    ties: str = "first",
    of_coordinates: bool = True,
) -> Selection:
    """Choose every layer for itself.

    Candidates are folded in the order of their index, from ticket 0 on. A candidate's layer
    takes the place of the best so far when both its `imdb` and its `score` are at least the
    best's and one is greater. An invalid layer never takes the place of a valid one, and where
    both are invalid the best stays.

    Parameters
    ----------
    imdb, score : ndarray of float, shape (n_candidates, n_layers)
        Row 0 is ticket 0.
    valid : ndarray of bool, shape (n_candidates, n_layers)
        Whether the layer's coordinate is valid.
    ties : {"first", "published"}
        Whether a layer that is equal in both values leaves the best in place, or takes its
        place as in the published code.
    of_coordinates : bool
        Whether `score` is one, or `full_spectrum`; see `counted`.

    Returns
    -------
    Selection

    Notes
    -----
    What is chosen is non-dominated among the candidates, but depends on their order.
    Cost: O(n_candidates * n_layers).

    Examples
    --------
    >>> imdb = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 1.0]])
    >>> score = np.array([[1.0, 1.0], [1.0, 0.5], [3.0, 1.0]])
    >>> fold_layers(imdb, score, np.ones((3, 2), dtype=bool)).winners.tolist()
    [2, 0]

    References
    ----------
    D. Hoang et al., *Don't just prune by magnitude! Your mask topology is a secret weapon*,
    NeurIPS 2023, algorithm 1.
    """
    gap = counted(imdb, of_coordinates=True)
    value = counted(score, of_coordinates=of_coordinates)
    layers = np.arange(imdb.shape[1])
    winners = np.zeros(layers.size, dtype=np.int64)
    accepted = np.zeros(imdb.shape, dtype=bool)
    accepted[0] = True
    for index in range(1, len(imdb)):
        best_gap, best_value = gap[winners, layers], value[winners, layers]
        no_worse = (gap[index] >= best_gap) & (value[index] >= best_value)
        greater = (gap[index] > best_gap) | (value[index] > best_value)
        # Covers both rules of validity: only a valid layer ever takes a place.
        takes = valid[index] & no_worse & (greater | (ties == "published"))
        winners[takes], accepted[index] = index, takes
    return Selection(winners, accepted)


def select_network(score: Values, *, of_coordinates: bool = True) -> Selection:
    """Choose the whole mask of the greatest mean score over its layers.

    Parameters
    ----------
    score : ndarray of float, shape (n_candidates, n_layers)
        Row 0 is ticket 0. The mean is the network's value in a `TopologyReport`.
    of_coordinates : bool
        Whether `score` is one, or `full_spectrum`; see `counted`. Of other scores, a layer that
        is equally infinite in all candidates is left out, since it tells none from another.

    Returns
    -------
    Selection
        All winners are equal: the candidate of the greatest mean, the lowest index of equals.

    Examples
    --------
    >>> select_network(np.array([[1.0, 1.0], [3.0, 1.0], [np.nan, 3.0]])).winners
    array([1, 1])
    >>> lowest = np.array([[-5.0, 1.0], [-np.inf, 9.0], [np.nan, 9.0]])
    >>> select_network(lowest, of_coordinates=False).winners
    array([0, 0])
    """
    values = counted(score, of_coordinates=of_coordinates)
    values = np.where(np.isinf(values) & (values == values[0]).all(axis=0), 0.0, values)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        means = counted(values.mean(axis=1), of_coordinates=False)
    better = np.concatenate([[True], means[1:] > np.maximum.accumulate(means)[:-1]])
    accepted = np.repeat(better[:, None], score.shape[1], axis=1)
    return Selection(np.full(score.shape[1], np.argmax(means), dtype=np.int64), accepted)


def counted(values: Values, *, of_coordinates: bool) -> Values:
    """Return values as numbers to compare.

    Parameters
    ----------
    values : ndarray of float
    of_coordinates : bool
        Whether they are coordinates or `full_spectrum`, of which what is not finite counts as 0.
        Of other values nan counts as the lowest.

    Examples
    --------
    >>> counted(np.array([1.0, np.nan, -np.inf]), of_coordinates=False)
    array([  1., -inf, -inf])
    """
    if of_coordinates:
        return np.where(np.isfinite(values), values, 0.0)
    return np.where(np.isnan(values), -np.inf, values)
