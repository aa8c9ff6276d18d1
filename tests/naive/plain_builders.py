"""Builders of blocks of one operand: layers, pools, re-indexing, elementwise operations."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.naive.blocks import Apply, ClassToken, HeldOut, PositionTable, Scale
from tests.naive.drawing import choose, several

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

MAPS = [
    convolution,
    transposed_convolution,
    max_pool,
    average_pool,
    adaptive_pool,
    interpolation,
    pad,
    pixel_shuffle,
]
"""What feature maps are for."""
