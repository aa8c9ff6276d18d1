"""Gradients of a pool of mini-batches, taken once for all samples that draw from the pool."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray
from tqdm import tqdm

from masktopo._files import remove_temporaries
from masktopo._random import stream
from masktopo._sealed import check_sealed, sealed_write
from masktopo.data.tensors import TensorData
from masktopo.errors import RunError
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
        A row a batch: the gradient of all prunable weights of the dense network, flat. Those of
        bfloat16, which NumPy lacks, are float32.
    layers : tuple of PrunableLayer
        Where the layers are in a row.
    dtype : torch.dtype
        That of the weights.
    file : path or None
        The file that the gradients are mapped from; other processes then map it as well.
    """

    gradients: NDArray[np.floating]
    layers: tuple[PrunableLayer, ...]
    dtype: torch.dtype
    file: Path | None = None

    @classmethod
    def mapped(
        cls, file: Path, layers: tuple[PrunableLayer, ...], dtype: torch.dtype
    ) -> "GradientPool":
        """Map the gradients of a file into memory."""
        # Copied on write: torch takes no arrays that are read-only.
        return cls(np.load(file, mmap_mode="c"), layers, dtype, file)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the name of the file, where there is one."""
        if self.file is None:
            return GradientPool, (self.gradients, self.layers, self.dtype)
        return GradientPool.mapped, (self.file.absolute(), self.layers, self.dtype)

    def summed(self, batches: Sequence[int] | NDArray[np.int64]) -> list[torch.Tensor]:
        """Add up the gradients of some batches in their order, to the bit as if taken anew.

        Cost: a read of ``len(batches)`` rows.
        """
        total = torch.zeros(self.gradients.shape[1], dtype=self.dtype)
        for batch in batches:
            total += torch.from_numpy(self.gradients[batch])
        return [total[layer.span].view(layer.shape) for layer in self.layers]


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
    dtype, weight_dtype = _dtype(problem), _weight_dtype(problem)
    if file is None or not file.exists():
        with reproducible(seed, _POOL, device=problem.device):
            gradients = _flat_gradients(problem, seed, count, progress=progress)
            if file is None:
                rows = np.empty((count, problem.size), dtype)
                for place, gradient in enumerate(gradients):
                    rows[place] = gradient
                return GradientPool(rows, problem.layers, weight_dtype)
            _write(file, gradients, (count, problem.size), dtype)
    check_sealed(file)
    pool = GradientPool.mapped(file, problem.layers, weight_dtype)
    _check_form(pool, (count, problem.size), dtype)
    return pool


def _write(
    file: Path,
    gradients: Iterator[NDArray[np.floating]],
    shape: tuple[int, int],
    dtype: np.dtype[np.floating],
) -> None:
    """Write rows as a sealed ``.npy`` file; one that another shard wrote by then stays."""
    remove_temporaries(file.parent, [file.name])
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with suppress(FileExistsError), sealed_write(file) as target:
        write_array_header_1_0(target, header)
        for gradient in gradients:
            target.write(gradient.tobytes())
        if file.exists():
            raise FileExistsError(file)


def _check_form(pool: GradientPool, shape: tuple[int, int], dtype: np.dtype[np.floating]) -> None:
    found = pool.gradients
    if found.shape != shape or found.dtype != dtype:
        raise RunError(
            f"{pool.file} is of {found.dtype} and shape {found.shape}; expected {dtype} and {shape}"
        )


def _flat_gradients(
    problem: Problem, seed: int, count: int, *, progress: bool
) -> Iterator[NDArray[np.floating]]:
    """Yield the gradient of every batch of the pool."""
    assert problem.data is not None
    batches = pool_batches(problem.data, problem.recipe.batch_size, count, seed)
    network = private_copy(problem.network, problem.layers)
    network.train(problem.recipe.train_mode)
    weights, temperature = layer_weights(network, problem.layers), problem.method.temperature
    found = batch_gradients(network, weights, batches, temperature=temperature)
    for gradients in tqdm(found, "pool", count, disable=not progress):
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients]).cpu()
        yield (flat.float() if flat.dtype == torch.bfloat16 else flat).numpy()


def _weight_dtype(problem: Problem) -> torch.dtype:
    return layer_weights(problem.network, problem.layers)[0].dtype


def _dtype(problem: Problem) -> np.dtype[np.floating]:
    """Return that of the rows, which hold every value of the weights' dtype."""
    dtype = _weight_dtype(problem)
    stored = torch.float32 if dtype == torch.bfloat16 else dtype
    return torch.empty(0, dtype=stored).numpy().dtype
