"""IDX files, in which MNIST and data sets like it are published."""

import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masktopo.data.filetree import FileTree, open_tree
from masktopo.data.images import Labelled, image_splits
from masktopo.data.splits import DataSplits
from masktopo.errors import ArgumentError, DataError

__all__ = ["idx"]

_BYTES = 8
"""The code of unsigned bytes, the only kind that images and classes are published in."""


def idx(details: str) -> DataSplits:
    """Return a data set of four IDX files, such as MNIST, Fashion-MNIST or KMNIST.

    Parameters
    ----------
    details : str
        Path of a folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the
        same for ``t10k`` or ``test``; any of them gzipped (``.gz``), and with more in front of
        their names, as EMNIST has it.

    Returns
    -------
    DataSplits
        Bytes of shape (n, 1, height, width), centred and scaled by mean and deviation of the
        training set.

    Raises
    ------
    DataError
        If a file is missing, damaged or there twice; it is named.
    """
    if not details:
        raise ArgumentError("the data 'idx' needs a path, as in idx:PATH")
    tree = open_tree(Path(details).expanduser())
    train, test = (_part(tree, names) for names in ("train", "(?:t10k|test)"))
    n_classes = 1 + max(int(labels.max()) for _, labels in (train, test))
    return image_splits(f"idx:{tree.path.name}", train, test, n_classes=n_classes)


def _part(tree: FileTree, names: str) -> Labelled:
    """Read images and classes of one part."""
    image_file = _find(tree, f"{names}-images", 3)
    label_file = _find(tree, f"{names}-labels", 1)
    images, labels = (_read(tree, name) for name in (image_file, label_file))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not len(labels):
        raise DataError(
            f"{tree.path / image_file} of shape {images.shape} and {label_file} of shape "
            f"{labels.shape} do not go together; expected (n, height, width) and (n,)"
        )
    return images[:, None], labels


def _find(tree: FileTree, stem: str, dimensions: int) -> str:
    """Return the file of that stem, unpacked rather than gzipped."""
    pattern = re.compile(rf"(?:.*[/-])?{stem}[.-]idx{dimensions}-ubyte(?:\.gz)?")
    found = [name for name in tree.files if pattern.fullmatch(name)]
    if not found:
        plain = stem.replace("(?:t10k|test)", "t10k")
        raise DataError(
            f"{tree.path} has no {plain}-idx{dimensions}-ubyte, gzipped or not; MNIST is also at "
            "https://ossci-datasets.s3.amazonaws.com/mnist/"
        )
    if len({name.removesuffix(".gz") for name in found}) > 1:
        raise DataError(f"{tree.path} has several data sets: {', '.join(found)}; name one folder")
    return min(found, key=len)


def _read(tree: FileTree, name: str) -> NDArray[np.uint8]:
    """Read one file: its kind, its dimensions, and its values in C order."""
    content = tree.read(name)
    try:
        content = gzip.decompress(content) if name.endswith(".gz") else content
        zero, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{tree.path / name} is damaged; get it anew: {error}") from error
    start = 4 + 4 * dimensions
    if zero or kind != _BYTES or len(content) != start + prod(shape):
        raise DataError(
            f"{tree.path / name} is damaged or no IDX file of bytes: its head says kind {kind} and "
            f"shape {shape}, and {max(len(content) - start, 0)} bytes follow; get it anew"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
