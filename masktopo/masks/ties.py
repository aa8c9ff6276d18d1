"""Tied parameters: one layer with several names."""

from collections.abc import Hashable, Iterable
from dataclasses import replace

import numpy as np

from masktopo.masks.layer import LayerMask

__all__ = ["merge_ties"]


def merge_ties(layers: Iterable[tuple[LayerMask, Hashable | None]]) -> list[LayerMask]:
    """Merge layers of one parameter into the first of them, whose aliases the others become.

    Each layer comes with the identity of its parameter, None where it is nobody else's. Layers
    of one parameter under different masks, as ``torch.nn.utils.prune`` makes them, stay apart.

    Examples
    --------
    >>> first, second = LayerMask("a", np.eye(2, dtype=bool)), LayerMask("b", np.eye(2, dtype=bool))
    >>> [(layer.name, layer.aliases) for layer in merge_ties([(first, 7), (second, 7)])]
    [('a', ('b',))]
    """
    merged: list[LayerMask] = []
    place: dict[Hashable, int] = {}
    for layer, parameter in layers:
        first = place.get(parameter) if parameter is not None else None
        if first is not None and np.array_equal(merged[first].mask, layer.mask):
            aliases = (*merged[first].aliases, layer.name)
            merged[first] = replace(merged[first], aliases=aliases)
            continue
        if parameter is not None:
            place.setdefault(parameter, len(merged))
        merged.append(layer)
    return merged
