"""Data sets in one ``.npz`` file of NumPy."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo._check import join_names
from masktopo.data.convert import data_from_pair
from masktopo.data.images import Labelled, image_splits, label_tensor
from masktopo.data.splits import DataSplits, joined, split_off_test
from masktopo.data.tensors import count_classes
from masktopo.errors import ArgumentError, DataError

__all__ = ["npz"]

_NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("inputs", "labels", "test_inputs", "test_labels"),
)
_CHANNELS = (1, 3)


def npz(details: str) -> DataSplits:
    """Return the data set of one ``.npz`` file.

    Parameters
    ----------
    details : str
        Path of the file. Its arrays are named ``x_train``, ``y_train``, ``x_test``, ``y_test``,
        as in Keras' files; or ``train_images``, ``train_labels``, ``test_images``,
        ``test_labels``, as in MedMNIST's; or ``inputs``, ``labels``, ``test_inputs``,
        ``test_labels``. Without a test set a fixed, stratified fifth is held out.

    Returns
    -------
    DataSplits
        Images of bytes, with one or three channels first, last or left out, are centred and
        scaled by mean and deviation of the training set; other numbers are taken as they are.

    Raises
    ------
    DataError
        If the file is missing or damaged, or arrays are missing or do not fit together.
    """
    if not details:
        raise ArgumentError("the data 'npz' needs a path, as in npz:PATH")
    path = Path(details).expanduser()
    parts = _read(path)
    name = f"npz:{path.name}"
    if all(images.dtype == np.uint8 and images.ndim in (3, 4) for images, _ in parts):
        n_classes = max(count_classes(label_tensor(labels, name), name) for _, labels in parts)
        pictures = [(_channels_first(images), labels) for images, labels in parts]
        return image_splits(name, *pictures, n_classes=n_classes)
    train, *test = (data_from_pair(*part, name=name) for part in parts)
    return joined(train, test[0]) if test else split_off_test(train)


def _read(path: Path) -> list[Labelled]:
    """Read the training set and, where there is one, the test set."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected a .npz file") from error
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or no .npz file of plain arrays: {error}") from error
    for names in _NAMES:
        inputs, labels, test_inputs, test_labels = map(arrays.get, names)
        if inputs is not None and labels is not None:
            parts = [(inputs, _flat(labels))]
            if test_inputs is not None and test_labels is not None:
                parts.append((test_inputs, _flat(test_labels)))
            return parts
    wanted = " or ".join(f"{names[0]} and {names[1]}" for names in _NAMES)
    raise DataError(f"{path} has the arrays {join_names(arrays) or 'of none'}; expected {wanted}")


def _flat(labels: NDArray[Any]) -> NDArray[Any]:
    """Drop the second dimension that some files give their classes."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images as (n, channels, height, width)."""
    if images.ndim == 3:
        return images[:, None]
    if images.shape[1] not in _CHANNELS and images.shape[3] in _CHANNELS:
        return images.transpose(0, 3, 1, 2)
    return images
