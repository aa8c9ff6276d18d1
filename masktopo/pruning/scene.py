"""What a score is given to look at."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from masktopo.graphs.wiring import Wiring
from masktopo.pruning.batches import Batches
from masktopo.pruning.gradients import summed_gradients
from masktopo.pruning.prunable import PrunableLayer, layer_weights

__all__ = ["Scene"]


@dataclass(frozen=True, eq=False)
class Scene:
    """One network at one moment of pruning.

    Parameters
    ----------
    network : torch.nn.Module
        A private copy, which the score may change: weights that earlier rounds removed are 0,
        gradients flow to the prunable weights only, in eval or training mode as asked for.
    layers : tuple of PrunableLayer
        The weights to score.
    batches : Batches or None
        Mini-batches, for methods that see data.
    input_shape : tuple of int or None
        Shape of one sample, for methods that run the network without data.
    generator : numpy.random.Generator
        Randomness of the score itself.
    counts : tuple of (slice, int)
        How many of the highest scores will be kept in each span of the flat vector.
    wiring : Wiring or None
        The data flow, for methods that follow paths.
    temperature : float
        What logits are divided by in the loss.
    pooled : list of torch.Tensor or None
        The summed gradients of the batches, where a pool has them.
    """

    network: nn.Module
    layers: tuple[PrunableLayer, ...]
    batches: Batches | None
    input_shape: tuple[int, ...] | None
    generator: np.random.Generator
    counts: tuple[tuple[slice, int], ...]
    wiring: Wiring | None
    temperature: float = 1.0
    pooled: list[torch.Tensor] | None = None

    @property
    def weights(self) -> list[nn.Parameter]:
        """The parameters to score, one a layer."""
        return layer_weights(self.network, self.layers)

    @property
    def gradients(self) -> list[torch.Tensor]:
        """The gradients of the weights, summed over the batches in their order."""
        if self.pooled is not None:
            return self.pooled
        assert self.batches is not None
        return summed_gradients(
            self.network, self.weights, self.batches, temperature=self.temperature
        )
