"""How a budget is divided among layers. Every rule is ``shape -> share``, a whole number.

A layer gets weights in proportion to its share. Layers that would get more than they have
become dense, and the rest is divided again among the others.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice
from masktopo.errors import PruningError

__all__ = ["DENSITIES", "layer_counts"]


def _uniform(shape: Sequence[int]) -> int:
    """Every layer gets the same density."""
    return prod(shape)


def _er(shape: Sequence[int]) -> int:
    """Density in proportion to ``(out + in) / (out * in)``; kernels play no part."""
    return (shape[0] + shape[1]) * prod(shape[2:])


def _erk(shape: Sequence[int]) -> int:
    """Density in proportion to ``(out + in + k1 + ...) / (out * in * k1 * ...)``."""
    return sum(shape)


DENSITIES: dict[str, Callable[[Sequence[int]], int]] = {
    "uniform": _uniform,
    "er": _er,
    "erk": _erk,
}
"""Every rule by which a budget is divided."""


def layer_counts(shapes: Sequence[Sequence[int]], total: int, rule: str) -> NDArray[np.int64]:
    """Divide `total` kept weights among layers.

    Parameters
    ----------
    shapes : sequence of shapes
        Of the weights, as the framework stores them: ``(out, in)`` or ``(out, in / groups,
        k1, ...)``. At least 2 dimensions each.
    total : int
        Weights to keep, at most as many as there are.
    rule : {"uniform", "er", "erk"}
        See `DENSITIES`.

    Returns
    -------
    ndarray of int64, shape (n_layers,)
        Counts that sum to exactly `total`; none is above its layer's size. Fractions go to the
        largest remainders, ties to the earlier layer. All in whole numbers, so exact.

    Raises
    ------
    PruningError
        If there are fewer weights than `total`.

    Examples
    --------
    >>> layer_counts([(100, 100), (10, 100)], 1100, "uniform").tolist()
    [1000, 100]
    >>> layer_counts([(100, 100), (10, 100)], 1100, "erk").tolist()
    [710, 390]
    >>> layer_counts([(100, 100), (2, 10)], 1100, "erk").tolist()
    [1080, 20]

    References
    ----------
    U. Evci et al., *Rigging the Lottery: Making All Tickets Winners*, ICML 2020, section 3 (ER
    and ERK).
    """
    check_choice("rule", rule, DENSITIES)
    sizes = [prod(shape) for shape in shapes]
    if total > sum(sizes):
        raise PruningError(f"cannot keep {total} of {sum(sizes)} weights")
    shares = [DENSITIES[rule](shape) for shape in shapes]
    dense = _dense_layers(shares, sizes, total)
    counts = np.array(sizes, dtype=np.int64)
    others = [place for place in range(len(sizes)) if place not in dense]
    rest = total - sum(sizes[place] for place in dense)
    counts[others] = _largest_remainders([shares[place] for place in others], rest)
    return counts


def _dense_layers(shares: Sequence[int], sizes: Sequence[int], total: int) -> set[int]:
    """Return the layers that become dense.

    A layer made dense frees weights for the others, so their densities only rise and no choice
    is ever taken back.
    """
    dense: set[int] = set()
    while True:
        others = [place for place in range(len(sizes)) if place not in dense]
        rest = total - sum(sizes[place] for place in dense)
        whole = sum(shares[place] for place in others)
        over = {place for place in others if rest * shares[place] > sizes[place] * whole}
        if not over:
            return dense
        dense |= over


def _largest_remainders(shares: Sequence[int], total: int) -> list[int]:
    """Divide `total` in proportion to `shares`, in whole numbers."""
    whole = sum(shares)
    parts = [divmod(total * share, whole) for share in shares]
    counts = [count for count, _ in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: -parts[place][1])
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return counts
