"""A dense network with what is needed to prune it."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError
from masktopo.graphs.tracing import trace
from masktopo.graphs.wiring import Wiring
from masktopo.masks.layer import BoolArray
from masktopo.masks.maskset import MaskSet
from masktopo.masks.slots import network_of
from masktopo.pruning.budget import kept_count
from masktopo.pruning.method import METHODS, Method
from masktopo.pruning.prunable import (
    PrunableLayer,
    dense_masks,
    layer_weights,
    prunable_layers,
    split_layers,
    total_size,
)
from masktopo.pruning.recipe import Recipe

__all__ = ["Problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """A dense network with what is needed to prune it.

    Parameters
    ----------
    model : torch.nn.Module
        The network, never changed.
    recipe : Recipe
        How masks are made.
    data : TensorData or None
        What the method may see: the training set less its validation part.

    Raises
    ------
    PruningError
        If nothing is prunable, or the density keeps nothing.
    ArgumentError
        If the method needs data and there is none, or layers to keep dense are unknown.
    """

    model: nn.Module
    recipe: Recipe
    data: TensorData | None = None

    def __post_init__(self) -> None:
        if self.data is None and self.method.takes:
            raise ArgumentError(
                f"method {self.recipe.method!r} needs data, for {self.method.takes}"
            )
        layer_weights(self.network, self.layers)
        kept_count(self.recipe.density, self.size)

    @property
    def network(self) -> nn.Module:
        """The model without wrappers such as DataParallel, so that layers have their names."""
        return network_of(self.model)

    @property
    def method(self) -> Method:
        """The recipe's method."""
        return METHODS[self.recipe.method]

    @cached_property
    def dense(self) -> MaskSet:
        """All layers with the model's weights, nothing pruned."""
        return dense_masks(self.model)

    @cached_property
    def wiring(self) -> Wiring:
        """The network's data flow for one sample of the data."""
        assert self.data is not None
        dtype = layer_weights(self.network, self.layers)[0].dtype
        return trace(self.network, torch.zeros((1, *self.data.sample_shape), dtype=dtype))

    @cached_property
    def layers(self) -> tuple[PrunableLayer, ...]:
        """The layers that may lose weights."""
        return prunable_layers(self.dense, self.recipe.keep_dense)

    @property
    def size(self) -> int:
        """Number of prunable weights."""
        return total_size(self.layers)

    @property
    def device(self) -> torch.device:
        """Where the prunable weights are."""
        return layer_weights(self.network, self.layers)[0].device

    def masks(self, kept: BoolArray, *, origin: str | None = None) -> MaskSet:
        """Return a flat choice as a `MaskSet` over the model's weights."""
        masks = split_layers(kept, self.layers)
        return self.dense.with_masks(masks, origin=origin or self.recipe.origin)
