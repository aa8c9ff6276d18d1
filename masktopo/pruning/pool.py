"""Gradients of a pool of mini-batches, taken once for all samples that draw from the pool."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from masktopo._random import stream
from masktopo.data.tensors import TensorData
from masktopo.pruning.batches import Batches, drawn_batches
from masktopo.pruning.gradients import batch_gradients
from masktopo.pruning.problem import Problem
from masktopo.pruning.prunable import PrunableLayer, layer_weights, private_copy
from masktopo.pruning.reproducible import reproducible

__all__ = ["GradientPool", "fill_pool", "pool_batches", "pool_bytes"]

# Keys of one number belong to whole runs, draws have two and more; pretraining has 0.
_POOL = 1


@dataclass(frozen=True, eq=False)
class GradientPool:
    """The gradients of every batch of a pool.

    Parameters
    ----------
    gradients : ndarray of float, shape (n_batches, n)
        A row a batch: the gradient of all prunable weights of the dense network, flat.
    layers : tuple of PrunableLayer
        Where the layers are in a row.
    file : path or None
        The file that the gradients are mapped from; other processes then map it as well.
    """

    gradients: NDArray[np.floating]
    layers: tuple[PrunableLayer, ...]
    file: Path | None = None

    @classmethod
    def mapped(cls, file: Path, layers: tuple[PrunableLayer, ...]) -> "GradientPool":
        """Map the gradients of a file into memory."""
        return cls(np.load(file, mmap_mode="r"), layers, file)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the name of the file, where there is one."""
        if self.file is None:
            return GradientPool, (self.gradients, self.layers)
        return GradientPool.mapped, (self.file.absolute(), self.layers)

    def summed(self, batches: Sequence[int] | NDArray[np.int64]) -> list[torch.Tensor]:
        """Add up the gradients of some batches in their order, to the bit as if taken anew.

        Cost: a read of ``len(batches)`` rows.
        """
        total = np.zeros(self.gradients.shape[1], self.gradients.dtype)
        for batch in batches:
            total += self.gradients[batch]
        flat = torch.from_numpy(total)
        return [flat[layer.span].view(layer.shape) for layer in self.layers]


def pool_batches(data: TensorData, size: int, count: int, seed: int) -> Batches:
    """Draw the batches of a run's pool, without replacement.

    Raises
    ------
    PruningError
        If `data` has fewer samples than that.
    """
    return drawn_batches(data, size, count, stream(seed, _POOL))


def pool_bytes(problem: Problem, count: int) -> int:
    """Return the bytes that the gradients of `count` batches take."""
    return count * problem.size * _dtype(problem).itemsize


def fill_pool(
    problem: Problem, seed: int, count: int, *, file: Path | None = None, progress: bool = False
) -> GradientPool:
    """Take the gradients of all batches of a run's pool.

    Parameters
    ----------
    problem : Problem
        Of a method that sees data.
    seed, count : int
        The pool: root of the run's randomness, and number of batches.
    file : path, optional
        A ``.npy`` file for the gradients, which then are mapped into memory instead of held there.
        If it is there already, it is taken as it is; it appears only when it is complete.
    progress : bool
        Whether to show a bar.

    Notes
    -----
    Cost: a forward and a backward pass a batch. Memory: `pool_bytes`, in the file if there is one.
    """
    assert problem.data is not None
    if file is None:
        rows = np.empty((count, problem.size), _dtype(problem))
    elif file.exists():
        return GradientPool.mapped(file, problem.layers)
    else:
        part = file.with_name(f"{file.name}.part")
        rows = open_memmap(part, "w+", _dtype(problem), (count, problem.size))
    batches = pool_batches(problem.data, problem.recipe.batch_size, count, seed)
    with reproducible(seed, _POOL, device=problem.device):
        gradients = tqdm(_flat_gradients(problem, batches), "pool", count, disable=not progress)
        for place, gradient in enumerate(gradients):
            rows[place] = gradient
    if file is None:
        return GradientPool(rows, problem.layers)
    del rows
    part.replace(file)
    return GradientPool.mapped(file, problem.layers)


def _flat_gradients(problem: Problem, batches: Batches) -> Iterator[NDArray[np.floating]]:
    network = private_copy(problem.network, problem.layers)
    network.train(problem.recipe.train_mode)
    weights, temperature = layer_weights(network, problem.layers), problem.method.temperature
    for gradients in batch_gradients(network, weights, batches, temperature=temperature):
        yield torch.cat([gradient.reshape(-1) for gradient in gradients]).cpu().numpy()


def _dtype(problem: Problem) -> np.dtype[np.floating]:
    weight = layer_weights(problem.network, problem.layers)[0]
    return torch.empty(0, dtype=weight.dtype).numpy().dtype
