"""Which parameters are layers, what they are called, and what their shape says of their kind."""

from collections.abc import Mapping
from typing import TypeVar

from masktopo.masks.layer import KINDS

__all__ = [
    "guess_kind",
    "is_layer_name",
    "is_text",
    "layer_name",
    "parameter_name",
    "without_prefixes",
]

Tensor = TypeVar("Tensor")

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel, DistributedDataParallel and torch.compile put before every name."""

_KIND_OF_DIMENSIONS = {KINDS[kind]: kind for kind in ("linear", "conv1d", "conv2d", "conv3d")}


def layer_name(parameter: str) -> str:
    """Return the layer's name: the parameter's path without ``.weight``.

    Examples
    --------
    >>> layer_name("conv1.weight"), layer_name("attn.in_proj_weight"), layer_name("weight")
    ('conv1', 'attn.in_proj_weight', 'weight')
    """
    return parameter.removesuffix(".weight")


def parameter_name(layer: str) -> str:
    """Return the parameter's path for a layer's name; `layer_name` leads back.

    Examples
    --------
    >>> parameter_name("conv1"), parameter_name("attn.in_proj_weight"), parameter_name("weight")
    ('conv1.weight', 'attn.in_proj_weight', 'weight')
    >>> parameter_name("att.weight")
    'att.weight.weight'
    """
    # A layer called att.weight is a module of that name: its parameter is att.weight.weight.
    stands_alone = layer == "weight" or layer.endswith("_proj_weight")
    return layer if stands_alone else f"{layer}.weight"


def is_layer_name(parameter: str) -> bool:
    """Whether a parameter of this path is a layer if it has 2 to 5 dimensions.

    Examples
    --------
    >>> [is_layer_name(name) for name in ("fc.weight", "q_proj_weight", "fc.bias", "pos_embed")]
    [True, True, False, False]
    """
    return parameter == "weight" or parameter.endswith((".weight", "_proj_weight"))


def is_text(name: str) -> bool:
    r"""Whether a name can be written: forged files may hold lone halves of a surrogate pair.

    Examples
    --------
    >>> is_text("fc"), is_text("fc\ud800")
    (True, False)
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def guess_kind(parameter: str, dimensions: int) -> str | None:
    """Return the kind of a layer of which only the name and dimensions are known.

    Examples
    --------
    >>> guess_kind("conv.weight", 4), guess_kind("in_proj_weight", 2), guess_kind("bias", 1)
    ('conv2d', 'matrix', None)
    """
    if dimensions == 2 and parameter.endswith("_proj_weight"):
        return "matrix"
    return _KIND_OF_DIMENSIONS.get(dimensions)


def without_prefixes(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take `PREFIXES` off the names, again and again, while every array shares one.

    Values are anything with ``ndim``; counters without dimensions, such as ``n_averaged`` of an
    averaged model, need not share the prefix.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.ones(2)
    >>> list(without_prefixes({"module._orig_mod.a": array, "module._orig_mod.b": array}))
    ['a', 'b']
    """
    while prefix := _shared_prefix([name for name, value in tensors.items() if _ndim(value)]):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def _shared_prefix(names: list[str]) -> str | None:
    for prefix in PREFIXES:
        if names and all(name.startswith(prefix) for name in names):
            return prefix
    return None


def _ndim(value: object) -> int:
    return int(getattr(value, "ndim", 0))
