"""Seeded synthetic masks. Every rule is ``(layers, density, rng) -> MaskSet``.

Weights are standard Gaussian float32. The masks are not those of a trained network; they have
the degree sequences that matter for cost: nearly regular ones (ERK, uniform), heavy-tailed ones
(SNIP-like), and rows of equal degree (2:4).
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice
from masktopo._random import stream
from masktopo.bench.networks import LayerShape
from masktopo.errors import ArgumentError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.densities import layer_counts

__all__ = ["MASKS", "make_masks"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


def _gaussian(shape: Sequence[int], rng: np.random.Generator) -> Floats:
    return rng.standard_normal(tuple(shape), dtype=np.float32)


def _budget(layers: Sequence[LayerShape], density: float) -> int:
    return round(density * sum(prod(layer.shape) for layer in layers))


def _random(
    division: str,
    layers: Sequence[LayerShape],
    weights: Sequence[Floats],
    density: float,
    seed: int,
) -> list[Bools]:
    """Random places, as many a layer as the rule of `masktopo.pruning.densities` gives it."""
    shapes = [layer.shape for layer in layers]
    masks = []
    for place, count in enumerate(layer_counts(shapes, _budget(layers, density), division)):
        mask = np.zeros(shapes[place], np.bool_)
        rng = stream(seed, 1, place)
        mask.reshape(-1)[rng.choice(mask.size, int(count), replace=False, shuffle=False)] = True
        masks.append(mask)
    return masks


def _snip(
    layers: Sequence[LayerShape], weights: Sequence[Floats], density: float, seed: int
) -> list[Bools]:
    """Return the largest products of weight and gradient of the whole network.

    Gradients are Gaussian, times lognormal scales (sigma 1) of their input and output channel.
    """
    scores = []
    for place, weight in enumerate(weights):
        rng = stream(seed, 2, place)
        score = np.abs(weight * _gaussian(weight.shape, rng))
        ones = (1,) * (weight.ndim - 2)
        score *= rng.lognormal(size=(weight.shape[0], 1, *ones)).astype(np.float32)
        score *= rng.lognormal(size=(1, weight.shape[1], *ones)).astype(np.float32)
        scores.append(score)
    flat = np.concatenate([score.reshape(-1) for score in scores])
    mask = np.zeros(flat.size, np.bool_)
    pruned = flat.size - _budget(layers, density)
    mask[np.argpartition(flat, pruned)[pruned:]] = True
    ends = np.cumsum([score.size for score in scores])
    parts = np.split(mask, ends[:-1])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def _two_of_four(
    layers: Sequence[LayerShape], weights: Sequence[Floats], density: float, seed: int
) -> list[Bools]:
    """Return the two largest of every four inputs; layers that do not divide stay dense."""
    if density != 0.5:
        raise ArgumentError(f"a 2:4 mask has density 0.5, not {density}")
    masks = []
    for weight in weights:
        mask = np.ones(weight.shape, np.bool_)
        if prod(weight.shape[1:]) % 4 == 0:
            ranks = np.argsort(np.abs(weight).reshape(-1, 4), axis=1)
            np.put_along_axis(mask.reshape(-1, 4), ranks[:, :2], False, axis=1)
        masks.append(mask)
    return masks


Rule = Callable[[Sequence[LayerShape], Sequence[Floats], float, int], list[Bools]]

MASKS: dict[str, Rule] = {
    "erk": partial(_random, "erk"),
    "uniform": partial(_random, "uniform"),
    "snip": _snip,
    "2:4": _two_of_four,
}
"""Mask rules by name."""


def make_masks(
    layers: Sequence[LayerShape], rule: str, density: float, *, seed: int = 0
) -> MaskSet:
    """Draw the masks and weights of a network.

    Parameters
    ----------
    layers : sequence of LayerShape
    rule : {"erk", "uniform", "snip", "2:4"}
        See `MASKS`.
    density : float
        Kept weights over all weights, met exactly up to rounding to a whole number.
    seed : int
        Equal seeds give equal weights, whatever the rule.

    Returns
    -------
    MaskSet

    Examples
    --------
    >>> from masktopo.bench.networks import shapes_of
    >>> masks = make_masks(shapes_of("mlp"), "snip", 0.1)
    >>> masks.nnz, masks.size
    (26620, 266200)
    """
    check_choice("rule", rule, MASKS)
    weights = [_gaussian(layer.shape, stream(seed, 0, i)) for i, layer in enumerate(layers)]
    masks = MASKS[rule](layers, weights, density, seed)
    return MaskSet(
        LayerMask(layer.name, mask, weight, kind=layer.kind, origin=rule)
        for layer, mask, weight in zip(layers, masks, weights, strict=True)
    )
