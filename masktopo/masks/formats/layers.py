"""From the tensors of a checkpoint to its layers."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_floating, storage_of, to_array
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask, open_checkpoint
from masktopo.masks.formats.hidden import hidden_weights
from masktopo.masks.formats.registry import LAYOUTS
from masktopo.masks.layer import LayerMask
from masktopo.masks.naming import guess_kind, is_layer_name, layer_name
from masktopo.masks.ties import merge_ties

__all__ = ["layers_of"]


def layers_of(
    tree: Mapping[Any, Any], source: str, *, allow_dense: bool = False
) -> list[LayerMask]:
    """Read the layers of a nested dict of tensors, in the order of its state dict.

    A parameter's mask is the first that a layout of `registry.LAYOUTS` finds; without one it is
    where the weights are not zero.

    Parameters
    ----------
    tree : mapping
        A state dict, a dict of masks, or a dict that wraps them.
    source : str
        What errors call it.
    allow_dense : bool
        Whether weights whose masks are known to be missing may be read as dense.

    Raises
    ------
    MaskError
        If a mask does not fit its weight; `source` and the layer are named.
    NoMaskError
        If masks are known to be missing.
    """
    checkpoint = open_checkpoint(tree, source)
    try:
        found = _find_masks(checkpoint)
        found |= hidden_weights(checkpoint, found, allow_dense=allow_dense)
        return merge_ties(_read(checkpoint, found))
    except MaskError as error:
        raise MaskError(f"{source}: {error}") from error


def _find_masks(checkpoint: Checkpoint) -> dict[str, FoundMask]:
    """Ask each layout in turn; the first to find a parameter's mask has it."""
    found: dict[str, FoundMask] = {}
    for find in LAYOUTS:
        for each in find(checkpoint):
            found.setdefault(each.key, each)
    return found


def _read(
    checkpoint: Checkpoint, found: dict[str, FoundMask]
) -> Iterator[tuple[LayerMask, Hashable | None]]:
    """Yield layer after layer, each with the identity of its parameter."""
    tensors = checkpoint.tensors
    for key, tensor in tensors.items():
        each = found.get(key)
        if each is None and _is_layer(tensors, key):
            each = FoundMask(key, None, tensor, "zeros", key)
        if each is not None:
            yield from _layer(each)
    for key, each in found.items():
        if key not in tensors:
            yield from _layer(each)


def _is_layer(tensors: Mapping[str, Any], key: str) -> bool:
    """Whether a tensor without an explicit mask is a layer's weight."""
    tensor = tensors[key]
    if not (is_layer_name(key) and 2 <= tensor.ndim <= 5 and is_floating(tensor)):
        return False
    # A bias of the weight's own shape is an elementwise one: normalisation over several axes.
    bias = tensors.get(key.removesuffix("weight") + "bias")
    return bias is None or bias.shape != tensor.shape


def _layer(each: FoundMask) -> Iterator[tuple[LayerMask, Hashable | None]]:
    """Build the layer of a mask, unless the parameter is of one dimension (a bias or the like)."""
    known = each.mask if each.weight is None else each.weight
    if known.ndim < 2:
        return
    name = layer_name(each.parameter)
    kind = guess_kind(each.parameter, known.ndim)
    if kind is None:
        raise MaskError(f"layer {name!r}: expected 2 to 5 dimensions, not shape {known.shape}")
    weight = None if each.weight is None else to_array(each.weight, name)
    mask, origin = _mask_of(each, weight, name)
    identity = None if each.weight is None else storage_of(each.weight)
    yield LayerMask(name, mask, weight, kind=kind, origin=origin), identity


def _mask_of(each: FoundMask, weight: Any, name: str) -> tuple[Any, str]:
    """Return the mask, from the weights where there is no other, and where it came from."""
    if each.mask is not None:
        return to_array(each.mask, name), each.origin
    if each.origin != "zeros":
        return np.ones(weight.shape, dtype=np.bool_), each.origin
    mask = weight != 0
    return mask, "dense" if mask.all() else "zeros"
