"""Gradients that come out the same every time, and a process that is left as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

from masktopo.data.torch_random import fenced_rng, reseed

__all__ = ["reproducible", "use_torch_threads"]


@contextmanager
def reproducible(seed: int, *key: int, device: torch.device) -> Iterator[None]:
    """Run a block under deterministic algorithms and the global random stream of `key`.

    Layers such as dropout draw from the global stream. Settings and random state are put back
    when the block ends. An operation without a deterministic form gives torch's own warning. All
    of these belong to the process, so its threads take turns.
    """
    with _TURN, _deterministic(device):
        reseed(seed, *key, device=device)
        yield


_TURN = RLock()


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    """Fence the random state, and run a block under deterministic algorithms."""
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    with fenced_rng(device):
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
            torch.backends.cudnn.benchmark = benchmark


@contextmanager
def use_torch_threads(count: int) -> Iterator[None]:
    """Run a block with `count` torch threads; sums of gradients depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
