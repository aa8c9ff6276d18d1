"""How many weights stay after every round of scoring."""

from collections.abc import Sequence

import numpy as np

from masktopo.pruning.budget import kept_count
from masktopo.pruning.densities import layer_counts
from masktopo.pruning.method import METHODS
from masktopo.pruning.prunable import PrunableLayer, total_size
from masktopo.pruning.recipe import Recipe

__all__ = ["round_counts"]


def round_counts(layers: Sequence[PrunableLayer], recipe: Recipe) -> list[list[tuple[slice, int]]]:
    """Return, for every round, the number of weights to keep in each span of the flat vector.

    Round ``r`` of ``R`` keeps ``round(density ** (r / R) * n)`` weights; so the last keeps
    exactly ``round(density * n)``. A global ranking has one span, the whole vector. Otherwise
    every layer is one, and no layer ever gains weights from one round to the next, for which
    the totals of rounds before the last may be off by less than one weight a layer.

    Examples
    --------
    >>> layers = [PrunableLayer("a", (10, 10), 0), PrunableLayer("b", (10, 30), 100)]
    >>> round_counts(layers, Recipe("synflow", density=0.01, rounds=2))
    [[(slice(0, 400, None), 40)], [(slice(0, 400, None), 4)]]
    >>> round_counts(layers, Recipe("random-erk", density=0.1))
    [[(slice(0, 100, None), 13), (slice(100, 400, None), 27)]]
    """
    size = total_size(layers)
    rounds = range(1, recipe.n_rounds + 1)
    totals = [kept_count(recipe.density ** (place / rounds[-1]), size) for place in rounds]
    rule = METHODS[recipe.method].densities or ("uniform" if recipe.scope == "layer" else None)
    if rule is None:
        return [[(slice(0, size), total)] for total in totals]
    shapes = [layer.shape for layer in layers]
    counts = np.array([layer_counts(shapes, total, rule) for total in totals])
    # Largest remainders may give a layer more of a smaller total.
    counts = np.minimum.accumulate(np.maximum(counts, counts[-1]))
    spans = [layer.span for layer in layers]
    return [list(zip(spans, row, strict=True)) for row in counts.tolist()]
