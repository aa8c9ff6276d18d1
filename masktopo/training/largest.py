"""Magnitude pruning of trained weights."""

from collections.abc import Mapping

import numpy as np
import torch

from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import parameter_name
from masktopo.pruning.budget import keep_highest
from masktopo.pruning.collapse import warn_of_collapse
from masktopo.pruning.prunable import flat_values, prunable_layers, split_layers

__all__ = ["largest_weights"]


def largest_weights(
    masks: MaskSet, state: Mapping[str, torch.Tensor], count: int, *, origin: str
) -> MaskSet:
    """Keep the `count` largest magnitudes among the weights that `masks` keeps.

    Parameters
    ----------
    masks : MaskSet
        Of the whole network; layers that are neither linear nor convolutions stay as they are.
    state : mapping of str to torch.Tensor
        Trained parameters.
    count : int
        At most as many as linear layers and convolutions keep so far.
    origin : str
        Where the new masks come from, in words.

    Returns
    -------
    MaskSet
        Of equal magnitudes the earlier weight stays, as in `masktopo.prune`.

    Warns
    -----
    MasktopoWarning
        If a layer is left without weights; it is named.

    Examples
    --------
    >>> from masktopo.masks.layer import LayerMask
    >>> masks = MaskSet([LayerMask("fc", np.array([[True, True, False]]))])
    >>> state = {"fc.weight": torch.tensor([[1.0, -2.0, 3.0]])}
    >>> largest_weights(masks, state, 1, origin="round 1")["fc"].mask.tolist()
    [[False, True, False]]
    """
    layers = prunable_layers(masks)
    kept = np.concatenate([masks[layer.name].mask.ravel() for layer in layers])
    magnitudes = np.abs(flat_values(state[parameter_name(layer.name)] for layer in layers))
    # A kept weight may be exactly 0, and still comes before all that is pruned.
    chosen = keep_highest(np.where(kept, magnitudes, -1.0), count)
    found = masks.with_masks(split_layers(chosen, layers), origin=origin)
    warn_of_collapse(found, origin, stacklevel=4)
    return found
