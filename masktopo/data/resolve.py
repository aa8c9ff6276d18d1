"""Data sets as users name them: a specification, a pair of arrays, or a torch data set."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from masktopo._check import check_choice
from masktopo.data.cifar import cifar10, cifar100
from masktopo.data.convert import data_from_dataset, data_from_pair
from masktopo.data.digits import digits
from masktopo.data.folder import folder
from masktopo.data.idx import idx
from masktopo.data.npz import npz
from masktopo.data.splits import DataSplits, joined, split_off_test
from masktopo.data.synthetic import synthetic
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError

__all__ = ["SPECIFICATIONS", "resolve_data"]

SPECIFICATIONS: dict[str, Callable[[str], DataSplits]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "digits": digits,
    "folder": folder,
    "idx": idx,
    "npz": npz,
    "synthetic": synthetic,
}
"""Word before the colon of a specification -> what reads the rest of it."""


def resolve_data(data: Any, *, test: Any = None) -> DataSplits:
    """Return `data` as a training set and a test set.

    Parameters
    ----------
    data : str, pair of tensors or arrays, torch Dataset, TensorData or DataSplits
        A specification (``"digits"``, ``"synthetic:3x32x32:10"``, or ``"folder:"``,
        ``"cifar10:"``, ``"cifar100:"``, ``"idx:"``, ``"npz:"`` and a path), which carries its
        test set; or inputs of shape (n, ...) with labels of shape (n,); or a
        map-style data set of (input, label), which is read once from its first sample to its
        last; random transforms are applied then, and alike in every call. Inputs of the latter
        two become float32 without scaling.
    test : pair, Dataset or TensorData, optional
        The test set, in place of what `data` carries. Where there is none, a fixed stratified
        fifth of `data` is held out.

    Returns
    -------
    DataSplits
        The training set still holds its validation part; both have as many classes as the
        labels of either need.

    Raises
    ------
    DataError
        If samples, labels or the two sets do not fit together.
    ArgumentError
        If a specification is unknown or `data` is of none of these kinds.

    Examples
    --------
    >>> import numpy as np
    >>> splits = resolve_data((np.zeros((10, 3)), np.arange(10) % 2))
    >>> len(splits.train), len(splits.test), splits.train.n_classes
    (8, 2, 2)
    """
    if isinstance(data, str):
        data = _from_specification(data)
    if test is None:
        return data if isinstance(data, DataSplits) else split_off_test(_tensors(data, "data"))
    train = data.train if isinstance(data, DataSplits) else _tensors(data, "data")
    return joined(train, _tensors(test, "test"))


def _from_specification(text: str) -> DataSplits:
    """Read a specification, ``word`` or ``word:details``."""
    word, _, details = text.partition(":")
    check_choice("data", word, SPECIFICATIONS)
    return SPECIFICATIONS[word](details)


def _tensors(data: Any, name: str) -> TensorData:
    """Return one data set, which carries no other, as tensors."""
    if isinstance(data, TensorData):
        return data
    if isinstance(data, tuple | list) and len(data) == 2:
        return data_from_pair(*data, name=name)
    if isinstance(data, Dataset):
        return data_from_dataset(data, name=name)
    raise ArgumentError(
        f"{name} must be a torch Dataset of (input, label), a pair of arrays or, unless it is a "
        f"test set, a specification such as 'digits'; not {type(data).__name__}"
    )
