"""How fast this machine moves memory, and how long a kernel needs for its bytes at least.

A bound is the time for the bytes that must be moved: for each `Pass` its bytes over the measured
rate of one thread, for a working set of that size (a small layer lives in a cache that is several
times faster than memory), times how often the pass is made. It is the limit of the algorithm
(Lanczos over a CSR matrix; one look at every byte of a mask), not of the problem: another
algorithm may move less. A kernel at its bound would do its arithmetic for nothing.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["Bandwidth", "Pass", "bound_seconds", "measure_bandwidth"]

SIZES = (2**17, 2**20, 2**23, 2**26, 2**28)
"""Working sets in bytes, from a core's own cache to memory."""

Bandwidth = Mapping[str, Mapping[int, float]]
"""Bytes a second: ``["read"][working set]`` and ``["copy"][working set]``, both counting every
byte that is read or written."""


class Pass(NamedTuple):
    """One sweep over memory, made `times` times: ``kind`` is "read" or "copy"."""

    kind: str
    n_bytes: float
    times: float = 1.0


@kernel
def _read(words: NDArray[np.uint64]) -> int:
    """Add all words up: whole numbers by index, so that it runs in vector registers. O(n)."""
    total = np.uint64(0)
    for place in range(words.size):
        total += words[place]
    return int(total)


def measure_bandwidth(sizes: Iterable[int] = SIZES, *, budget: float = 0.05) -> Bandwidth:
    """Measure how fast one thread reads and copies working sets of several sizes.

    Parameters
    ----------
    sizes : iterable of int
        Working sets in bytes.
    budget : float
        Seconds for every size and kind.

    Returns
    -------
    mapping
        Kind to working set to bytes a second; the fastest of several sweeps each.
    """
    found: dict[str, dict[int, float]] = {"read": {}, "copy": {}}
    for size in sizes:
        words = np.ones(size // 16 * 2, np.uint64)
        source, target = np.split(words, 2)
        found["read"][size] = words.nbytes / _fastest(partial(_read, words), budget)
        found["copy"][size] = words.nbytes / _fastest(partial(np.copyto, target, source), budget)
    return found


def _fastest(sweep: Callable[[], object], budget: float) -> float:
    """Return the seconds of the fastest sweep, the first one left out."""
    sweep()
    spent, best = 0.0, math.inf
    while spent < budget or best == math.inf:
        start = time.perf_counter()
        sweep()
        seconds = time.perf_counter() - start
        spent, best = spent + seconds, min(best, seconds)
    return max(best, 1e-9)


def bound_seconds(passes: Iterable[Pass], bandwidth: Bandwidth) -> float:
    """Return the least time for `passes` at the measured rates.

    Examples
    --------
    >>> rates = {"read": {1000: 100.0, 10000: 10.0}}
    >>> bound_seconds([Pass("read", 500, times=2), Pass("read", 20000)], rates)
    2010.0
    """
    return sum(
        step.times * step.n_bytes / _rate(bandwidth[step.kind], step.n_bytes) for step in passes
    )


def _rate(rates: Mapping[int, float], n_bytes: float) -> float:
    """Return the rate of the smallest measured working set that holds `n_bytes`."""
    fitting = [size for size in sorted(rates) if size >= n_bytes]
    return rates[fitting[0] if fitting else max(rates)]
