"""The weights that a pruning method may remove, as one flat vector.

Scores and choices are flat arrays of all prunable weights, layer after layer in the network's
order and each layer in C order; so "ties to the lower index" has one meaning everywhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from masktopo._check import join_names
from masktopo.errors import ArgumentError, PruningError
from masktopo.graphs.wiring import LayerSpec
from masktopo.masks.copying import copy_model
from masktopo.masks.layer import BoolArray, LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.masks.model import masks_of_module

__all__ = [
    "PrunableLayer",
    "dense_masks",
    "flat_values",
    "layer_weights",
    "named_layers",
    "private_copy",
    "prunable_layers",
    "split_layers",
    "total_size",
    "zero_pruned",
]

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class PrunableLayer:
    """One layer's place in the flat vector of prunable weights.

    Parameters
    ----------
    name : str
        As in the network's `MaskSet`.
    shape : tuple of int
        Of the weight.
    start : int
        Place of its first weight in the flat vector.
    """

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """Number of weights."""
        return prod(self.shape)

    @property
    def span(self) -> slice:
        """Where its weights are in the flat vector."""
        return slice(self.start, self.start + self.size)


def dense_masks(model: nn.Module) -> MaskSet:
    """Return all layers of `model` with its weights, nothing pruned."""
    found = masks_of_module(model)
    whole = {name: np.ones_like(layer.mask) for name, layer in found.items()}
    return found.with_masks(whole, origin="dense")


ENDS = {"first": 0, "last": -1}
"""Words that stand for a prunable layer by its place in the network's order."""


def prunable_layers(
    network: MaskSet, keep_dense: Collection[str] = ()
) -> tuple[PrunableLayer, ...]:
    """Return the linear and convolution layers of `network`; tied weights count once.

    Parameters
    ----------
    network : MaskSet
    keep_dense : collection of str
        Names of layers to leave out, or of tied ones an alias; ``"first"`` and ``"last"`` are
        those in the network's order, unless layers have these names.

    Raises
    ------
    ArgumentError
        If `keep_dense` names an unknown layer.
    PruningError
        If none is left.

    Examples
    --------
    >>> from masktopo.masks.layer import LayerMask
    >>> layers = [LayerMask("word", np.ones((9, 2), bool), kind="embedding"),
    ...           LayerMask("fc", np.ones((3, 2), bool))]
    >>> prunable_layers(MaskSet(layers))
    (PrunableLayer(name='fc', shape=(3, 2), start=0),)
    """
    able = [
        layer
        for layer in network.values()
        if layer.kind == "linear" or layer.kind.startswith("conv")
    ]
    if not any(layer.size for layer in able):
        raise PruningError(
            "the network has no prunable layer: no weight of a linear layer or a convolution "
            f"among {join_names(network) or 'its parameters'}"
        )
    dense = _dense_names(able, keep_dense)
    found: list[PrunableLayer] = []
    for layer in able:
        if layer.name not in dense:
            start = found[-1].span.stop if found else 0
            found.append(PrunableLayer(layer.name, layer.shape, start))
    if not total_size(found):
        raise PruningError(
            f"nothing is left to prune: keep_dense keeps {join_names(layer.name for layer in able)}"
        )
    return tuple(found)


def _dense_names(layers: Sequence[LayerMask], keep_dense: Collection[str]) -> set[str]:
    """Return the own names of the layers that `keep_dense` names."""
    names = {word: layers[place].name for word, place in ENDS.items()}
    names |= {name: layer.name for layer in layers for name in (*layer.aliases, layer.name)}
    unknown = [name for name in keep_dense if name not in names]
    if unknown:
        raise ArgumentError(
            f"keep_dense names {join_names(map(repr, unknown))}, but the prunable layers are "
            f"{join_names((layer.name for layer in layers), most=len(layers))}"
        )
    return {names[name] for name in keep_dense}


def named_layers(
    layers: Sequence[PrunableLayer], specs: Iterable[LayerSpec]
) -> dict[str, PrunableLayer]:
    """Return, by its name in a wiring, each layer of the wiring that is prunable."""
    known = {layer.name: layer for layer in layers}
    return {
        spec.name: known[name]
        for spec in specs
        for name in (spec.name, *spec.aliases)
        if name in known
    }


def total_size(layers: Sequence[PrunableLayer]) -> int:
    """Return the length of the flat vector."""
    return layers[-1].span.stop if layers else 0


def layer_weights(network: nn.Module, layers: Sequence[PrunableLayer]) -> list[nn.Parameter]:
    """Return the parameters of `network` that `layers` name, in their order.

    Raises
    ------
    PruningError
        If a weight is no parameter, as under ``torch.nn.utils.prune`` or a parametrisation.
    """
    parameters = dict(network.named_parameters(remove_duplicate=False))
    found = {layer.name: _parameter(parameters, layer.name) for layer in layers}
    missing = [name for name, parameter in found.items() if parameter is None]
    if missing:
        raise PruningError(
            f"the weight of layer {join_names(missing)} is no parameter of the model; pruning "
            "hooks and parametrisations must be removed first"
        )
    return [parameter for parameter in found.values() if parameter is not None]


def private_copy(model: nn.Module, layers: Sequence[PrunableLayer]) -> nn.Module:
    """Copy `model` so that gradients flow to the weights of `layers` and to nothing else."""
    network = copy_model(model)
    network.requires_grad_(False)
    for weight in layer_weights(network, layers):
        weight.requires_grad_(True)
    return network


def flat_values(tensors: Iterable[torch.Tensor]) -> NDArray[np.float64]:
    """Join one tensor a layer into a flat float64 vector on the CPU."""
    return np.concatenate([tensor.detach().double().cpu().numpy().ravel() for tensor in tensors])


def split_layers(
    flat: NDArray[Number], layers: Sequence[PrunableLayer]
) -> dict[str, NDArray[Number]]:
    """Cut a flat vector into one array a layer, each in its weight's shape (views)."""
    return {layer.name: flat[layer.span].reshape(layer.shape) for layer in layers}


def zero_pruned(network: nn.Module, layers: Sequence[PrunableLayer], kept: BoolArray) -> None:
    """Set the weights of `network` that `kept` leaves out to 0, in place."""
    masks = split_layers(kept, layers)
    with torch.no_grad():
        for layer, weight in zip(layers, layer_weights(network, layers), strict=True):
            pruned = torch.from_numpy(~masks[layer.name]).to(weight.device)
            weight.masked_fill_(pruned, 0.0)


def _parameter(parameters: Mapping[str, nn.Parameter], layer: str) -> nn.Parameter | None:
    """Return the parameter of `layer` under its full name, or None."""
    return parameters.get(f"{layer}.weight", parameters.get(layer))
