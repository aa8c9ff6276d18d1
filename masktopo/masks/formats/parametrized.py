"""Masks in the buffers of ``torch.nn.utils.parametrize``.

``fc.parametrizations.weight.original`` keeps the values and, where a parametrization has a
buffer ``mask``, ``fc.parametrizations.weight.0.mask`` the mask; the first of several counts.
Sparsimony keeps a buffer ``dense_grad`` as well, which is no mask.
"""

import re
from collections.abc import Iterator

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask

__all__ = ["ORIGINAL", "parametrized_masks"]

ORIGINAL = re.compile(r"(?P<path>(?:.+\.)?)parametrizations\.(?P<slot>\w+)\.original")

_MOST_STACKED = 8


def parametrized_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the first ``parametrizations.*.N.mask`` beside each ``original``."""
    for key, weight in checkpoint.tensors.items():
        match = ORIGINAL.fullmatch(key)
        if match:
            stem = key.removesuffix("original")
            for place in range(_MOST_STACKED):
                mask = checkpoint.tensors.get(f"{stem}{place}.mask")
                if mask is not None:
                    parameter = match["path"] + match["slot"]
                    yield FoundMask(parameter, mask, weight, "parametrization mask", key)
                    break
