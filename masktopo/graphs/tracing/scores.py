"""Attention scores under re-indexing and masks: heads may be split, merged and moved."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.rearrange import permuted, reshaped
from masktopo.graphs.tracing.calls import Call, refused
from masktopo.graphs.tracing.values import Scores
from masktopo.graphs.views import Shape

__all__ = ["permuted_scores", "reshaped_scores", "with_mask"]


def shape_of(scores: Scores) -> Shape:
    """Return the shape of the tensor of scores."""
    lengths = (*scores.query.shape[:-2], scores.query.shape[-2], scores.key.shape[-2])
    found = [0] * len(lengths)
    for length, axis in zip(lengths, scores.order, strict=True):
        found[axis] = length
    return tuple(found)


def reshaped_scores(call: Call, scores: Scores) -> Scores:
    """Split or merge heads; the axes of positions must stay whole."""
    before, after = shape_of(scores), call.shape
    axes = [_same_axis(before, axis, after) for axis in scores.axes]
    if None in axes or axes[0] == axes[1]:
        raise refused(call.node, "attention scores lose their axes of positions")
    heads = [length for axis, length in enumerate(after) if axis not in axes]
    blocked = scores.blocked
    return Scores(
        reshaped(scores.query, (*heads, *scores.query.shape[-2:])),
        reshaped(scores.key, (*heads, *scores.key.shape[-2:])),
        (int(axes[0] or 0), int(axes[1] or 0)),
        None if blocked is None else blocked.reshape(*heads, *blocked.shape[-2:]),
    )


def _same_axis(before: Shape, axis: int, after: Shape) -> int | None:
    """Return the axis that holds the same elements after a reshape; None if it is cut or merged."""
    step = math.prod(before[axis + 1 :])
    for place, length in enumerate(after):
        if length == before[axis] and math.prod(after[place + 1 :]) == step:
            return place
    return None


def permuted_scores(scores: Scores, dims: list[int]) -> Scores:
    """Put the tensor's axes in another order."""
    order = [axis % len(dims) for axis in dims]
    axes = order.index(scores.axes[0]), order.index(scores.axes[1])
    heads = list(scores.order[:-2])
    moved = [heads.index(axis) for axis in order if axis in heads]
    turned = (*moved, len(heads), len(heads) + 1)
    blocked = scores.blocked
    return Scores(
        permuted(scores.query, turned),
        permuted(scores.key, turned),
        axes,
        None if blocked is None else blocked.transpose(turned),
    )


def with_mask(scores: Scores, blocked: NDArray[np.bool_]) -> Scores:
    """Rule out pairs of positions by a mask that broadcasts to the tensor of scores."""
    if not blocked.any():
        return scores
    found = np.broadcast_to(blocked, shape_of(scores)).transpose(scores.order)
    return replace(scores, blocked=found if scores.blocked is None else found | scores.blocked)
