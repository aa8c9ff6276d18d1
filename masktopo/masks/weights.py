"""Weights for masks that came without them, or that other weights are to be put under."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo.errors import ArgumentError, MaskError
from masktopo.masks.formats.arrays import is_floating, is_module, to_array
from masktopo.masks.formats.checkpoint import open_checkpoint
from masktopo.masks.formats.files import open_file
from masktopo.masks.formats.layers import find_masks, naming
from masktopo.masks.formats.parameters import parameter_of
from masktopo.masks.layer import FloatArray
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import layer_name

__all__ = ["weights_of"]


def weights_of(source: Any) -> dict[str, FloatArray]:
    """Read the weights of a network, dense or not, whatever its masks.

    Parameters
    ----------
    source : path, mapping, torch.nn.Module or MaskSet
        Anything that `load_masks` takes and that has weights; in a mapping in memory, names may
        also be those of layers.

    Returns
    -------
    dict of str to ndarray
        Layer name -> weights, for every floating parameter of at least 2 dimensions; values
        before masking where the source keeps them. Tied parameters are there under each name.

    Raises
    ------
    MaskError
        If there are masks but no weights, or masks that do not fit the weights beside them.
    CheckpointError
        If a file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> weights_of({"fc.weight": np.ones((1, 2), dtype=np.float32), "fc.bias": np.ones(1)})
    {'fc': array([[1., 1.]], dtype=float32)}
    """
    if isinstance(source, MaskSet):
        return _of_masks(source)
    if is_module(source):
        return _of_module(source)
    if isinstance(source, Mapping):
        found = _of_mapping(source, "state dict")
        return {name: array.copy() for name, array in found.items()}
    if isinstance(source, str | os.PathLike):
        file = open_file(Path(source))
        if isinstance(file.content, list):
            layers = [layer.read() for layer in file.content]
            return _of_masks(MaskSet(layers, source=str(source)))
        return _of_mapping(file.content, str(source))
    raise ArgumentError(
        "weights are read from a path, a state dict, a torch.nn.Module or a MaskSet, not from "
        f"{type(source).__name__}"
    )


def _of_masks(masks: MaskSet) -> dict[str, FloatArray]:
    return _some(
        {
            name: layer.weight
            for layer in masks.values()
            if layer.weight is not None
            for name in (layer.name, *layer.aliases)
        },
        masks.source,
    )


def _of_module(model: Any) -> dict[str, FloatArray]:
    from masktopo.masks.slots import parameter_slots, read, unwrapped

    network = unwrapped(model)
    readings = ((layer_name(slot.path), read(slot).weight) for slot in parameter_slots(network))
    found = {
        name: to_array(weight.detach().clone(), name)
        for name, weight in readings
        if weight.ndim >= 2 and weight.is_floating_point()
    }
    return _some(found, type(network).__name__)


def _of_mapping(tree: Mapping[Any, Any], source: str) -> dict[str, FloatArray]:
    checkpoint = open_checkpoint(tree, source)
    with naming(source):
        masked = find_masks(checkpoint)
    masks = {id(each.mask) for each in masked.values() if each.weight is not None}
    found: dict[str, FloatArray] = {}
    for key, tensor in checkpoint.tensors.items():
        is_mask = id(tensor) in masks or key.endswith("_mask")
        if tensor.ndim >= 2 and is_floating(tensor) and not is_mask:
            name = layer_name(masked[key].parameter if key in masked else parameter_of(key))
            found[name] = to_array(tensor, name)
    return _some(found, source)


def _some(found: dict[str, FloatArray], source: str) -> dict[str, FloatArray]:
    if not found:
        raise MaskError(f"{source}: no weights; expected floating arrays of 2 or more dimensions")
    return found
