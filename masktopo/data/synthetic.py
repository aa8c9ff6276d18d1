"""Made-up data of any shape that a network can learn: one pattern a class, plus noise."""

import re

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo._random import stream
from masktopo.data.splits import DataSplits, split_off_test
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError

__all__ = ["synthetic"]

SAMPLES_PER_CLASS = 125
"""A fifth of them becomes the test set."""

_PATCHES = 4
_NOISE = 1.0
_SEED = 0


def synthetic(details: str) -> DataSplits:
    """Return the synthetic data of one shape and number of classes, always the same.

    Each class has a pattern: independent normal values for every channel, constant on a grid of
    at most 4 patches along every further dimension. A sample is its class's pattern plus
    independent normal noise of standard deviation 1 at every element.

    Parameters
    ----------
    details : str
        Shape of a sample, channels first, and number of classes: ``3x32x32:10``.

    Examples
    --------
    >>> splits = synthetic("3x8x8:10")
    >>> splits.train.inputs.shape, len(splits.test)
    (torch.Size([1000, 3, 8, 8]), 250)
    """
    shape, n_classes = _parse(details)
    patterns = np.stack([_pattern(shape, label) for label in range(n_classes)])
    labels = np.repeat(np.arange(n_classes), SAMPLES_PER_CLASS)
    noise = stream(_SEED, n_classes).standard_normal((len(labels), *shape), dtype=np.float32)
    data = TensorData(
        torch.from_numpy(patterns[labels] + _NOISE * noise),
        torch.from_numpy(labels),
        n_classes,
        f"synthetic:{details}",
    )
    return split_off_test(data)


def _parse(details: str) -> tuple[tuple[int, ...], int]:
    """Read ``3x32x32:10`` as ((3, 32, 32), 10)."""
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*:[1-9]\d*", details):
        raise ArgumentError(
            f"'synthetic:{details}' is not of the form synthetic:3x32x32:10 "
            "(shape of a sample, then number of classes)"
        )
    shape, n_classes = details.split(":")
    return tuple(map(int, shape.split("x"))), int(n_classes)


def _pattern(shape: tuple[int, ...], label: int) -> NDArray[np.float32]:
    """Draw the pattern of one class, float32 of `shape`."""
    channels, *extents = shape
    grid = [min(extent, _PATCHES) for extent in extents]
    patches = stream(_SEED, label).standard_normal((channels, *grid), dtype=np.float32)
    places = [
        np.arange(extent) * cells // extent for extent, cells in zip(extents, grid, strict=True)
    ]
    return patches[np.ix_(np.arange(channels), *places)]
