"""What a run begins with: how its masks change, the masks, the network under them, the device."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from masktopo._check import join_names
from masktopo.errors import ArgumentError, MasktopoWarning
from masktopo.masks.copying import copy_model
from masktopo.masks.load import load_masks
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import layer_name
from masktopo.masks.slots import network_of, parameter_slots, read
from masktopo.pruning.prune import prune
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DynamicSparsity, read_dynamic
from masktopo.training.parts import part_of

__all__ = ["read_settings", "start_masks", "start_network", "training_device"]

_START_DENSITY = 0.01


def read_settings(
    given: str | DynamicSparsity | None, config: TrainConfig, steps: int, *, stacklevel: int
) -> DynamicSparsity | None:
    """Return the settings of dynamic sparse training for a run of `steps`.

    Raises an ArgumentError where they do not go with the way of stepping, and warns where no
    update would ever be made.
    """
    dynamic = read_dynamic(given)
    if dynamic is not None and dynamic.growth == "gradient" and config.step == "compiled-graph":
        # Never run on a GPU: its gradients may not be those of the step.
        raise ArgumentError(
            f"step={config.step!r} does not go with growth='gradient' (RigL), which reads "
            "gradients; 'eager', 'compiled' and 'graph' do"
        )
    if dynamic is not None and not dynamic.is_due(dynamic.every, steps):
        last = part_of(dynamic.until, steps)
        warnings.warn(
            f"masks will not change: updates come every {dynamic.every} steps, and only before "
            f"step {last:g} of the {steps} of this training",
            MasktopoWarning,
            stacklevel=stacklevel + 1,
        )
    return dynamic


def start_masks(
    model: nn.Module,
    masks: Any,
    dynamic: DynamicSparsity | None,
    density: float | None,
    seed: int,
) -> MaskSet | None:
    """Return the masks that were given, or those of an ERK start; None for a dense network.

    They come without weights, which would only repeat what the run has.
    """
    if masks is None and dynamic is not None:
        share = _START_DENSITY if density is None else density
        erk = prune(model, method="random-erk", density=share, rng=seed)
        return erk.with_weights(None)
    if density is not None:
        raise ArgumentError(
            f"density={density!r} is that of the start masks of dynamic sparse training without "
            "masks; masks that are given have their own"
        )
    if masks is None:
        return None
    return (masks if isinstance(masks, MaskSet) else load_masks(masks)).with_weights(None)


def start_network(
    model: nn.Module, initial: Mapping[str, torch.Tensor] | None, masks: MaskSet | None
) -> nn.Module:
    """Copy the network within `model`, give it the `initial` weights and prune it."""
    network = network_of(_pruned_copy(model, masks))
    _check_own_masks(network, masks)
    if initial is None:
        return network
    try:
        network.load_state_dict(initial)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ArgumentError(f"initial does not fit the model: {error}") from error
    return _pruned_copy(network, masks)


def _pruned_copy(model: nn.Module, masks: MaskSet | None) -> nn.Module:
    """Copy a model; under masks its layers become plain parameters with zeros."""
    return copy_model(model) if masks is None else masks.apply(model)


def _check_own_masks(network: nn.Module, masks: MaskSet | None) -> None:
    """Raise if the model prunes layers of its own that `masks` does not name."""
    given = {name for layer in (masks or {}).values() for name in (layer.name, *layer.aliases)}
    own = [
        layer_name(slot.path)
        for slot in parameter_slots(network)
        if read(slot).mask is not None and layer_name(slot.path) not in given
    ]
    if own:
        raise ArgumentError(
            f"the model itself has masks for {join_names(own)}, as torch.nn.utils.prune makes "
            "them; train it under these with masks=masktopo.load_masks(model), or take them off"
        )


def training_device(device: str | torch.device | None) -> torch.device:
    """Return the device to train on; a CUDA device with its number."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ArgumentError(f"device={str(device)!r} is not to be had: {reason}") from error
    if place == torch.device("cuda"):
        return torch.device("cuda", torch.cuda.current_device())
    return place
