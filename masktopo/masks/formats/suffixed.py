"""Masks beside their weights under a suffix, as ``torch.nn.utils.prune`` and SynFlow keep them.

``fc.weight_mask`` is the mask of ``fc.weight_orig`` (torch) or of ``fc.weight`` (buffers of
SynFlow and others), or stands alone.
"""

from collections.abc import Iterator

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["suffixed_masks"]


def suffixed_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every ``*_mask`` that belongs to a parameter."""
    tensors = checkpoint.tensors
    for name, mask in tensors.items():
        parameter = name.removesuffix("_mask")
        if parameter == name:
            continue
        keys = [key for key in (f"{parameter}_orig", parameter) if key in tensors]
        # An attn_mask is no mask of weights: without its parameter, only the name can tell.
        if keys or parameter.endswith(("weight", "bias")):
            key = keys[0] if keys else name
            origin = name.rpartition(".")[2]
            yield FoundMask(parameter, mask, tensors[key] if keys else None, origin, key)
