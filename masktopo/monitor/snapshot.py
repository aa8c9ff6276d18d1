"""Masks and weights of a network at one step, copied before the next one changes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from masktopo._check import join_names
from masktopo.errors import MaskError
from masktopo.masks.load import load_masks
from masktopo.masks.maskset import MaskSet
from masktopo.masks.model import LayerSlot, layer_slots, masks_of_slots
from masktopo.masks.slots import Reading, unwrapped

__all__ = ["PresentMasks", "Snapshot", "read_masks", "take_snapshot"]

PresentMasks = Callable[[], Mapping[str, torch.Tensor]]
"""``() -> masks``: what is kept now, bool by layer name, tied layers under each of their names."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies that may still be on their way from a GPU.

    Parameters
    ----------
    step : int
        Steps taken before.
    source : str
        Class of the network.
    slots : tuple of LayerSlot
        Layers with readings on the CPU.
    arrivals : tuple of torch.cuda.Event
        Pass when the copies are complete.
    """

    step: int
    source: str
    slots: tuple[LayerSlot, ...]
    arrivals: tuple[torch.cuda.Event, ...]

    def masks(self) -> MaskSet:
        """Wait for the copies and return them as masks with weights.

        Raises
        ------
        MaskError
            If a kept weight is not finite.
        """
        for arrival in self.arrivals:
            arrival.synchronize()
        return masks_of_slots(self.slots, source=f"{self.source} after step {self.step}")


def read_masks(given: Any) -> PresentMasks | None:
    """Return what gives the present masks: `given` itself, or what never changes."""
    if given is None or (callable(given) and not isinstance(given, nn.Module)):
        return given
    fixed = {
        name: torch.from_numpy(layer.mask.copy())
        for layer in load_masks(given).values()
        for name in (layer.name, *layer.aliases)
    }
    return lambda: fixed


@torch.no_grad()
def take_snapshot(model: nn.Module, step: int, present: PresentMasks | None) -> Snapshot:
    """Copy the layers of `model`: those with a present mask, or all with their own.

    From a GPU the copies are queued behind the work that is under way there, and nothing waits
    for them. O(weights) bytes, in pinned memory where they come from a GPU.

    Raises
    ------
    MaskError
        If a masked layer is missing in the model or has another shape there.
    """
    network = unwrapped(model)
    found = tuple(layer_slots(network))
    if present is not None:
        found = tuple(_masked(found, present()))
    devices = {slot.reading.weight.device for slot in found}
    slots = tuple(replace(slot, reading=_copied(slot.reading)) for slot in found)
    arrivals = tuple(_arrival(device) for device in devices if device.type == "cuda")
    return Snapshot(step, type(network).__name__, slots, arrivals)


def _masked(found: tuple[LayerSlot, ...], masks: Mapping[str, torch.Tensor]) -> Iterator[LayerSlot]:
    """Yield the layers that `masks` names, under these masks."""
    slots = {slot.name: slot for slot in found}
    missing = [name for name in masks if name not in slots]
    if missing:
        raise MaskError(f"the model has no layer for the masks of {join_names(missing)}")
    for name, mask in masks.items():
        weight = slots[name].reading.weight
        if mask.shape != weight.shape:
            raise MaskError(
                f"layer {name!r}: the mask has shape {tuple(mask.shape)}, "
                f"but the model's weight has {tuple(weight.shape)}"
            )
        yield replace(slots[name], reading=Reading(weight, mask, "given"))


def _copied(reading: Reading) -> Reading:
    """Copy a reading to the CPU."""
    mask = None if reading.mask is None else _on_cpu(reading.mask)
    return replace(reading, weight=_on_cpu(reading.weight), mask=mask)


def _on_cpu(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a tensor, without waiting for a GPU; the order of its elements stays."""
    if tensor.device.type != "cuda":
        return tensor.detach().to("cpu", copy=True)
    # Only into pinned memory can a GPU copy while the program goes on.
    pinned = torch.empty_like(tensor, device="cpu", pin_memory=True)
    return pinned.copy_(tensor.detach(), non_blocking=True)


def _arrival(device: torch.device) -> torch.cuda.Event:
    """Return what passes when all copies that were queued on a device are complete."""
    with torch.cuda.device(device):
        arrival = torch.cuda.Event()
        arrival.record()
    return arrival
