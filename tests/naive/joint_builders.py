"""Builders of blocks that join branches: additions, gates, concatenations, attention."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.naive.blocks import (
    Apply,
    AtOnce,
    Causal,
    Dense,
    Excited,
    FreshBranches,
    GatedUnit,
    PaddedShortcut,
    Residual,
    SelfAttention,
    Twice,
)
from tests.naive.drawing import chain, choose
from tests.naive.plain_builders import CONV, PLAIN, activation

JOINTS = [
    torch.add,
    torch.add,
    torch.sub,
    torch.mul,
    torch.div,
    torch.maximum,
    lambda a, b: torch.where(torch.ones((), dtype=torch.bool), a, b),
    lambda a, b: a.add_(b) if a.requires_grad and not a.is_leaf else a + b,
]


def body(rng, shape, *, to=None, depth=2):
    """A few blocks that end in a layer; with `to`, blocks whose result has that shape."""
    for _ in range(40):
        module, out = chain(rng, shape, int(rng.integers(0, depth)), PLAIN)
        last = fitting_layer(rng, out, shape if to is None else to)
        if last is not None:
            tail = [activation(rng, shape)] if rng.random() < 0.3 else []
            return nn.Sequential(*module, last, *tail)
    return None


def fitting_layer(rng, shape, to):
    """A layer from a shape to another, if there is a plain one."""
    if shape[:-1] == to[:-1] and rng.random() < 0.5:
        return nn.Linear(shape[-1], to[-1])
    if len(shape) in CONV and shape[2:] == to[2:]:
        kernel = choose(rng, [1, 3])
        return CONV[len(shape)](shape[1], to[1], kernel, padding=kernel // 2)
    return nn.Linear(shape[-1], to[-1]) if shape[:-1] == to[:-1] else None


def residual(rng, shape):
    """An identity skip, seldom through a pool of stride 1 or re-indexed."""
    branch = body(rng, shape)
    skip = choose(rng, [nn.Identity(), nn.Identity(), None])
    if skip is None:
        skip = Apply(lambda x: x.flip(-1))
    return None if branch is None else Residual(branch, skip, choose(rng, JOINTS))


def pooled_skip(rng, shape):
    """A skip through a pool or a stride, beside a layer that shrinks alike."""
    if len(shape) != 4 or min(shape[2:]) < 2:
        return None
    skip = choose(
        rng,
        [
            nn.AvgPool2d(2, 2, ceil_mode=True),
            nn.MaxPool2d(3, 2, padding=1),
            Apply(lambda x: x[:, :, ::2, ::2]),
            PaddedShortcut(2),
        ],
    )
    channels = shape[1] + 2 * isinstance(skip, PaddedShortcut)
    branch = nn.Conv2d(shape[1], channels, 3, stride=2, padding=1)
    return Residual(branch, skip, torch.add)


def projected_skip(rng, shape):
    """Two layers' outputs, added: a convolutional shortcut."""
    first, second = body(rng, shape), body(rng, shape)
    if first is None or second is None:
        return None
    return FreshBranches([first, second], choose(rng, JOINTS))


def triple(rng, shape):
    """Two layers and a skip."""
    first, second = body(rng, shape), body(rng, shape)
    if first is None or second is None:
        return None
    return FreshBranches([first, nn.Identity(), second], torch.add)


def turned_branches(rng, shape):
    """A layer's output in another order, added to another's."""
    if len(shape) != 3:
        return None
    turned = nn.Sequential(
        Apply(lambda x: x.transpose(1, 2)),
        nn.Linear(shape[1], shape[1]),
        Apply(lambda x: x.transpose(1, 2).flip(1)),
    )
    straight = nn.Linear(shape[2], shape[2])
    branches = [turned, straight]
    return FreshBranches(branches if rng.random() < 0.5 else branches[::-1], torch.add)


def skips_only(rng, shape):
    """An addition without fresh operands."""
    return Residual(Apply(lambda x: F.relu(x).roll(1, -1)), nn.Identity(), choose(rng, JOINTS))


def excitation(rng, shape):
    """Squeeze and excitation: a gate of one position, broadcast."""
    if len(shape) != 4:
        return None
    return Excited(shape[1], int(rng.integers(1, 4)), fused=bool(rng.random() < 0.5))


def broadcast(rng, shape):
    """A layer's output, broadcast over the positions of another's."""
    if len(shape) != 4:
        return None
    narrow = nn.Sequential(
        Apply(lambda x: x.mean((2, 3))),
        nn.Linear(shape[1], shape[1]),
        Apply(lambda x: x[:, :, None, None]),
    )
    return FreshBranches([nn.Conv2d(shape[1], shape[1], 1), narrow], choose(rng, JOINTS))


def gated_unit(rng, shape):
    """One layer, whose halves are multiplied; or two layers."""
    if shape[-1] % 2 == 0 and rng.random() < 0.3:
        return nn.GLU()
    return GatedUnit(shape[-1], int(rng.integers(1, 4)), halves=bool(rng.random() < 0.5))


def dense(rng, shape):
    """Concatenation with what came before, along channels."""
    branch = body(rng, shape, to=(1, int(rng.integers(1, 3)), *shape[2:]))
    return None if branch is None else Dense(branch, constant=bool(rng.random() < 0.3))


def twice(rng, shape):
    """A shared layer, used one use after another or side by side."""
    branch = fitting_layer(rng, shape, shape)
    return None if branch is None else Twice(branch, choose(rng, ["after", "beside", "turned"]))


def attention(rng, shape):
    if len(shape) != 3 or shape[1] < 2 or shape[1] > 6:
        return None
    heads = choose(rng, [h for h in (1, 2) if shape[2] % h == 0])
    causal = choose(rng, [None, "flag", "boolean", "additive"])
    if rng.random() < 0.3:
        return AtOnce(shape[2], heads, causal=causal is not None, averaged=bool(rng.integers(2)))
    if rng.random() < 0.5:
        return Causal(shape[2], heads, masked=causal is not None)
    return SelfAttention(shape[2], heads, causal, kv_heads=choose(rng, [1, heads]))


def attention_block(rng, shape):
    """With a skip around it: its output is projected, so the skip lands on the projection."""
    inner = attention(rng, shape)
    return None if inner is None else Residual(inner, nn.Identity(), torch.add)


MIXED = [
    residual,
    residual,
    pooled_skip,
    projected_skip,
    triple,
    turned_branches,
    skips_only,
    excitation,
    broadcast,
    gated_unit,
    dense,
    twice,
    attention,
    attention_block,
    attention_block,
]
