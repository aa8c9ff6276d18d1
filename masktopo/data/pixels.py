"""How the bytes of images become numbers that a network takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pixels", "pixels_of"]

_LEVELS = 256
_CHUNK = 1024


@dataclass(frozen=True)
class Pixels:
    """Mean and standard deviation of every channel, in units of bytes.

    Parameters
    ----------
    mean, deviation : tuple of float
        One a channel; deviations are greater than 0.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def pixels_of(images: NDArray[np.uint8]) -> Pixels:
    """Return mean and standard deviation of every channel of `images`.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, channels, height, width)
        The images of a training set. Counted in whole numbers, so that the result does not
        depend on the order of the images.

    Returns
    -------
    Pixels
        A channel of a single value gets the deviation 1.

    Examples
    --------
    >>> pixels_of(np.array([[[[0, 4]], [[7, 7]]]], dtype=np.uint8))
    Pixels(mean=(2.0, 7.0), deviation=(2.0, 1.0))
    """
    levels = np.arange(_LEVELS)
    means, deviations = [], []
    for counts in _level_counts(images):
        mean = float(counts @ levels / counts.sum())
        variance = float(counts @ (levels - mean) ** 2 / counts.sum())
        means.append(mean)
        deviations.append(variance**0.5 or 1.0)
    return Pixels(tuple(means), tuple(deviations))


def _level_counts(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the levels of every channel, int64 of shape (channels, 256).

    In chunks, since `numpy.bincount` makes int64 of the bytes.
    """
    counts = np.zeros((images.shape[1], _LEVELS), dtype=np.int64)
    for start in range(0, len(images), _CHUNK):
        for channel, total in enumerate(counts):
            part = images[start : start + _CHUNK, channel]
            total += np.bincount(part.ravel(), minlength=_LEVELS)
    return counts
