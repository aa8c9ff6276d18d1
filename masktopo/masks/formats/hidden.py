"""Weights that a state dict keeps without their masks, or in another form than their values.

To read them as they stand would show a pruned network as a dense one, so they are refused.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from masktopo._check import join_names
from masktopo.errors import NoMaskError
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.parameters import parameter_of

__all__ = ["hidden_weights"]


def hidden_weights(
    checkpoint: Checkpoint, found: Collection[str], *, allow_dense: bool
) -> dict[str, FoundMask]:
    """Return the original values that have no mask, as dense layers, by key.

    Parameters
    ----------
    checkpoint : Checkpoint
        What was read.
    found : collection of str
        Keys of the parameters whose masks were found.
    allow_dense : bool
        Whether such values may be read as dense layers.

    Raises
    ------
    NoMaskError
        If there are such values and `allow_dense` is false, or weights are kept as factors.
    """
    rest = {
        key: tensor
        for key, tensor in checkpoint.tensors.items()
        if tensor.ndim >= 2 and key not in found
    }
    factors = [key for key in rest if _second_factor(key) in rest]
    if factors:
        raise NoMaskError(
            f"{checkpoint.source}: {join_names(factors)} hold factors of weights, as weight_norm "
            "keeps them. Remove weight_norm from the model before saving its state dict, or pass "
            "the model itself"
        )
    originals = {each.key: each for each in _originals(rest)}
    if originals and not allow_dense:
        raise NoMaskError(
            f"{checkpoint.source}: {join_names(originals)} hold values before masking, but the "
            "masks are not in the file: torch.ao.pruning, for one, leaves them out of the state "
            "dict. Save sparsifier.state_dict() as well and read the masks from there, with this "
            "file for the weights; or call sparsifier.squash_mask() before saving; or pass the "
            "model itself"
        )
    return originals


def _second_factor(key: str) -> str | None:
    """Return the name of the direction that belongs to a length of weight_norm's."""
    for first, second in ((".original0", ".original1"), ("weight_g", "weight_v")):
        if key.endswith(first):
            return key.removesuffix(first) + second
    return None


def _originals(tensors: Mapping[str, Any]) -> Iterator[FoundMask]:
    for key, weight in tensors.items():
        if parameter_of(key) != key:
            yield FoundMask(parameter_of(key), None, weight, "dense", key)
