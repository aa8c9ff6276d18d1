"""Dividing a data set, every class in proportion."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masktopo._random import stream
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError, DataError

__all__ = ["DataSplits", "hold_out", "validation_split"]

TEST_FRACTION = 0.2
"""Part of the data that becomes the test set where none is given."""

VALIDATION_FRACTION = 0.1
"""Part of the training set by which the best epoch is chosen."""

# Fixed, and no run's seed: pruning, sampling and training must see the same samples.
_TEST_SEED = 1
_VALIDATION_SEED = 2


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A training set, which still holds its validation part, and a test set.

    Parameters
    ----------
    train, test : TensorData
        Both of one sample shape and number of classes.

    Examples
    --------
    >>> from masktopo.data import resolve_data
    >>> splits = resolve_data("digits")
    >>> len(splits.train), len(splits.test)
    (1438, 359)
    >>> len(splits.training_part), len(splits.validation_part)
    (1294, 144)
    """

    train: TensorData
    test: TensorData

    def __post_init__(self) -> None:
        ours = (self.train.sample_shape, self.train.n_classes)
        theirs = (self.test.sample_shape, self.test.n_classes)
        if ours != theirs:
            raise DataError(
                f"{self.train.name} has samples of shape {ours[0]} in {ours[1]} classes, but its "
                f"test set {self.test.name} has shape {theirs[0]} in {theirs[1]} classes"
            )
        if self.train.pixels != self.test.pixels:
            raise DataError(
                f"{self.train.name} and its test set {self.test.name} are not normalised alike; "
                "images of a specification go with the test set that it carries"
            )

    @property
    def training_part(self) -> TensorData:
        """The training set less its validation part: all that pruning and SGD may see."""
        return self._parts[0]

    @property
    def validation_part(self) -> TensorData:
        """The samples by which the best epoch is chosen."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[TensorData, TensorData]:
        return validation_split(self.train)


def validation_split(data: TensorData) -> tuple[TensorData, TensorData]:
    """Divide a training set into what is trained on and what the best epoch is chosen by.

    The split depends on the labels alone and on no run's seed, so pruning, sampling and
    training see the same training part (PAGS23).

    Returns
    -------
    training, validation : TensorData
        ``round(n / 10)`` samples, at least 1, are in the second.
    """
    return hold_out(data, VALIDATION_FRACTION, seed=_VALIDATION_SEED, name="validation part")


def split_off_test(data: TensorData) -> DataSplits:
    """Hold out a fixed, stratified fifth of `data` as its test set."""
    return DataSplits(*hold_out(data, TEST_FRACTION, seed=_TEST_SEED, name="test part"))


def joined(train: TensorData, test: TensorData) -> DataSplits:
    """Pair two sets under the larger of their numbers of classes."""
    n_classes = max(train.n_classes, test.n_classes)
    return DataSplits(*(replace(data, n_classes=n_classes) for data in (train, test)))


def hold_out(
    data: TensorData, fraction: float, *, seed: int, name: str = "held-out part"
) -> tuple[TensorData, TensorData]:
    """Divide `data` in two, every class in proportion.

    Parameters
    ----------
    data : TensorData
        At least 2 samples.
    fraction : float
        Part to hold out, between 0 and 1.
    seed : int
        Which samples of each class are drawn; a class's draw does not depend on the others.
    name : str
        Added to the name of the data that is held out.

    Returns
    -------
    kept, held : TensorData
        Both in the order of `data`. Exactly ``round(fraction * n)`` samples are held, at least
        1 and at most ``n - 1``. A class gives its exact share rounded down or up; the largest
        remainders are rounded up, ties in favour of the lower class.

    Raises
    ------
    DataError
        If there are fewer than 2 samples.

    Examples
    --------
    >>> import torch
    >>> data = TensorData(torch.zeros(8, 1), torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), 2, "tiny")
    >>> kept, held = hold_out(data, 0.25, seed=0)
    >>> kept.labels.tolist(), held.labels.tolist()
    ([0, 0, 0, 1, 1, 1], [0, 1])
    """
    if not 0 < fraction < 1:
        raise ArgumentError(f"fraction must lie between 0 and 1, not {fraction!r}")
    if len(data) < 2:
        raise DataError(f"{data.name}: 1 sample cannot be divided")
    total = min(max(round(fraction * len(data)), 1), len(data) - 1)
    held = _draw_by_class(data, _class_shares(data.class_counts, total), seed)
    kept = np.setdiff1d(np.arange(len(data)), held, assume_unique=True)
    return data.subset(kept), data.subset(held, name=f"{data.name} ({name})")


def _class_shares(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Divide `total` among classes in proportion to their `counts`, by largest remainders."""
    shares, remainders = np.divmod(total * counts, counts.sum())
    short = total - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:short]] += 1
    return shares


def _draw_by_class(data: TensorData, shares: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Draw ``shares[c]`` samples of each class `c`; their indices, ascending."""
    labels = data.labels.cpu().numpy()
    drawn = [
        stream(seed, label).permutation(np.flatnonzero(labels == label))[: shares[label]]
        for label in np.flatnonzero(shares).tolist()
    ]
    return np.sort(np.concatenate(drawn))
