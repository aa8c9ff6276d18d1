"""Small random networks that between them use every operation which section 1 speaks of.

A network is a chain of blocks. Each builder below takes a random generator and the shape of its
input, batch axis included, and returns a module, or None where it does not apply. Blocks that do
not run, or whose output has no element or too many, are drawn again.
"""

import contextlib
import warnings
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.naive.blocks import (
    Apply,
    AtOnce,
    Causal,
    ClassToken,
    Dense,
    Ends,
    Excited,
    FreshBranches,
    GatedUnit,
    HeldOut,
    PaddedShortcut,
    PositionTable,
    Residual,
    Scale,
    SelfAttention,
    Twice,
)

LARGEST = 160
"""Elements of a tensor: dense Jacobians have this many rows and columns at most."""

CONV = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
TRANSPOSED = {3: nn.ConvTranspose1d, 4: nn.ConvTranspose2d, 5: nn.ConvTranspose3d}
MAX_POOL = {3: nn.MaxPool1d, 4: nn.MaxPool2d, 5: nn.MaxPool3d}
AVG_POOL = {3: nn.AvgPool1d, 4: nn.AvgPool2d, 5: nn.AvgPool3d}
MAX_POOLING = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}
AVG_POOLING = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}
ADAPTIVE = {
    3: (nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
    4: (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    5: (nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d),
}
LINEAR_MODE = {3: "linear", 4: "bilinear", 5: "trilinear"}
BATCH_NORM = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
INSTANCE_NORM = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


def choose(rng, options):
    return options[rng.integers(len(options))]


def several(rng, low, high, count):
    return tuple(int(number) for number in rng.integers(low, high + 1, count))


# Layers


def linear(rng, shape):
    """On the last axis, which may be that of token vectors."""
    return nn.Linear(shape[-1], int(rng.integers(1, 6)), bias=rng.random() < 0.5)


def matrix(rng, shape):
    """A bare parameter, multiplied from the right."""
    return HeldOut(shape[-1], int(rng.integers(1, 5)))


def convolution(rng, shape):
    dims = len(shape) - 2
    if dims not in (1, 2, 3):
        return None
    groups = choose(rng, [g for g in (1, 2, shape[1]) if shape[1] % g == 0])
    return CONV[len(shape)](
        shape[1],
        groups * int(rng.integers(1, 3)),
        several(rng, 1, 3, dims),
        stride=several(rng, 1, 2, dims),
        padding=several(rng, 0, 2, dims),
        dilation=several(rng, 1, 2, dims),
        groups=groups,
        bias=bool(rng.random() < 0.5),
    )


def same_convolution(rng, shape):
    dims = len(shape) - 2
    if dims not in (1, 2, 3):
        return None
    kernel, dilation = several(rng, 1, 4, dims), several(rng, 1, 2, dims)
    return CONV[len(shape)](shape[1], 2, kernel, padding="same", dilation=dilation)


def transposed_convolution(rng, shape):
    dims = len(shape) - 2
    if dims not in (1, 2, 3):
        return None
    groups = choose(rng, [g for g in (1, 2) if shape[1] % g == 0])
    stride = several(rng, 1, 3, dims)
    return TRANSPOSED[len(shape)](
        shape[1],
        groups * int(rng.integers(1, 3)),
        several(rng, 1, 3, dims),
        stride=stride,
        padding=several(rng, 0, 1, dims),
        output_padding=tuple(int(rng.integers(0, step)) for step in stride),
        dilation=several(rng, 1, 2, dims),
        groups=groups,
    )


# Pools and interpolations


def max_pool(rng, shape):
    dims = len(shape) - 2
    if dims not in (1, 2, 3):
        return None
    kernel = several(rng, 2, 3, dims)
    options = {
        "stride": several(rng, 1, 3, dims),
        "padding": several(rng, 0, 1, dims),
        "dilation": several(rng, 1, 2, dims),
        "ceil_mode": bool(rng.random() < 0.5),
    }
    if rng.random() < 0.5:
        return MAX_POOL[len(shape)](kernel, **options)
    return Apply(partial(MAX_POOLING[len(shape)], kernel_size=kernel, **options))


def average_pool(rng, shape):
    dims = len(shape) - 2
    if dims not in (1, 2, 3):
        return None
    kernel = several(rng, 2, 3, dims)
    options = {
        "stride": several(rng, 1, 3, dims),
        "padding": several(rng, 0, 1, dims),
        "ceil_mode": bool(rng.random() < 0.5),
        "count_include_pad": bool(rng.random() < 0.5),
    }
    if rng.random() < 0.5:
        return AVG_POOL[len(shape)](kernel, **options)
    return Apply(partial(AVG_POOLING[len(shape)], kernel_size=kernel, **options))


def adaptive_pool(rng, shape):
    if len(shape) not in ADAPTIVE:
        return None
    sizes = tuple(int(rng.integers(1, max(length, 2))) for length in shape[2:])
    return choose(rng, ADAPTIVE[len(shape)])(sizes if len(sizes) > 1 else sizes[0])


def interpolation(rng, shape):
    if len(shape) not in LINEAR_MODE:
        return None
    sizes = [int(rng.integers(1, length + 3)) for length in shape[2:]]
    if rng.random() < 0.4:
        return Apply(partial(F.interpolate, size=sizes, mode="nearest"))
    if rng.random() < 0.3:
        return nn.Upsample(scale_factor=2)
    corners = bool(rng.random() < 0.5)
    return Apply(
        partial(F.interpolate, size=sizes, mode=LINEAR_MODE[len(shape)], align_corners=corners)
    )


def reduction(rng, shape):
    """Over all positions or one axis, as a global pool has it."""
    if len(shape) < 3:
        return None
    axes = tuple(range(2, len(shape))) if rng.random() < 0.6 else (int(rng.integers(1, 3)),)
    reduce = choose(rng, [torch.mean, torch.sum, torch.amax])
    return Apply(partial(reduce, dim=axes, keepdim=bool(rng.random() < 0.4)))


# Re-indexing


def flatten(rng, shape):
    start = int(rng.integers(1, len(shape)))
    return choose(rng, [nn.Flatten(start), Apply(partial(torch.flatten, start_dim=start))])


def permute(rng, shape):
    order = [0, *(rng.permutation(len(shape) - 1) + 1).tolist()]
    return Apply(lambda x: x.permute(order).contiguous())


def tokens(rng, shape):
    """The positions of a map as a sequence of its channels."""
    return Apply(lambda x: x.flatten(2).transpose(1, 2)) if len(shape) > 3 else None


def reshape(rng, shape):
    """Split one axis in two, or the elements into a square."""
    size = int(np.prod(shape))
    half = choose(rng, [d for d in range(1, size + 1) if size % d == 0])
    return Apply(lambda x: x.reshape(1, half, size // half))


def unflatten(rng, shape):
    if len(shape) > 3 or shape[1] % 2:
        return None
    return Apply(lambda x: x.unflatten(1, (2, shape[1] // 2)))


def take(rng, shape):
    """Part of an axis."""
    axis = int(rng.integers(1, len(shape)))
    length = shape[axis]
    index = torch.as_tensor(rng.integers(0, length, int(rng.integers(1, length + 2))))
    step, start = int(rng.integers(1, 3)), int(rng.integers(0, length))
    return Apply(
        choose(
            rng,
            [
                lambda x: x.transpose(1, axis)[:, start::step].transpose(1, axis),
                lambda x: x.narrow(axis, start, length - start),
                lambda x: torch.index_select(x, axis, index),
                lambda x: x.select(axis, start).unsqueeze(axis),
                lambda x: x.narrow(axis, start, 1).squeeze(axis),
                lambda x: x[:, start],
            ],
        )
    )


def shuffle(rng, shape):
    """All elements in another order."""
    axis = int(rng.integers(1, len(shape)))
    return Apply(
        choose(
            rng,
            [
                lambda x: x.flip(axis),
                lambda x: x.roll(1, axis),
                lambda x: torch.cat(x.chunk(2, axis)[::-1], axis),
                lambda x: torch.cat(x.split([1, x.shape[axis] - 1], axis)[::-1], axis),
                lambda x: torch.stack(x.unbind(axis), -1),
            ],
        )
    )


def pad(rng, shape):
    dims = len(shape) - 2
    if dims < 1:
        return None
    amounts = several(rng, 0, 2, 2 * dims)
    return Apply(partial(F.pad, pad=amounts, value=float(rng.integers(0, 2))))


def crop(rng, shape):
    """Padding by negative amounts, and a shift: padded in front as much as it is cropped behind."""
    return Apply(partial(F.pad, pad=(1, -1))) if len(shape) > 2 else None


def repeat(rng, shape):
    axis = int(rng.integers(1, len(shape)))
    return Apply(
        choose(
            rng,
            [
                lambda x: x.repeat_interleave(2, axis),
                lambda x: torch.cat([x, x], axis),
                lambda x: torch.stack([x, x.flip(axis)], axis).flatten(axis, axis + 1),
                lambda x: x.unsqueeze(axis).expand(*x.shape[:axis], 2, *x.shape[axis:]).flatten(1),
            ],
        )
    )


def pixel_shuffle(rng, shape):
    if len(shape) != 4:
        return None
    return choose(rng, [nn.PixelShuffle(2), nn.PixelUnshuffle(2)])


# Elementwise operations, normalisations, constants


def activation(rng, shape):
    options = [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.GELU(),
        nn.SiLU(),
        nn.Hardswish(),
        nn.Sigmoid(),
        nn.LeakyReLU(0.1),
        nn.Tanh(),
        Apply(torch.relu),
        Apply(F.relu6),
        Apply(lambda x: x.clamp(-1, 1)),
    ]
    return choose(rng, options)


def normalisation(rng, shape):
    channels = shape[1]
    options = [
        nn.LayerNorm(shape[-1]),
        nn.RMSNorm(shape[-1]),
        nn.Dropout(0.3),
        nn.GroupNorm(1, channels),
    ]
    if len(shape) in BATCH_NORM:
        options += [BATCH_NORM[len(shape)](channels)] * 3
    if len(shape) in INSTANCE_NORM:
        options += [INSTANCE_NORM[len(shape)](channels, affine=True)]
    return choose(rng, options)


def constant(rng, shape):
    """Operands that depend on no input."""
    options = [PositionTable(shape[1:]), Scale(shape), Apply(lambda x: 2.0 * x - 1.0)]
    mask = torch.as_tensor(rng.random(shape) < 0.5)
    options.append(Apply(lambda x: x.masked_fill(mask, 0.0)))
    options.append(Apply(lambda x: torch.where(mask, x, torch.zeros(()))))
    if len(shape) == 3:
        options.append(ClassToken(shape[2]))
    return choose(rng, options)


# Joins


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


# Attention


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

LAYERS = [linear, convolution, same_convolution, transposed_convolution, matrix]

PLAIN = [
    *LAYERS,
    convolution,
    max_pool,
    average_pool,
    adaptive_pool,
    interpolation,
    reduction,
    flatten,
    permute,
    tokens,
    reshape,
    unflatten,
    take,
    shuffle,
    pad,
    crop,
    repeat,
    pixel_shuffle,
    activation,
    activation,
    normalisation,
    normalisation,
    constant,
]

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


def run(module, shape):
    """Return the shape that a module makes of `shape`, or None where it does not run."""
    misfits = RuntimeError, IndexError, ValueError, ZeroDivisionError
    with contextlib.suppress(*misfits), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # even kernels under padding="same"
        result = module.eval()(torch.zeros(shape))
        if 0 < result.numel() <= LARGEST and result.ndim >= 2 and len(result) == 1:
            return tuple(result.shape)
    return None


def block(rng, shape, builders):
    """Draw a builder until its block runs: the block, and the shape of its output."""
    while True:
        module = choose(rng, builders)(rng, shape)
        after = None if module is None else run(module, shape)
        if after is not None:
            return module, after


def chain(rng, shape, length, builders):
    """Draw blocks one behind another: the blocks, and the shape behind them."""
    blocks = []
    for _ in range(length):
        module, shape = block(rng, shape, builders)
        blocks.append(module)
    return blocks, shape


INPUTS = [
    (1, 6),
    (1, 2, 7),
    (1, 4, 4),
    (1, 3, 2),
    (1, 2, 4, 5),
    (1, 1, 6, 4),
    (1, 3, 4, 4),
    (1, 1, 3, 4, 3),
    (1, 2, 3, 2, 4),
]


def trunk(rng):
    """Draw an input and the blocks behind it, of which the first is a layer half of the time."""
    shape = choose(rng, INPUTS)
    first, after = chain(rng, shape, 1, LAYERS) if rng.random() < 0.5 else ([], shape)
    plain, after = chain(rng, after, int(rng.integers(0, 4)), PLAIN)
    mixed, after = block(rng, after, MIXED)
    rest, after = chain(rng, after, int(rng.integers(0, 3)), PLAIN + MIXED)
    return nn.Sequential(*first, *plain, mixed, *rest), shape, after


def word_trunk(rng):
    """Draw an embedding and the blocks behind it."""
    rows, width, length = (int(number) for number in rng.integers(2, 5, 3))
    shape = (1, length, width)
    rest, after = chain(rng, shape, int(rng.integers(1, 3)), PLAIN + MIXED)
    return nn.Sequential(nn.Embedding(rows, width), *rest), (1, length), after


def draw(rng, words):
    module, shape, after = word_trunk(rng) if words else trunk(rng)
    example = torch.zeros(shape, dtype=torch.int64) if words else torch.zeros(shape)
    return module, example, after


def ending(rng, shape):
    """Draw what makes the output: mostly a linear head, else a join or a pooled layer."""
    kind = rng.random()
    if kind < 0.15:
        return block(rng, shape, [projected_skip, triple, residual, linear])[0]
    if kind < 0.3:
        layer, after = block(rng, shape, LAYERS)
        return nn.Sequential(layer, *chain(rng, after, 1, [average_pool, activation, flatten])[0])
    flat = nn.Linear(int(np.prod(shape)), int(rng.integers(1, 4)))
    tail = choose(rng, [nn.Identity(), nn.ReLU(), nn.Softmax(-1)])
    return nn.Sequential(nn.Flatten(), flat, tail)


def random_masks(program, seed):
    """Draw 0/1 arrays for all weights of an exported program, of any density."""
    rng = np.random.default_rng([seed, 1])
    densities = [0.0, 0.3, 0.6, 0.9, 1.0]
    return {
        layer: rng.random(program.constants[at].shape)
        < rng.choice(densities, p=[0.03, 0.27, 0.3, 0.2, 0.2])
        for at, layer in program.layers.items()
    }


def random_weights(masks, seed):
    """Draw weights for masks, in float64."""
    rng = np.random.default_rng([seed, 2])
    return {layer: rng.normal(size=mask.shape) * mask for layer, mask in masks.items()}


def random_architecture(seed):
    """Draw a network and an example input (a tensor, or a tuple of tensors).

    Most have one input and one output; some several. Every output is a layer's, or made of
    layers' outputs.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    count = 2 if rng.random() < 0.2 else 1
    trunks = [draw(rng, words=rng.random() < 0.1) for _ in range(count)]
    same = len({after for _, _, after in trunks}) == 1
    sizes = [int(np.prod(after)) for _, _, after in trunks]
    after = trunks[0][2] if same else (1, sum(sizes))
    ends = [ending(rng, after) for _ in range(2 if rng.random() < 0.3 else 1)]
    join = choose(rng, JOINTS) if same else None
    model = Ends([module for module, _, _ in trunks], join, ends).eval()
    examples = tuple(example for _, example, _ in trunks)
    return model, examples if count > 1 else examples[0]
