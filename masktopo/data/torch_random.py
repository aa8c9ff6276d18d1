"""Torch's side of `masktopo._random`: seeded generators, and fences around global states."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from masktopo._random import stream

__all__ = ["fenced_torch_rng", "reseed_torch", "seeded_globals", "torch_stream"]


def torch_stream(seed: int, *key: int) -> torch.Generator:
    """Return the CPU generator of `key` under `seed`, independent of every other key's.

    Draws are made on the CPU and then moved, so that one seed means the same batches on every
    device.

    Examples
    --------
    >>> first = torch.rand(2, generator=torch_stream(0, 3))
    >>> bool((first == torch.rand(2, generator=torch_stream(0, 3))).all())
    True
    """
    return torch.Generator().manual_seed(int(stream(seed, *key).integers(2**63)))


@contextmanager
def fenced_torch_rng(device: torch.device | None = None) -> Iterator[None]:
    """Put torch's global random state back when the block ends.

    Code that can only draw from the global state (dropout, the constructors of layers) runs
    inside, after `reseed_torch`.

    Parameters
    ----------
    device : torch.device, optional
        A CUDA device whose state is fenced too; the CPU's always is.
    """
    with_cuda = device is not None and device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if with_cuda else []):
        yield


def reseed_torch(seed: int, *key: int, device: torch.device | None = None) -> None:
    """Start the global random states of the CPU and of `device` at the stream of `key`."""
    start = int(stream(seed, *key).integers(2**63))
    torch.default_generator.manual_seed(start)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(start)


@contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Fix every draw from a global random state on the CPU, and put the states back afterwards.

    For users' code that draws from Python's `random`, from NumPy's legacy functions or from torch.

    Examples
    --------
    >>> def draws():
    ...     with seeded_globals(1):
    ...         return random.random(), float(torch.rand(1))
    >>> draws() == draws()
    True
    """
    # NumPy's legacy functions are what users' code may call, hence NPY002.
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    with fenced_torch_rng():
        reseed_torch(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
