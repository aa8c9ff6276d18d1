"""A labelled data set that is held in memory as two tensors."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo._check import check_count
from masktopo.data.pixels import Pixels
from masktopo.errors import DataError

__all__ = ["TensorData", "count_classes"]

_MOST_CLASSES = 1_000_000
"""Of any data set that is trained on; a larger label is no class but, say, an identifier."""


@dataclass(frozen=True, eq=False)
class TensorData:
    """Samples and their classes.

    Parameters
    ----------
    inputs : torch.Tensor of float32 or uint8, shape (n, ...)
        The samples: finite numbers as a network takes them, or the bytes of images of shape
        (n, channels, height, width), which `normalised` makes such numbers of.
    labels : torch.Tensor of int64, shape (n,)
        The class of each sample, from 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes, at most 1,000,000; a class may have no sample here.
    name : str
        What the data is called in reports and error messages.
    pixels : Pixels, optional
        How bytes become numbers; given for uint8 and for nothing else.

    Raises
    ------
    DataError
        If the tensors do not fit together; the message names the data and the first bad sample.

    Examples
    --------
    >>> data = TensorData(torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 1]), 2, "tiny")
    >>> len(data), data.sample_shape, data.class_counts.tolist()
    (3, (1, 2, 2), [1, 2])
    >>> len(data.subset(np.array([0, 2])))
    2
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    n_classes: int
    name: str
    pixels: Pixels | None = None

    def __post_init__(self) -> None:
        check_count("n_classes", self.n_classes)
        if self.n_classes > _MOST_CLASSES:
            raise DataError(
                f"{self.name}: {self.n_classes} classes, expected at most {_MOST_CLASSES}"
            )
        _check_form(self)
        _check_labels(self)
        _check_finite(self)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Samples of every class, int64 of shape (n_classes,)."""
        return np.bincount(self.labels.cpu().numpy(), minlength=self.n_classes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shape, classes, samples and labels (hex); the name does not count."""
        scale = "" if self.pixels is None else f" {self.pixels}"
        form = f"{tuple(self.inputs.shape)} {self.n_classes}{scale}"
        total = hashlib.sha256(form.encode())
        for tensor in (self.inputs, self.labels):
            total.update(tensor.cpu().contiguous().numpy().data)
        return total.hexdigest()

    def normalised(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return some of `inputs` as a network takes them: float32, on the device they are on.

        Bytes are centred and scaled by channel; what is float32 already is given back as it is.
        """
        if self.pixels is None:
            return inputs
        centre, scale = self._centre_and_scale
        return (inputs.to(torch.float32) - centre) * scale

    def batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the normalised inputs and the labels of the samples at `chosen`.

        Parameters
        ----------
        chosen : torch.Tensor of int64, shape (k,)
            Places of the samples, on the device of this data.
        """
        return self.normalised(self.inputs[chosen]), self.labels[chosen]

    @cached_property
    def _centre_and_scale(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and reciprocal deviation of every channel; made once, as copies wait for a GPU."""
        assert self.pixels is not None
        columns = (self.pixels.mean, [1 / value for value in self.pixels.deviation])
        centre, scale = (
            torch.tensor(column, device=self.inputs.device)[:, None, None] for column in columns
        )
        return centre, scale

    def to(self, device: torch.device) -> "TensorData":
        """Return this data with both tensors on `device`."""
        if self.labels.device == self.inputs.device == device:
            return self
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))

    def subset(self, indices: NDArray[np.integer], *, name: str | None = None) -> "TensorData":
        """Return the samples at `indices`, in that order, under `name` or this data's own."""
        chosen = torch.from_numpy(np.asarray(indices, dtype=np.int64)).to(self.labels.device)
        return replace(
            self,
            inputs=self.inputs[chosen],
            labels=self.labels[chosen],
            name=name or self.name,
        )


def count_classes(labels: torch.Tensor, name: str) -> int:
    """Return as many classes as int64 labels need, at least 1.

    Raises
    ------
    DataError
        If a label is too large to be a class; the sample is named.

    Examples
    --------
    >>> count_classes(torch.tensor([0, 4, 1]), "tiny")
    5
    """
    if not labels.numel():
        return 1
    sample = int(labels.argmax())
    label = int(labels.max())
    if label >= _MOST_CLASSES:
        raise DataError(
            f"{name}: sample {sample} has label {label}, expected 0 to {_MOST_CLASSES - 1}: "
            "classes are numbered from 0"
        )
    return max(label + 1, 1)


def _check_form(data: TensorData) -> None:
    """Raise unless dtypes, dimensions and lengths are as documented."""
    inputs, labels = data.inputs, data.labels
    wanted = torch.float32 if data.pixels is None else torch.uint8
    if inputs.dtype != wanted or labels.dtype != torch.int64:
        kind = "float32" if data.pixels is None else "uint8 (there are pixels)"
        raise DataError(
            f"{data.name}: inputs must be {kind} and labels int64, "
            f"not {inputs.dtype} and {labels.dtype}"
        )
    if inputs.ndim < 2 or labels.ndim != 1:
        raise DataError(
            f"{data.name}: expected inputs of shape (n, ...) and labels of shape (n,), "
            f"not {tuple(inputs.shape)} and {tuple(labels.shape)}"
        )
    if data.pixels is not None and data.sample_shape[:-2] != (len(data.pixels.mean),):
        raise DataError(
            f"{data.name}: pixels of {len(data.pixels.mean)} channels do not fit samples of shape "
            f"{data.sample_shape}"
        )
    if len(inputs) != len(labels):
        raise DataError(f"{data.name}: {len(inputs)} inputs, but {len(labels)} labels")
    if len(labels) == 0:
        raise DataError(f"{data.name}: there are no samples")


def _check_labels(data: TensorData) -> None:
    """Raise unless every label is a class."""
    bad = torch.nonzero((data.labels < 0) | (data.labels >= data.n_classes))
    if len(bad):
        first = int(bad[0, 0])
        raise DataError(
            f"{data.name}: sample {first} has label {int(data.labels[first])}, "
            f"expected 0 to {data.n_classes - 1}"
        )


def _check_finite(data: TensorData) -> None:
    """Raise where a sample holds nan or an infinity."""
    finite = torch.isfinite(data.inputs).flatten(1).all(dim=1)
    if not bool(finite.all()):
        first = int(torch.nonzero(~finite)[0, 0])
        raise DataError(
            f"{data.name}: {int((~finite).sum())} samples are not finite, the first is {first}"
        )
