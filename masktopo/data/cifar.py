"""CIFAR-10 and CIFAR-100 as they are published: batches for Python, or of plain bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masktopo.data.filetree import FileTree, open_tree
from masktopo.data.images import Labelled, image_splits
from masktopo.data.splits import DataSplits
from masktopo.data.unpickle import unpickle_plain
from masktopo.errors import ArgumentError, DataError

__all__ = ["cifar10", "cifar100"]

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_SITE = "https://www.cs.toronto.edu/~kriz/cifar.html"


@dataclass(frozen=True)
class _Edition:
    """How one of the two data sets is published.

    Parameters
    ----------
    name : str
        As in a specification.
    train, test : sequence of str
        Files of the batches; those of plain bytes end in ``.bin``.
    key : bytes
        Where a batch for Python holds the classes.
    label_bytes : int
        Bytes before the pixels of an image, of which the last is its class.
    n_classes : int
        Number of classes.
    """

    name: str
    train: Sequence[str]
    test: Sequence[str]
    key: bytes
    label_bytes: int
    n_classes: int


_CIFAR10 = _Edition(
    "cifar10", [f"data_batch_{part}" for part in range(1, 6)], ["test_batch"], b"labels", 1, 10
)
_CIFAR100 = _Edition("cifar100", ["train"], ["test"], b"fine_labels", 2, 100)


def cifar10(details: str) -> DataSplits:
    """Return CIFAR-10: 50,000 and 10,000 images of 32x32 pixels in 10 classes.

    Parameters
    ----------
    details : str
        Path of the published archive (``cifar-10-python.tar.gz`` or ``cifar-10-binary.tar.gz``),
        or of a folder that its files are in, at any depth.

    Returns
    -------
    DataSplits
        Bytes, centred and scaled by mean and deviation of the training set.

    Raises
    ------
    DataError
        If a batch is missing or damaged; it is named, and where to get it.

    References
    ----------
    A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
    """
    return _read(_CIFAR10, details)


def cifar100(details: str) -> DataSplits:
    """Return CIFAR-100 with its 100 fine classes; see `cifar10`."""
    return _read(_CIFAR100, details)


def _read(edition: _Edition, details: str) -> DataSplits:
    if not details:
        raise ArgumentError(f"the data {edition.name!r} needs a path, as in {edition.name}:PATH")
    tree = open_tree(Path(details).expanduser())
    train, test = (_batches(edition, tree, names) for names in (edition.train, edition.test))
    return image_splits(edition.name, train, test, n_classes=edition.n_classes)


def _batches(edition: _Edition, tree: FileTree, names: Sequence[str]) -> Labelled:
    """Read the batches of one part and join them."""
    parts = [_batch(edition, tree, name) for name in names]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images.reshape(-1, *_SHAPE), labels


def _batch(edition: _Edition, tree: FileTree, name: str) -> Labelled:
    """Read one batch in whichever form is there: images flat, and their classes."""
    for found in (tree.find(name), tree.find(f"{name}.bin")):
        if found is not None:
            read = _read_bytes if found.endswith(".bin") else _read_pickle
            return read(edition, tree.read(found), f"{tree.path / found}")
    raise DataError(f"{tree.path} has neither {name} nor {name}.bin; {edition.name} is at {_SITE}")


def _read_pickle(edition: _Edition, content: bytes, name: str) -> Labelled:
    batch = unpickle_plain(content, name)
    images = batch.get(b"data") if isinstance(batch, dict) else None
    labels = batch.get(edition.key) if isinstance(batch, dict) else None
    if not isinstance(images, np.ndarray) or not isinstance(labels, list):
        raise _damaged(edition, name, f"it has no data and {edition.key.decode()}")
    if images.shape != (len(labels), _PIXELS) or not all(isinstance(one, int) for one in labels):
        raise _damaged(edition, name, f"{len(labels)} classes, but data of shape {images.shape}")
    _check_classes(edition, labels, name)
    return images, np.array(labels, dtype=np.int64)


def _read_bytes(edition: _Edition, content: bytes, name: str) -> Labelled:
    length = edition.label_bytes + _PIXELS
    if not content or len(content) % length:
        raise _damaged(edition, name, f"{len(content)} bytes are no multiple of {length}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, length)
    labels = records[:, edition.label_bytes - 1]
    _check_classes(edition, labels.tolist(), name)
    return records[:, edition.label_bytes :], labels


def _check_classes(edition: _Edition, labels: Sequence[int], name: str) -> None:
    """Raise unless all are classes, whatever their size: a damaged pickle may hold 2**70."""
    for image, label in enumerate(labels):
        if not 0 <= label < edition.n_classes:
            why = f"image {image} has class {label}, expected 0 to {edition.n_classes - 1}"
            raise _damaged(edition, name, why)


def _damaged(edition: _Edition, name: str, why: str) -> DataError:
    return DataError(f"{name} is no batch of {edition.name}: {why}; whole files are at {_SITE}")
