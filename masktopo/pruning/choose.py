"""One mask: rounds of scoring the network and keeping the highest scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from masktopo._random import stream
from masktopo.errors import PruningError
from masktopo.masks.layer import BoolArray
from masktopo.pruning.batches import Batches, all_batches, drawn_batches
from masktopo.pruning.budget import keep_highest
from masktopo.pruning.pool import GradientPool, pool_batches
from masktopo.pruning.problem import Problem
from masktopo.pruning.prunable import layer_weights, private_copy, zero_pruned
from masktopo.pruning.recipe import WEIGHT_NOISE, Draw
from masktopo.pruning.reproducible import reproducible
from masktopo.pruning.scene import Scene
from masktopo.pruning.schedule import round_counts

__all__ = ["Choice", "choose"]

# Every draw is a function of (seed, index, purpose, round).
_BATCHES, _SCORE, _NOISE, _MODEL, _SHUFFLE = 0, 1, 2, 3, 4


Counts = Sequence[tuple[slice, int]]
"""How many weights to keep in each span of the flat vector."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Which weights one draw keeps, and how it came to that.

    Parameters
    ----------
    kept : ndarray of bool, shape (n,)
        Flat, in the order of `Problem.layers`.
    scores : ndarray of float64, shape (n,)
        The last score of every weight: for a pruned one, that of the round that removed it.
    rounds : ndarray of int32, shape (n,)
        The round of that score, from 0.
    """

    kept: BoolArray
    scores: NDArray[np.float64]
    rounds: NDArray[np.int32]

    @property
    def standing(self) -> NDArray[np.float64]:
        """The method's order of all weights, as numbers to compare: later rounds stand higher.

        The scores themselves after a single round, else their places in the order. Cost: a full
        sort for iterative methods.
        """
        if not self.rounds.any():
            return self.scores
        by_index = -np.arange(self.scores.size)
        standing = np.empty(self.scores.size)
        standing[np.lexsort((by_index, self.scores, self.rounds))] = np.arange(self.scores.size)
        return standing


def choose(problem: Problem, draw: Draw, pool: GradientPool | None = None) -> Choice:
    """Make the mask of `draw`; a pure function on one device and number of torch threads.

    Parameters
    ----------
    problem : Problem
    draw : Draw
    pool : GradientPool, optional
        The gradients of the batches of `draw`'s pool, which otherwise are taken anew: the mask is
        the same, unless the network itself draws at random.

    Raises
    ------
    PruningError
        If the loss or a score is not finite, or the data has too few samples for the draw.
    """
    dense = problem.network  # every round scores a copy
    if draw.noise == WEIGHT_NOISE:
        dense = _shaken(problem, draw)
    kept = np.ones(problem.size, dtype=bool)
    pooled = None if pool is None or draw.pool is None else pool.summed(_of_pool(draw))
    scores, rounds = np.empty(problem.size), np.zeros(problem.size, dtype=np.int32)
    for place, counts in enumerate(round_counts(problem.layers, problem.recipe)):
        # Only the dense network's gradients are in the pool.
        known = None if place else pooled
        scores[kept] = _score(problem, draw, place, dense, kept, counts, known)
        rounds[kept] = place
        kept = _keep(problem, kept, scores, counts)
    choice = Choice(kept, scores, rounds)
    return _shuffled(choice, problem, draw) if problem.recipe.shuffle else choice


def _keep(
    problem: Problem,
    kept: BoolArray,
    scores: NDArray[np.float64],
    counts: Counts,
) -> BoolArray:
    """Keep the highest scores of every span among the weights that were kept so far."""
    chosen = np.zeros(problem.size, dtype=bool)
    for span, count in counts:
        if kept[span].all():
            chosen[span] = keep_highest(scores[span], count)
            continue
        alive = np.flatnonzero(kept[span]) + span.start
        chosen[alive[keep_highest(scores[alive], count)]] = True
    return chosen


def _shuffled(choice: Choice, problem: Problem, draw: Draw) -> Choice:
    """Permute every layer; scores go with the choice, so that they still give its order."""
    generator = stream(draw.seed, draw.index, _SHUFFLE)
    order = np.concatenate(
        [layer.start + generator.permutation(layer.size) for layer in problem.layers]
    )
    return Choice(choice.kept[order], choice.scores[order], choice.rounds[order])


def _score(
    problem: Problem,
    draw: Draw,
    place: int,
    dense: nn.Module,
    kept: BoolArray,
    counts: Counts,
    pooled: list[torch.Tensor] | None,
) -> NDArray[np.float64]:
    """Score the weights that are still there, in a copy of the network without the others."""
    network = private_copy(dense, problem.layers)
    network.train(problem.recipe.train_mode)
    zero_pruned(network, problem.layers, kept)
    numbers = np.errstate(over="ignore", invalid="ignore")  # what they leave is an error below
    with numbers, reproducible(draw.seed, draw.index, _MODEL, place, device=problem.device):
        scene = replace(_scene(problem, draw, place, network, counts), pooled=pooled)
        scores = problem.method.score(scene)
    _check_finite(problem, scores)
    scores = scores[kept]
    if draw.noise is not None and draw.noise != WEIGHT_NOISE:
        noise = stream(draw.seed, draw.index, _NOISE, place).standard_normal(scores.size)
        scores *= 1 + float(draw.noise) * noise
    return scores


def _scene(problem: Problem, draw: Draw, place: int, network: nn.Module, counts: Counts) -> Scene:
    return Scene(
        network=network,
        layers=problem.layers,
        batches=_batches(problem, draw),
        input_shape=None if problem.data is None else problem.data.sample_shape,
        generator=stream(draw.seed, draw.index, _SCORE, place),
        counts=tuple(counts),
        wiring=problem.wiring if problem.method.needs_wiring else None,
        temperature=problem.method.temperature,
    )


def _batches(problem: Problem, draw: Draw) -> Batches | None:
    if problem.data is None or not problem.method.needs_data:
        return None
    size = problem.recipe.batch_size
    if draw.batches is None:
        return all_batches(problem.data, size)
    if draw.pool is not None:
        pool = pool_batches(problem.data, size, draw.pool, draw.seed)
        return replace(pool, indices=tuple(pool.indices[batch] for batch in _of_pool(draw)))
    generator = stream(draw.seed, draw.index, _BATCHES)
    return drawn_batches(problem.data, size, draw.batches, generator)


def _of_pool(draw: Draw) -> NDArray[np.int64]:
    """Draw batches of the pool without replacement."""
    assert draw.pool is not None
    return stream(draw.seed, draw.index, _BATCHES).permutation(draw.pool)[: draw.batches]


def _shaken(problem: Problem, draw: Draw) -> nn.Module:
    """Copy the network, with normal noise of each layer's own standard deviation in its weights."""
    network = private_copy(problem.network, problem.layers)
    generator = stream(draw.seed, draw.index, _NOISE)
    with torch.no_grad():
        for weight in layer_weights(network, problem.layers):
            noise = torch.from_numpy(generator.standard_normal(tuple(weight.shape)))
            weight.add_(noise.to(weight) * weight.std(correction=0))
    return network


def _check_finite(problem: Problem, scores: NDArray[np.float64]) -> None:
    """Raise where a score is not finite, naming the layer."""
    finite = np.isfinite(scores)
    if finite.all():
        return
    for layer in problem.layers:
        bad = int(np.count_nonzero(~finite[layer.span]))
        if bad:
            raise PruningError(
                f"{problem.recipe.method}: {bad} of {layer.size} scores of layer {layer.name!r} "
                "are not finite"
            )
