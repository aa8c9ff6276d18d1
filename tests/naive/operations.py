"""What the operations of ATen do to the nodes of a network, by name.

Names are without overload and without the underscore of an in-place operation.
"""

import torch


def named(names):
    """Make a set of names."""
    return frozenset(names.split())


IDENTITIES = named(
    """
    relu relu6 gelu silu hardswish hardsigmoid hardtanh leaky_relu elu selu celu mish softplus
    sigmoid tanh prelu exp log sqrt rsqrt abs neg reciprocal square erf sin cos pow clamp softmax
    log_softmax dropout feature_dropout alpha_dropout batch_norm layer_norm group_norm
    instance_norm rms_norm masked_fill clone contiguous detach alias to type_as _to_copy
    """
)
"""Elementwise operations and normalisations: the first argument goes through."""

JOINS = named("add sub rsub mul div maximum minimum where addcmul")
"""Elementwise operations that count as additions where several operands carry data."""

REINDEXINGS = named(
    """
    view reshape flatten unflatten permute transpose t squeeze unsqueeze slice select narrow chunk
    split split_with_sizes unbind index_select index flip roll expand expand_as repeat
    repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle movedim cat stack pad
    constant_pad_nd unfold getitem view_as reshape_as tile swapaxes
    """
)
"""Operations of which every result is one element of an argument, or padding."""

WINDOWS = named(
    """
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d mean sum amax amin max upsample_nearest1d upsample_nearest2d
    upsample_nearest3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d
    upsample_bicubic2d _upsample_nearest_exact1d _upsample_nearest_exact2d var std
    """
)
"""Operations of which every result gathers a window: pools, reductions, interpolations."""

STATISTICS = named("mean sum var std amax")
"""Reductions by which a normalisation that is written out scales or shifts its own operand."""

WEIGHTED = named(
    """
    linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul mm bmm
    baddbmm embedding
    """
)
"""Operations of a layer, where one argument is a weight; of two data operands, of attention."""

CONSTANTS = named("zeros_like ones_like full_like new_zeros new_ones new_full")
"""Operations that take nothing but the shape of their argument."""


def operation(node):
    """Return the name of a node's operation."""
    name = getattr(node.target, "_schema", None)
    plain = node.target.__name__ if name is None else name.name.split("::")[1]
    return plain if plain.startswith("_") else plain.removesuffix("_")


def window_coefficients(function, shape):
    """Probe a window operation with one element at a time: matrix of (element, result), and shape.

    An entry is the result of a 1 among zeros, or of a -1 where only that shows (a minimum). A
    window of padding only has no elements: its maximum is minus infinity whatever the probe.
    """
    size = torch.Size(shape).numel()
    zero = _first(function(torch.zeros(shape, dtype=torch.float64)))
    rows = []
    for unit in torch.eye(size, dtype=torch.float64):
        up, down = (_first(function(sign * unit.reshape(shape))) - zero for sign in (1, -1))
        rows.append(torch.where(up != 0, up, down).nan_to_num(nan=0.0).abs().flatten())
    return torch.stack(rows), zero.shape


def _first(result):
    return result[0] if isinstance(result, tuple) else result
