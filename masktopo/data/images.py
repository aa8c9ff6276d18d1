"""Images as bytes, normalised by their training set."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo.data.pixels import Pixels, pixels_of
from masktopo.data.splits import DataSplits, split_off_test
from masktopo.data.tensors import TensorData
from masktopo.errors import DataError

__all__ = ["Labelled", "image_splits", "label_tensor"]

Labelled = tuple[NDArray[Any], NDArray[Any]]
"""Images, uint8 of shape (n, channels, height, width), and the class of each, shape (n,)."""


def image_splits(
    name: str, train: Labelled, test: Labelled | None = None, *, n_classes: int
) -> DataSplits:
    """Return images as data that is centred and scaled by the training set, channel by channel.

    Parameters
    ----------
    name : str
        What the data is called.
    train, test : Labelled
        Without a test set a fixed, stratified fifth of `train` is held out.
    n_classes : int
        Number of classes.

    Raises
    ------
    DataError
        If there are no pixels to train on, or labels are no classes.

    Examples
    --------
    >>> images = np.arange(40, dtype=np.uint8).reshape(10, 1, 2, 2)
    >>> splits = image_splits("tiny", (images, np.arange(10) % 2), n_classes=2)
    >>> len(splits.train), len(splits.test)
    (8, 2)
    """
    if not train[0].size:
        raise DataError(
            f"{name}: the training images have shape {train[0].shape}; expected some images of "
            "some pixels"
        )
    pixels = pixels_of(train[0])
    data = _tensors(train, n_classes, name, pixels)
    if test is None:
        return split_off_test(data)
    return DataSplits(data, _tensors(test, n_classes, f"{name} (test part)", pixels))


def _tensors(labelled: Labelled, n_classes: int, name: str, pixels: Pixels) -> TensorData:
    images, labels = labelled
    inputs = torch.from_numpy(np.require(images, requirements=["C", "W"]))
    return TensorData(inputs, label_tensor(labels, name), n_classes, name, pixels)


def label_tensor(labels: NDArray[Any], name: str) -> torch.Tensor:
    """Return a copy of labels as int64.

    Raises
    ------
    DataError
        If they are not whole numbers.
    """
    if labels.dtype.kind not in "iu":
        raise DataError(f"{name}: labels must be whole numbers, not {labels.dtype}")
    return torch.from_numpy(labels.astype(np.int64))
