"""Masks beside their weights, in entries whose names say so.

``fc.weight_mask`` is the mask of ``fc.weight_orig`` (``torch.nn.utils.prune``) or of
``fc.weight`` (buffers of SynFlow and others), or stands alone. ``fc.keep_mask`` (ProsPr),
``fc.mask`` and ``fc.weight.mask`` (sparse_learning) are masks of ``fc.weight``, if they have its
shape.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["buffered_masks", "suffixed_masks"]


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


def buffered_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every buffer called ``mask`` or ``keep_mask`` beside or below a weight of its shape."""
    for name, mask in checkpoint.tensors.items():
        path, _, word = name.rpartition(".")
        if word in ("mask", "keep_mask"):
            key = _home(checkpoint.tensors, path, tuple(mask.shape))
            if key is not None:
                yield FoundMask(key, mask, checkpoint.tensors[key], word, key)


def _home(tensors: Mapping[str, Any], path: str, shape: tuple[int, ...]) -> str | None:
    # A causal mask of attention is called the same, but has no weight of its shape beside it.
    for key in (path, f"{path}.weight"):
        if key.endswith("weight") and key in tensors and tuple(tensors[key].shape) == shape:
            return key
    return None
