"""Dicts of masks: a table beside a state dict, or nothing but masks.

A table is ``{"state_dict": ..., "masks": {name: mask}}``, ``{"model": ..., "mask": {"masks":
{name: mask}}}`` (rigl-reproducibility) or the like; names are the parameters' or the layers'.
Values may be dicts themselves: ``{layer: {"weight": mask, "bias": mask}}`` (NNI).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from masktopo._check import join_names
from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import blocks_of, is_floating, is_tensor
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask, tensors_in
from masktopo.masks.formats.parameters import parameter_of

__all__ = ["bare_masks", "entry", "matched", "nested_masks", "table_masks"]

_TABLES = (("masks",), ("mask", "masks"), ("mask",))


def table_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a table that stands beside the state dict, or alone.

    Raises
    ------
    MaskError
        If the table has masks of parameters that the state dict lacks.
    """
    for path in _TABLES:
        table = entry(checkpoint.tree, path)
        masks = tensors_in({**table, **_unfolded(table)})
        if masks:
            yield from matched(checkpoint, masks, f"entry {'.'.join(path)}")
            return


def bare_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a dict that holds nothing else: no array has values beside 0 and 1."""
    arrays = {name: array for name, array in checkpoint.tensors.items() if array.ndim}
    if any(array.ndim > 1 for array in arrays.values()) and _are_masks(arrays):
        for name, mask in arrays.items():
            yield FoundMask(name, mask, None, "dict of masks", name)


def nested_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a file that holds nothing but ``{layer: {"weight": mask}}``."""
    masks = {} if checkpoint.tensors else tensors_in(_unfolded(checkpoint.tree))
    if masks and _are_masks(masks):
        yield from matched(checkpoint, masks, "nested dict of masks")


def entry(tree: Mapping[Any, Any], path: tuple[str, ...]) -> Mapping[Any, Any]:
    """Follow a path of names into a nested dict; an empty one where it leads nowhere."""
    for name in path:
        inner = tree.get(name)
        tree = inner if isinstance(inner, Mapping) else {}
    return tree


def matched(checkpoint: Checkpoint, masks: Mapping[str, Any], origin: str) -> Iterator[FoundMask]:
    """Bring each mask to the parameter of its name, or of the layer of its name.

    Raises
    ------
    MaskError
        If the state dict has none of that name.
    """
    tensors = checkpoint.tensors
    keys = {parameter_of(key): key for key in tensors}
    homes = {
        name: next((keys[path] for path in (name, f"{name}.weight") if path in keys), None)
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
        yield FoundMask(parameter_of(key or name), mask, weight, origin, key or name)


def _unfolded(table: Mapping[Any, Any]) -> dict[str, Any]:
    """Name the masks of dicts within a table by layer and parameter."""
    return {
        f"{layer}.{parameter}": mask
        for layer, inner in table.items()
        if isinstance(layer, str) and isinstance(inner, Mapping)
        for parameter, mask in inner.items()
        if parameter in ("weight", "bias") and is_tensor(mask)
    }


def _are_masks(arrays: Mapping[str, Any]) -> bool:
    """Whether arrays are meant as masks: bool or integer, or floats of 0 and 1 with some 1.

    Integers of other values count as well, so that they are refused and not taken for nothing.
    A dict of zeros alone is one of weights that are all zero.
    """
    floats = {name: array for name, array in arrays.items() if is_floating(array)}
    if not floats:
        return True
    # Ends at the first block of weights, so that a checkpoint is not read twice.
    binary = all(_is_binary(block) for block in _blocks(floats))
    return binary and any(bool(block.any()) for block in _blocks(floats))


def _blocks(arrays: Mapping[str, Any]) -> Iterator[Any]:
    for name, array in arrays.items():
        yield from blocks_of(array, name)


def _is_binary(array: Any) -> bool:
    return bool(np.all((array == 0) | (array == 1)))
