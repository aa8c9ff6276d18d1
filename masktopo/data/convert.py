"""Arrays and torch data sets as `TensorData`."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from masktopo.data.tensors import TensorData, count_classes
from masktopo.data.torch_random import fenced_rng, reseed
from masktopo.errors import DataError

__all__ = ["data_from_dataset", "data_from_pair"]

# Fixed, and no run's seed: a run that goes on must find the samples that it began with.
_TRANSFORM_SEED = 1


def data_from_pair(inputs: Any, labels: Any, *, name: str) -> TensorData:
    """Return inputs and labels as `TensorData`, with as many classes as the labels need.

    Parameters
    ----------
    inputs : tensor or array of numbers, shape (n, ...)
        Converted to float32, not scaled.
    labels : tensor or array of whole numbers, shape (n,)
        Classes, from 0.

    Raises
    ------
    DataError
        If either is no array of numbers, or the labels are not whole numbers from 0.
    """
    values = _as_tensor(inputs, f"{name}: inputs")
    classes = _as_tensor(labels, f"{name}: labels")
    if classes.is_floating_point() or classes.is_complex():
        raise DataError(f"{name}: labels must be whole numbers, not {classes.dtype}")
    classes = classes.to(torch.int64, copy=True)
    n_classes = count_classes(classes, name)
    return TensorData(values.to(torch.float32, copy=True), classes, n_classes, name)


def data_from_dataset(dataset: Dataset[Any], *, name: str) -> TensorData:
    """Read a map-style data set of (input, label) once, in order.

    Random transforms are applied here, once and for all, so every epoch sees the same samples; to
    augment anew in every epoch is what ``augment`` of a training is for. What transforms draw from
    the global random states of Python, NumPy and torch on the CPU is the same in every call, and
    those states are left as they were.

    Raises
    ------
    DataError
        If the data set has no length, a sample is no pair of an array and a label, or samples
        differ in shape; the sample is named.
    """
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DataError(f"{name}: {type(dataset).__name__} must have a length and be indexable")
    if len(dataset) == 0:
        raise DataError(f"{name}: {type(dataset).__name__} is empty")
    with fenced_rng():
        reseed(_TRANSFORM_SEED)
        samples = [_sample(dataset, index, name) for index in range(len(dataset))]
    shape = samples[0][0].shape
    for index, (value, _) in enumerate(samples):
        if value.shape != shape:
            raise DataError(
                f"{name}: sample {index} has shape {tuple(value.shape)}, "
                f"sample 0 has {tuple(shape)}"
            )
    return data_from_pair(
        torch.stack([value for value, _ in samples]),
        torch.stack([label for _, label in samples]),
        name=name,
    )


def _sample(dataset: Dataset[Any], index: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sample `index` as an input and a label without dimensions."""
    sample = dataset[index]
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        raise DataError(f"{name}: sample {index} is no pair (input, label)")
    value = _as_tensor(sample[0], f"{name}: the input of sample {index}").to(torch.float32)
    label = _as_tensor(sample[1], f"{name}: the label of sample {index}")
    if label.numel() != 1:
        raise DataError(f"{name}: the label of sample {index} is no single class")
    return value, label.reshape(())


def _as_tensor(value: Any, what: str) -> torch.Tensor:
    """Return `value` as a detached tensor on the CPU."""
    if isinstance(value, np.ndarray):
        # What torch warns of or refuses: read-only, negative strides, foreign order of bytes.
        value = np.require(value, value.dtype.newbyteorder("="), ["C", "W"])
    try:
        return torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{what}: cannot read {type(value).__name__} as an array of numbers "
            "(images need a transform such as ToTensor)"
        ) from error
