"""The handwritten digits that scikit-learn ships: 1797 grey images of 8x8 pixels."""

import numpy as np
import torch

from masktopo.data.splits import DataSplits, split_off_test
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError

__all__ = ["digits"]

_BRIGHTEST = 16


def digits(details: str = "") -> DataSplits:
    """Return the digits, float32 of shape (n, 1, 8, 8), with a fixed fifth as the test set.

    Pixels lie between 0 and 1; 0 is the background, which is also what padding adds.

    Parameters
    ----------
    details : str
        What follows ``digits:`` in a specification, which must be nothing.

    Examples
    --------
    >>> len(digits().train), digits().test.class_counts.tolist()
    (1438, [36, 36, 35, 37, 36, 36, 36, 36, 35, 36])

    References
    ----------
    E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
    Repository, 1998 (its test part).
    """
    if details:
        raise ArgumentError(f"the data 'digits' takes no details, but has {details!r}")
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = (raw.images / _BRIGHTEST).astype(np.float32)
    data = TensorData(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(raw.target.astype(np.int64)),
        len(raw.target_names),
        "digits",
    )
    return split_off_test(data)
