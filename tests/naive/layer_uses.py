"""Values along a data flow, and how layers and attention take them."""

import math
from dataclasses import dataclass

import torch
from torch.utils import _pytree as pytree


@dataclass
class Constant:
    """A value that depends on no input; for a weight also its layer and what stands for it."""

    real: object
    weight: torch.Tensor | None = None
    layer: str | None = None


@dataclass
class Data:
    """A value that depends on inputs."""

    value: torch.Tensor


@dataclass
class Scores:
    """Products of queries and keys on their way to a softmax.

    `level` has what the model computes where all products are 0, so that after the softmax the
    attended positions are those above 0.
    """

    query: torch.Tensor
    key: torch.Tensor
    level: torch.Tensor


@dataclass
class LayerUse:
    """One application of a weight: by name, as a matrix (feature, output), and on which axes."""

    layer: str
    matrix: torch.Tensor
    operand: Data
    feature_axis: int
    output_axis: int


def layer_use(name, node, data, args, kwargs, tensor):
    """Apply a layer to its operand, without bias: its use, and its output."""
    given = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Constant)]
    weights = [leaf for leaf in given if leaf.layer is not None]
    if not weights:
        raise NotImplementedError(f"{node.target} at {node} has no weight")
    weight, layer, value = weights[0].weight, weights[0].layer, tensor(data)
    if name.startswith("conv"):
        names = [argument.name for argument in node.target._schema.arguments]
        keywords = dict(zip(names, args, strict=False)) | kwargs
        groups, dims = keywords.get("groups", 1), weight.ndim - 2
        output = node.target(**keywords | {"input": value, "weight": weight, "bias": None})
        matrix = _grouped(weight, groups, transposed="transpose" in name)
        return LayerUse(layer, matrix, data, -1 - dims, -1 - dims), output
    if name == "linear":
        return LayerUse(layer, weight.T, data, -1, -1), value @ weight.T
    if name == "embedding" or args[0] is data:
        return LayerUse(layer, weight, data, -1, -1), value @ weight
    return LayerUse(layer, weight.T, data, -2, -2), weight @ value


def _grouped(weight, groups, *, transposed):
    """Add up a convolution's kernels in a matrix (input channel, output channel)."""
    sums = weight.flatten(2).sum(2)
    blocks = [block if transposed else block.T for block in sums.chunk(groups)]
    return torch.block_diag(*blocks)


def attention_operands(walk, args, kwargs):
    """Return queries, keys, values and which positions attend to which, 0 or 1."""
    names = ["query", "key", "value", "attn_mask", "dropout_p", "is_causal"]
    given = dict(zip(names, args, strict=False)) | kwargs
    query, key, value = (walk.tensor(given[name]) for name in names[:3])
    if given.get("enable_gqa"):
        repeats = query.shape[-3] // key.shape[-3]
        key, value = (each.repeat_interleave(repeats, -3) for each in (key, value))
    attended = torch.ones(*query.shape[:-1], key.shape[-2], dtype=torch.float64)
    if given.get("is_causal"):
        attended = attended.tril()
    mask = given.get("attn_mask")
    if mask is not None:
        told = mask.real if mask.real.dtype == torch.bool else mask.real > -math.inf
        attended = attended * told
    return query, key, value, attended
