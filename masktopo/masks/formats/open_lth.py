"""State dicts of open_lth's ``PrunedModel``: ``model.fc.weight`` beside ``mask_fc___weight``.

Dots in names are written as three underscores there, since buffers cannot have dots.
"""

from collections.abc import Iterator

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["open_lth_masks"]


def open_lth_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every ``mask_*`` of a parameter below ``model.``."""
    for name, mask in checkpoint.tensors.items():
        parameter = name.removeprefix("mask_").replace("___", ".")
        key = f"model.{parameter}"
        if name.startswith("mask_") and key in checkpoint.tensors:
            yield FoundMask(parameter, mask, checkpoint.tensors[key], "mask_* buffer", key)
