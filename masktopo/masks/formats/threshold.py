"""Soft thresholds of STR: the network uses ``sign(w) relu(|w| - sigmoid(s))`` for its weight.

``fc.weight`` is dense in the file, and ``fc.sparseThreshold`` holds ``s``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_floating, to_array, width_of
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.stored import StoredTensor

__all__ = ["threshold_masks"]


@dataclass(frozen=True)
class _Thresholded(StoredTensor):
    """A weight beyond its threshold."""

    weight: Any
    threshold: Any

    def read(self) -> NDArray[Any]:
        """Compute the weight that the network uses."""
        weight = to_array(self.weight, "weight")
        threshold = to_array(self.threshold, "sparseThreshold").astype(weight.dtype)
        # Thresholds start at -200, where the exponential overflows and the sigmoid is 0.
        with np.errstate(over="ignore"):
            left: NDArray[Any] = np.abs(weight) - 1 / (1 + np.exp(-threshold))
        np.maximum(left, 0, out=left)
        np.copysign(left, weight, out=left)
        return left


@dataclass(frozen=True)
class _Passing(StoredTensor):
    """Where a weight lies beyond its threshold."""

    effective: _Thresholded

    def read(self) -> NDArray[Any]:
        """Compare with zero."""
        passing: NDArray[Any] = self.effective.read() != 0
        return passing


def threshold_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every weight with a threshold beside it; weights are those that the network uses."""
    for name, threshold in checkpoint.tensors.items():
        key = name.removesuffix("sparseThreshold") + "weight"
        weight = checkpoint.tensors.get(key) if name.endswith("sparseThreshold") else None
        if weight is not None and is_floating(weight):
            shape = _checked_shape(key, weight, threshold)
            number = NUMBERS["F64" if width_of(weight) == 8 else "F32"]
            effective = _Thresholded(shape, number, weight, threshold)
            mask = _Passing(shape, NUMBERS["BOOL"], effective)
            yield FoundMask(key, mask, effective, "sparseThreshold", key)


def _checked_shape(key: str, weight: Any, threshold: Any) -> tuple[int, ...]:
    """Return the weight's shape; raise unless the threshold has 1 or the same side everywhere."""
    shape, sides = tuple(weight.shape), tuple(threshold.shape)
    aligned = zip(sides[::-1], shape[::-1], strict=False)
    if len(sides) > len(shape) or any(side not in (1, whole) for side, whole in aligned):
        raise MaskError(
            f"{key!r}: sparseThreshold has shape {sides}, which does not fit the weight's {shape}"
        )
    return shape
