"""The layers of a model, as a wiring knows them."""

from dataclasses import replace

import torch
from torch import nn

from masktopo.graphs.wiring import LayerSpec
from masktopo.masks.model import layer_slots
from masktopo.masks.slots import stored, unwrapped

__all__ = ["layer_specs"]


def layer_specs(model: nn.Module) -> dict[str, LayerSpec]:
    """Return every layer of a model by name, in its order.

    A tied parameter is one layer with aliases, as `masktopo.masks.model.masks_of_module` has it.
    """
    found: dict[str, LayerSpec] = {}
    masks: dict[str, torch.Tensor | None] = {}
    first: dict[int, str] = {}
    for layer in layer_slots(unwrapped(model)):
        home = first.setdefault(id(stored(layer.slot)), layer.name)
        mask, shape = layer.reading.mask, tuple(layer.reading.weight.shape)
        if home != layer.name and _same(masks[home], mask):
            known = found[home]
            found[home] = replace(known, aliases=(*known.aliases, layer.name))
        else:
            found[layer.name] = LayerSpec(layer.name, shape, layer.kind, layer.groups)
            masks[layer.name] = mask
    return found


def _same(mask: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if mask is None or other is None:
        return mask is other
    return mask is other or torch.equal(mask, other)
