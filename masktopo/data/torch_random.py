"""Seeded generators of torch, and a fence around the global random states that code may use."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from masktopo._random import stream

__all__ = ["fenced_rng", "reseed", "torch_stream"]


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
def fenced_rng(device: torch.device | None = None) -> Iterator[None]:
    """Put all global random states back when the block ends: Python's, NumPy's and torch's.

    Code that can only draw from these (dropout, the constructors of layers, users' transforms)
    runs inside, after `reseed`.

    Parameters
    ----------
    device : torch.device, optional
        A CUDA device whose state is fenced too; the CPU's always is.
    """
    with_cuda = device is not None and device.type == "cuda"
    # NumPy's legacy functions are what users' code may call, hence NPY002.
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[device] if with_cuda else []):
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


def reseed(seed: int, *key: int, device: torch.device | None = None) -> None:
    """Start the global random states of the CPU and of `device` at the stream of `key`.

    Examples
    --------
    >>> def draws():
    ...     with fenced_rng():
    ...         reseed(1)
    ...         return random.random(), float(torch.rand(1))
    >>> draws() == draws()
    True
    """
    start = int(stream(seed, *key).integers(2**63))
    random.seed(start)
    np.random.seed(start % 2**32)  # noqa: NPY002
    torch.default_generator.manual_seed(start)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(start)
