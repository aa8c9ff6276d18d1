"""Masks in the buffers of ``torch.nn.utils.parametrize``.

``fc.parametrizations.weight.original`` keeps the values and, where the parametrization has a
buffer ``mask``, ``fc.parametrizations.weight.0.mask`` the mask.
"""

import re
from collections.abc import Iterator

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["ORIGINAL", "parametrized_masks"]

ORIGINAL = re.compile(r"(?P<path>(?:.+\.)?)parametrizations\.(?P<slot>\w+)\.original")


def parametrized_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every ``parametrizations.*.0.mask`` beside its ``original``."""
    for key, weight in checkpoint.tensors.items():
        match = ORIGINAL.fullmatch(key)
        mask = checkpoint.tensors.get(f"{key.removesuffix('original')}0.mask") if match else None
        if match and mask is not None:
            parameter = match["path"] + match["slot"]
            yield FoundMask(parameter, mask, weight, "parametrization mask", key)
