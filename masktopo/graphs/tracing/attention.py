"""Attention: its scores, its mixing, its constant masks (section 1 of the definitions).

``softmax(Q K^T + mask) V`` is recognised by its data flow, fused or written out: a product of two
tensors that depend on the input gives scores, and scores times a third tensor mix it.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo.graphs.reads import reads
from masktopo.graphs.rearrange import along, broadcast, joined, permuted, reshaped, taken
from masktopo.graphs.tracing.calls import (
    Call,
    Result,
    Rule,
    constant_of,
    module_path,
    refused,
)
from masktopo.graphs.tracing.program import operation_name
from masktopo.graphs.tracing.scores import with_mask
from masktopo.graphs.tracing.values import Fixed, Flow, Scores
from masktopo.graphs.views import AxisMap, Shape, View, leaves, restricted

__all__ = ["ATTENTION", "masked_by", "product", "scores_through"]

Mask = NDArray[np.bool_]

_MINUS_INFINITY = -1e4
"""Scores that are lowered by so much get no attention: float16 models cannot go lower."""


def product(call: Call, left: object, right: object) -> Result:
    """Multiply two tensors that depend on the input: scores, or scores with values."""
    if isinstance(left, Scores) and isinstance(right, Flow):
        return _mixed(call, left, right.view)
    if isinstance(left, Flow) and isinstance(right, Flow):
        view = right.view
        turned = (*range(len(view.shape) - 2), -1, -2)
        lead = call.shape[:-2]
        query = broadcast(left.view, (*lead, *left.view.shape[-2:]))
        key = permuted(view, turned)
        axes = len(call.shape) - 2, len(call.shape) - 1
        return Scores(query, broadcast(key, (*lead, *key.shape[-2:])), axes)
    raise refused(call.node, "this product of two tensors that depend on the input is no attention")


def fused(call: Call) -> Result:
    """Follow `scaled_dot_product_attention`."""
    query, key, value = (call.flow(name).view for name in ("query", "key", "value"))
    lead = call.shape[:-2]
    query = broadcast(query, (*lead, *query.shape[-2:]))
    key, value = (_shared_heads(call, view, lead) for view in (key, value))
    scores = Scores(query, key, (len(lead), len(lead) + 1))
    if call.arguments["is_causal"]:
        shape = query.shape[-2], key.shape[-2]
        scores = with_mask(scores, ~np.tri(*shape, dtype=np.bool_))
    given = call.arguments["attn_mask"]
    if given is not None:
        scores = masked_by(call, scores, given)
    return _mixed(call, scores, value)


def _shared_heads(call: Call, view: View, lead: Shape) -> View:
    """Repeat the heads of keys and values that several queries share."""
    if call.arguments.get("enable_gqa") and view.shape[-3] != lead[-1]:
        heads = view.shape[-3]
        view = taken(view, -3, [at for at in range(heads) for _ in range(lead[-1] // heads)])
    return broadcast(view, (*lead, *view.shape[-2:]))


def masked_by(call: Call, scores: Scores, mask: object) -> Scores:
    """Obey a mask that is added to scores, or whose false entries forbid; data masks are not."""
    if not isinstance(mask, Fixed):
        return scores
    try:
        found = constant_of(call, mask)
    except KeyError:
        return scores
    blocked = ~found if found.dtype == torch.bool else found <= _MINUS_INFINITY
    return with_mask(scores, blocked.numpy())


def scores_through(call: Call) -> Result:
    """Pass scores through operations element by element: scales, masks, dropout."""
    (scores,) = (value for value in call.tensors if isinstance(value, Scores))
    name = operation_name(call.node)
    if name in ("aten.masked_fill", "aten.where"):
        return _filled(call, scores, name)
    others = [value for value in call.tensors if value is not scores]
    if name == "aten.add" and others:
        return masked_by(call, scores, others[0])
    return scores


def _filled(call: Call, scores: Scores, name: str) -> Scores:
    """Obey a constant mask under which scores are replaced by something very low."""
    if name == "aten.masked_fill":
        condition, low = call.arguments["mask"], call.arguments["value"]
        keeps = False
    else:
        condition = call.arguments["condition"]
        keeps = call.arguments["self"] is scores
        low = call.arguments["other" if keeps else "self"]
    if not isinstance(condition, Fixed) or not _is_low(call, low):
        return scores
    replaced = constant_of(call, condition).numpy().astype(np.bool_)
    return with_mask(scores, ~replaced if keeps else replaced)


def _is_low(call: Call, value: Any) -> bool:
    if isinstance(value, Fixed):
        value = constant_of(call, value).max().item()
    return isinstance(value, int | float) and value <= _MINUS_INFINITY


def _mixed(call: Call, scores: Scores, value: View) -> Flow:
    """Make the nodes of attention's output, shape ``(..., positions, channels)``."""
    if scores.axes != (len(call.shape) - 2, len(call.shape) - 1):
        raise refused(call.node, "attention scores are turned")
    lead, positions = call.shape[:-2], call.shape[-2]
    value = broadcast(value, (*lead, *value.shape[-2:]))
    channels = value.shape[-1]
    every = AxisMap.rows(scores.query.shape[-1], [range(scores.query.shape[-1])] * channels)
    operands = [
        (_attended(scores, value, positions), True),
        (along(scores.query, -1, every), False),
        (_attended(scores, along(scores.key, -1, every), positions), False),
    ]
    axes = _channel_axes(call, (value, scores.query, scores.key))
    return Flow(call.draft.mix(module_path(call.node) or "attention", operands, axes))


def _attended(scores: Scores, view: View, positions: int) -> View:
    """Sum over the attended positions, for each position."""
    lead, length = view.shape[:-2], view.shape[-2]
    if scores.blocked is None:
        return along(view, -2, AxisMap.rows(length, [range(length)] * positions))
    heads = scores.blocked.reshape(-1, positions, length)
    if (heads == heads[:1]).all():
        return along(view, -2, _open(heads[0]))
    count = math.prod(lead)
    flat = reshaped(view, (count, *view.shape[-2:]))
    parts = [along(taken(flat, 0, [at]), 1, _open(heads[at])) for at in range(count)]
    return reshaped(joined(parts, 0), (*lead, positions, view.shape[-1]))


def _open(blocked: Mask) -> AxisMap:
    return AxisMap.rows(blocked.shape[1], [np.flatnonzero(~row).tolist() for row in blocked])


def _channel_axes(call: Call, operands: Iterable[View]) -> tuple[int, ...]:
    """Return the axes that tell channels apart: those along which some operand's channels differ.

    Leading axes hold heads as well as windows and folded batches, which are positions.
    """
    found: set[int] = set()
    for view in operands:
        channels = {name: call.draft.channel_axes(name) for name in leaves(view)}
        for name in channels:
            ids = reads(restricted(view, name), channels).ids
            found |= {axis for axis in range(len(view.shape)) if ids.shape[axis + 1] > 1}
    last = len(call.shape) - 1
    return tuple(sorted((found | {last}) - {last - 1}))


ATTENTION: dict[str, Rule] = {"aten.scaled_dot_product_attention": fused}
