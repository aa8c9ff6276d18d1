"""Lists of masks in the order of the layers, without names.

RigL for PyTorch keeps ``pruner.backward_masks``, where None stands for a dense layer; ProsPr
saves a bare list. Beside a state dict they are aligned with its layers by order and shape; alone,
layers are called by their numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_tensor
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.parameters import parameter_of
from masktopo.masks.naming import is_layer_name

__all__ = ["is_mask_list", "list_masks"]

_LISTS = (("pruner", "backward_masks"), ("backward_masks",), ("masks",), ("keep_masks",))


def is_mask_list(value: object) -> bool:
    """Whether a value is a list of tensors and None, with at least one tensor.

    Examples
    --------
    >>> is_mask_list([None]), is_mask_list([1])
    (False, False)
    """
    if not isinstance(value, list | tuple):
        return False
    fits = all(each is None or is_tensor(each) for each in value)
    return fits and any(each is not None for each in value)


def list_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find a list of masks, and the layer of each.

    Raises
    ------
    MaskError
        If there are more or fewer masks than layers, or shapes differ.
    """
    for path in _LISTS:
        masks = _at(checkpoint.tree, path)
        if is_mask_list(masks):
            origin = f"list {'.'.join(path)}"
            yield from _aligned(checkpoint, masks, origin)
            return


def _at(tree: Mapping[Any, Any], path: Sequence[str]) -> Any:
    value: Any = tree
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _aligned(checkpoint: Checkpoint, masks: Sequence[Any], origin: str) -> Iterator[FoundMask]:
    tensors = checkpoint.tensors
    if not tensors:
        named = ((str(place), mask) for place, mask in enumerate(masks))
        yield from (
            FoundMask(name, mask, None, origin, name) for name, mask in named if mask is not None
        )
        return
    wanted = [mask for mask in masks if mask is None or mask.ndim > 1]
    keys = [
        key
        for key, tensor in tensors.items()
        if tensor.ndim > 1 and is_layer_name(parameter_of(key))
    ]
    if len(keys) != len(wanted):
        raise MaskError(
            f"{origin} has {len(wanted)} masks for {len(keys)} layers of the state dict, so that "
            "their order does not tell which is whose"
        )
    for key, mask in zip(keys, wanted, strict=True):
        if mask is not None:
            yield FoundMask(parameter_of(key), mask, tensors[key], origin, key)
