"""Dicts of masks: a table beside a state dict, or nothing but masks.

A table is ``{"state_dict": ..., "masks": {name: mask}}``, ``{"model": ..., "mask": {"masks":
{name: mask}}}`` (rigl-reproducibility) or the like; names are the parameters' or the layers'.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from masktopo._check import join_names
from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_floating, to_array
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask, tensors_in

__all__ = ["bare_masks", "table_masks"]

_TABLES = (("masks",), ("mask", "masks"), ("mask",))


def table_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a table that stands beside the state dict, or alone.

    Raises
    ------
    MaskError
        If the table has masks of parameters that the state dict lacks.
    """
    for path in _TABLES:
        masks = tensors_in(_entry(checkpoint.tree, path))
        if masks:
            yield from _matched(checkpoint, masks, f"entry {'.'.join(path)}")
            return


def bare_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a dict that holds nothing else: no array has values beside 0 and 1."""
    arrays = {name: array for name, array in checkpoint.tensors.items() if array.ndim}
    if any(array.ndim > 1 for array in arrays.values()) and _are_masks(arrays):
        for name, mask in arrays.items():
            yield FoundMask(name, mask, None, "dict of masks", name)


def _entry(tree: Mapping[Any, Any], path: tuple[str, ...]) -> Mapping[Any, Any]:
    for name in path:
        inner = tree.get(name)
        tree = inner if isinstance(inner, Mapping) else {}
    return tree


def _matched(checkpoint: Checkpoint, masks: Mapping[str, Any], origin: str) -> Iterator[FoundMask]:
    """Bring each mask to the parameter of its name, or of the layer of its name."""
    tensors = checkpoint.tensors
    homes = {
        name: next((key for key in (name, f"{name}.weight") if key in tensors), None)
        for name in masks
    }
    lost = [name for name, key in homes.items() if key is None and masks[name].ndim > 1]
    if lost and tensors:
        raise MaskError(
            f"{origin} has masks of {join_names(lost)}, which the state dict beside it lacks"
        )
    for name, mask in masks.items():
        key = homes[name]
        weight = None if key is None else tensors[key]
        yield FoundMask(key or name, mask, weight, origin, key or name)


def _are_masks(arrays: Mapping[str, Any]) -> bool:
    """Whether arrays are meant as masks: bool or integer, or floats of 0 and 1 with some 1.

    Integers of other values count as well, so that they are refused and not taken for nothing.
    A dict of zeros alone is one of weights that are all zero.
    """
    floats = {name: array for name, array in arrays.items() if is_floating(array)}
    if not floats:
        return True
    # Ends at the first array of weights, so that a checkpoint is not read twice.
    binary = all(_is_binary(to_array(array, name)) for name, array in floats.items())
    return binary and any(bool(to_array(array, name).any()) for name, array in floats.items())


def _is_binary(array: Any) -> bool:
    return bool(np.all((array == 0) | (array == 1)))
