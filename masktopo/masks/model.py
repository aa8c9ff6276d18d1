"""The masks of a model, and a model under masks."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from masktopo._check import join_faults
from masktopo.errors import MaskError
from masktopo.masks.copying import copy_model
from masktopo.masks.formats.arrays import to_array
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import guess_kind, is_layer_name, layer_name
from masktopo.masks.slots import (
    Reading,
    Slot,
    make_plain,
    parameter_slots,
    read,
    stored,
    unwrapped,
)
from masktopo.masks.ties import merge_ties

__all__ = ["LayerSlot", "apply_masks", "layer_slots", "masks_of_module", "masks_of_slots"]

Module = TypeVar("Module", bound=nn.Module)

_KIND_OF_MODULE: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "linear"),
    (nn.Conv1d, "conv1d"),
    (nn.Conv2d, "conv2d"),
    (nn.Conv3d, "conv3d"),
    (nn.ConvTranspose1d, "conv_transpose1d"),
    (nn.ConvTranspose2d, "conv_transpose2d"),
    (nn.ConvTranspose3d, "conv_transpose3d"),
    (nn.Embedding, "embedding"),
    (nn.EmbeddingBag, "embedding"),
)

_NO_LAYERS = (
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,
    nn.Bilinear,
)
"""Modules whose ``weight`` is no linear map, whatever its dimensions."""


def masks_of_module(module: nn.Module) -> MaskSet:
    """Read the masks of a model, dense or pruned.

    Parameters
    ----------
    module : torch.nn.Module
        Any model; it is not changed. Wrappers such as DataParallel and torch.compile are looked
        through.

    Returns
    -------
    MaskSet
        Every layer in the model's order, with copies of its weights. Masks are those of
        ``torch.nn.utils.prune``, of ``*_mask`` buffers and of parametrizations with a buffer
        ``mask``, with the values before masking as weights; else a mask is where the effective
        weights are not zero. Tied parameters are one layer with aliases. Kinds and groups are
        those of the modules; of unknown module classes kinds are guessed from dimensions.

    Raises
    ------
    MaskError
        If a mask does not fit its weight, kept weights are not finite, or weights are not there
        (lazy modules before their first batch, meta tensors).

    Examples
    --------
    >>> masks = masks_of_module(nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)))
    >>> [(layer.name, layer.kind, layer.groups, layer.origin) for layer in masks.values()]
    [('0', 'conv2d', 3, 'dense')]
    """
    network = unwrapped(module)
    return masks_of_slots(layer_slots(network), source=type(network).__name__)


def masks_of_slots(slots: "Iterable[LayerSlot]", *, source: str) -> MaskSet:
    """Make the masks of what `layer_slots` found in a network; see `masks_of_module`."""
    try:
        return MaskSet(merge_ties(_layers(slots)), source=source)
    except MaskError as error:
        raise MaskError(f"{source}: {error}") from error


def _layers(slots: "Iterable[LayerSlot]") -> Iterator[tuple[LayerMask, Hashable]]:
    for found in slots:
        yield _layer(found), id(stored(found.slot))


@dataclass(frozen=True)
class LayerSlot:
    """A layer of a model: its name, where it is kept, what is read there, and how it acts."""

    name: str
    slot: Slot
    reading: Reading
    kind: str
    groups: int


def layer_slots(network: nn.Module) -> Iterator[LayerSlot]:
    """Yield every layer of a network in its order, tied ones under each of their names.

    Raises
    ------
    MaskError
        If a lazy module has no shape yet, or a layer more than 5 dimensions.
    """
    for slot in parameter_slots(network):
        if isinstance(stored(slot), UninitializedParameter):
            raise MaskError(f"{slot.path!r} has no shape yet; pass one batch through the model")
        reading = read(slot)
        if _is_layer(slot, reading):
            name, kind = layer_name(slot.path), _kind(slot, reading.weight.ndim)
            if kind is None:
                raise MaskError(
                    f"layer {name!r}: expected 2 to 5 dimensions, not {reading.weight.ndim}"
                )
            groups = int(getattr(slot.module, "groups", 1)) if "conv" in kind else 1
            yield LayerSlot(name, slot, reading, kind, groups)


def _is_layer(slot: Slot, reading: Reading) -> bool:
    if reading.mask is not None:
        return reading.weight.ndim >= 2
    if isinstance(slot.module, _NO_LAYERS) or not is_layer_name(slot.path):
        return False
    # A bias of the weight's own shape is an elementwise one: normalisation over several axes.
    bias = slot.module._parameters.get("bias")
    elementwise = bias is not None and bias.shape == reading.weight.shape
    return 2 <= reading.weight.ndim <= 5 and reading.weight.is_floating_point() and not elementwise


def _layer(found: LayerSlot) -> LayerMask:
    name, reading = found.name, found.reading
    weight = to_array(reading.weight.detach().clone(), name)
    if reading.mask is None:
        mask = weight != 0
        origin = "dense" if mask.all() else reading.origin
    else:
        mask, origin = to_array(reading.mask.detach().clone(), name), reading.origin
    return LayerMask(name, mask, weight, kind=found.kind, groups=found.groups, origin=origin)


def _kind(slot: Slot, dimensions: int) -> str | None:
    if slot.name == "weight":
        for home, kind in _KIND_OF_MODULE:
            if isinstance(slot.module, home):
                return kind
    return guess_kind(slot.path, dimensions)


def apply_masks(masks: MaskSet, model: Module) -> Module:
    """Return a copy of `model` whose pruned weights are exactly 0.

    Parameters
    ----------
    masks : MaskSet
        The masks.
    model : torch.nn.Module
        A network with every layer of `masks`, aliases included; it is not changed.

    Returns
    -------
    torch.nn.Module
        The copy. Parameters under a mask are ordinary ones afterwards: hooks of
        ``torch.nn.utils.prune`` and parametrizations are replaced by the values that they gave,
        so that a weight stays 0 that the model's own mask had pruned. All else is as it was.

    Raises
    ------
    MaskError
        If layers are missing in the model or have other shapes there, or if masks of one tied
        parameter differ; all of them are named.

    Examples
    --------
    >>> model = nn.Linear(2, 2)
    >>> masks = MaskSet([LayerMask("weight", np.eye(2, dtype=bool))])
    >>> (apply_masks(masks, model).weight != 0).tolist()
    [[True, False], [False, True]]
    """
    twin = copy_model(model)
    network = unwrapped(twin)
    slots = {layer_name(slot.path): slot for slot in parameter_slots(network)}
    _check_fits(masks, slots, type(network).__name__)
    with torch.no_grad():
        for name, layer in _named(masks):
            parameter = make_plain(slots[name])
            pruned = torch.from_numpy(np.logical_not(layer.mask))
            parameter.masked_fill_(pruned.to(parameter.device), 0)
    return twin


def _named(masks: MaskSet) -> Iterator[tuple[str, LayerMask]]:
    """Yield each layer under each of its names."""
    for layer in masks.values():
        for name in (layer.name, *layer.aliases):
            yield name, layer


def _check_fits(masks: MaskSet, slots: dict[str, Slot], model: str) -> None:
    """Raise unless the model has every layer, with its shape, once."""
    missing = [name for name, _ in _named(masks) if name not in slots]
    present = [(name, layer) for name, layer in _named(masks) if name in slots]
    reshaped = [
        f"{name} (mask {layer.shape}, model {shape})"
        for name, layer in present
        if (shape := tuple(read(slots[name]).weight.shape)) != layer.shape
    ]
    first: dict[int, LayerMask] = {}
    torn = [
        f"{other.name} and {name}"
        for name, layer in present
        if (other := first.setdefault(id(stored(slots[name])), layer)) is not layer
        and not np.array_equal(other.mask, layer.mask)
    ]
    faults = join_faults(
        ("the model lacks", missing),
        ("other shapes in", reshaped),
        ("different masks of one tied parameter in", torn),
    )
    if faults:
        raise MaskError(f"{masks.source} does not fit the model {model}: {faults}")
