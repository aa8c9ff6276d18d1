"""Weights that came with a bitmask: what a compressed checkpoint says of its own pruning."""

from collections.abc import Iterator

from masktopo.masks.formats.bitmask import BitmaskWeight
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["compressed_masks"]


def compressed_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every weight of SparseML or compressed-tensors."""
    for key, tensor in checkpoint.tensors.items():
        if isinstance(tensor, BitmaskWeight):
            yield FoundMask(key, tensor.mask, tensor, "bitmask", key)
