"""Counts of kept weights in groups of consecutive inputs."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["count_groups"]


@kernel
def count_groups(
    mask: NDArray[np.uint8], places: int, size: int, histogram: NDArray[np.int64]
) -> None:
    """Count the groups of `size` consecutive channels, at one place each, by weights kept.

    `mask` has shape ``(out, channels * places)`` with places last, and `size` divides the
    channels; ``histogram[n]`` grows by the groups that keep n. O(size of the mask).
    """
    span = size * places
    for row in range(mask.shape[0]):
        for start in range(0, mask.shape[1], span):
            for place in range(start, start + places):
                kept = 0
                for item in range(place, place + span, places):
                    kept += mask[row, item]
                histogram[kept] += 1
