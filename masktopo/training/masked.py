"""Pruned weights stay exactly 0: the one place that enforces it, and the one that asserts it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from masktopo._check import join_names
from masktopo.errors import MaskError, TrainingError
from masktopo.masks.layer import BoolArray, LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import layer_name

__all__ = [
    "HeldWeights",
    "check_momentum_is_zero",
    "check_pruned_are_zero",
    "hold_pruned_at_zero",
    "pruned_places",
    "zero_pruned",
]


@dataclass(frozen=True, eq=False)
class HeldWeights:
    """The weights that an optimiser moves, and which of them stay 0.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Steps on `parameters`.
    parameters : mapping of str to torch.Tensor
        The model's named parameters.
    pruned : mapping of str to torch.Tensor
        As `pruned_places` returns it for them; dynamic sparse training changes it in place.
    """

    optimizer: torch.optim.Optimizer
    parameters: Mapping[str, torch.Tensor]
    pruned: Mapping[str, torch.Tensor]

    def hold(self) -> RemovableHandle:
        """Zero pruned weights now and after every step; see `hold_pruned_at_zero`."""
        return hold_pruned_at_zero(self.optimizer, self.parameters, self.pruned)

    def zero(self) -> None:
        """Zero pruned weights and all their optimiser state, once."""
        zero_pruned(self.optimizer, self.parameters, self.pruned)

    def check(self, when: str) -> None:
        """Raise a TrainingError unless pruned weights and their momentum are exactly 0."""
        check_pruned_are_zero(self.parameters, self.pruned, when=when)
        check_momentum_is_zero(self.optimizer, self.parameters, self.pruned, when=when)


def pruned_places(
    masks: MaskSet | None, tensors: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return where each masked parameter is pruned.

    Parameters
    ----------
    masks : MaskSet or None
        A layer is the parameter named ``layer.weight``, or of the layer's own name; its aliases
        are masked alike. None masks nothing.
    tensors : mapping of str to torch.Tensor
        The named parameters of a model, or its state dict.

    Returns
    -------
    dict of str to torch.Tensor
        Name of the parameter -> bool tensor of its shape and on its device, True where pruned.

    Raises
    ------
    MaskError
        If layers are missing from `tensors` or one has another shape there.
    """
    layers = {} if masks is None else _by_every_name(masks)
    parameters = {layer_name(name): name for name in tensors}
    missing = [name for name in layers if name not in parameters]
    if missing:
        raise MaskError(f"the model has no parameter for the masks of {join_names(missing)}")
    return {
        parameters[name]: _pruned(name, layer.mask, tensors[parameters[name]])
        for name, layer in layers.items()
    }


def _by_every_name(masks: MaskSet) -> dict[str, LayerMask]:
    """Return the layers under their names and aliases: a model may have untied what was tied."""
    return {name: layer for layer in masks.values() for name in (layer.name, *layer.aliases)}


def _pruned(name: str, mask: BoolArray, weight: torch.Tensor) -> torch.Tensor:
    """Return the places of `weight` that `mask` prunes."""
    if mask.shape != tuple(weight.shape):
        raise MaskError(
            f"layer {name!r}: the mask has shape {mask.shape}, "
            f"but the model's weight has shape {tuple(weight.shape)}"
        )
    # In the weight's own memory format, so that both are walked through in one order.
    return torch.empty_like(weight, dtype=torch.bool).copy_(torch.from_numpy(~mask))


def hold_pruned_at_zero(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, torch.Tensor],
    pruned: Mapping[str, torch.Tensor],
) -> RemovableHandle:
    """Zero pruned weights now and, with all their optimiser state, after every step.

    Gradients stay dense. Since weight and momentum of a pruned place are 0 before every step,
    kept weights move as if pruned ones did not exist.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its state tensors that have a parameter's shape (momentum buffers) are zeroed too.
    parameters : mapping of str to torch.Tensor
        The model's named parameters.
    pruned : mapping of str to torch.Tensor
        As `pruned_places` returns it for them. Where its tensors are changed in place, the next
        step obeys them, a recorded one too.

    Returns
    -------
    RemovableHandle
        Its ``remove()`` lets pruned weights grow again.
    """

    def zero(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        zero_pruned(optimizer, parameters, pruned)

    zero(optimizer)
    return optimizer.register_step_post_hook(zero)


@torch.no_grad()
def zero_pruned(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, torch.Tensor],
    pruned: Mapping[str, torch.Tensor],
) -> None:
    """Zero pruned weights and all their optimiser state, once."""
    for name, places in pruned.items():
        _zero_places(parameters[name], places, optimizer)


def check_pruned_are_zero(
    tensors: Mapping[str, torch.Tensor],
    pruned: Mapping[str, torch.Tensor],
    *,
    when: str,
    what: str = "pruned weights",
) -> None:
    """Raise unless every pruned weight is exactly 0.

    Raises
    ------
    TrainingError
        Naming the first layer at fault, how many of its weights are not 0, and `when`.
    """
    if not pruned:
        return
    # nan differs from 0, so it counts too. Read once: a read waits for the device.
    counts = [((tensors[name] != 0) & places).sum() for name, places in pruned.items()]
    for (name, places), alive in zip(pruned.items(), torch.stack(counts).tolist(), strict=True):
        if alive:
            raise TrainingError(
                f"layer {layer_name(name)!r}: {alive} of {int(places.sum())} {what} "
                f"are not 0 {when}"
            )


def check_momentum_is_zero(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, torch.Tensor],
    pruned: Mapping[str, torch.Tensor],
    *,
    when: str,
) -> None:
    """Raise unless the optimiser's state of every pruned weight is exactly 0.

    Raises
    ------
    TrainingError
        As `check_pruned_are_zero` does.
    """
    for name, places in pruned.items():
        for value in _states(optimizer, parameters[name]):
            what = "momenta of pruned weights"
            check_pruned_are_zero({name: value}, {name: places}, when=when, what=what)


def _zero_places(
    parameter: torch.Tensor, places: torch.Tensor, optimizer: torch.optim.Optimizer
) -> None:
    """Zero one parameter and its optimiser state at `places`; filling also removes nan."""
    parameter.masked_fill_(places, 0.0)
    for value in _states(optimizer, parameter):
        value.masked_fill_(places, 0.0)


def _states(optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the tensors that the optimiser keeps for every weight of `parameter`."""
    for value in optimizer.state.get(parameter, {}).values():
        if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
            yield value
