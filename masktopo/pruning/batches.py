"""The mini-batches that a score sees."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo.data.tensors import TensorData
from masktopo.errors import PruningError

__all__ = ["Batches", "all_batches", "check_enough", "drawn_batches"]


@dataclass(frozen=True, eq=False)
class Batches:
    """A sequence of mini-batches of one data set.

    Parameters
    ----------
    data : TensorData
        What the batches are of.
    indices : tuple of ndarray of int64
        The samples of each batch.
    size : int
        Samples of a full batch.

    Examples
    --------
    >>> data = TensorData(torch.zeros(5, 1), torch.zeros(5, dtype=torch.int64), 2, "five")
    >>> [len(labels) for _, labels in all_batches(data, 3)]
    [3, 2]
    """

    data: TensorData
    indices: tuple[NDArray[np.int64], ...]
    size: int

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for chosen in self.indices:
            yield self.data.batch(torch.from_numpy(chosen).to(self.data.inputs.device))


def all_batches(data: TensorData, size: int) -> Batches:
    """Divide all of `data`, in its own order; the last batch may be smaller.

    A single sample left over joins the last full batch: batch normalisation in training mode
    does not take one alone.
    """
    cut = _cut(np.arange(len(data)), size)
    if len(cut) > 1 and len(cut[-1]) == 1 < size:
        cut = (*cut[:-2], np.concatenate(cut[-2:]))
    return Batches(data, cut, size)


def drawn_batches(
    data: TensorData, size: int, count: int, generator: np.random.Generator
) -> Batches:
    """Draw `count` full batches without replacement from a fresh shuffle of `data`.

    Raises
    ------
    PruningError
        If `data` has fewer samples than that.
    """
    check_enough(data, size, count)
    return Batches(data, _cut(generator.permutation(len(data))[: count * size], size), size)


def check_enough(data: TensorData, size: int, count: int, *, name: str = "batches") -> None:
    """Raise unless `data` has `count` full batches; `name` is the argument that asks for them."""
    if count * size > len(data):
        raise PruningError(
            f"{count} batches of {size} without replacement need {count * size} samples, but "
            f"{data.name} has {len(data)} to prune with: at most {len(data) // size} such batches. "
            f"Lower {name}= or batch_size="
        )


def _cut(order: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], ...]:
    return tuple(order[start : start + size] for start in range(0, len(order), size))
