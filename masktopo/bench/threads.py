"""Threads of the libraries, and the CPU time of each Python thread."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ThreadTimes", "pinned", "thread_times"]


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Let BLAS, OpenMP, torch and numba use at most `threads` threads.

    The libraries must be loaded already; torch is not loaded for it.
    """
    import numba
    import numpy as np  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = numba.get_num_threads(), torch.get_num_threads() if torch else 0
    numba.set_num_threads(min(threads, before[0]))
    if torch:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        numba.set_num_threads(before[0])
        if torch:
            torch.set_num_threads(before[1])


class ThreadTimes:
    """CPU seconds of the calling thread and of every Python thread that ended meanwhile."""

    def __init__(self) -> None:
        self.caller = 0.0
        self.workers: list[float] = []

    @property
    def busiest(self) -> float:
        """CPU time of the busiest of all these threads."""
        return max([self.caller, *self.workers])


@contextmanager
def thread_times() -> Iterator[ThreadTimes]:
    """Measure the CPU time of every Python thread that runs and ends inside the block.

    For its duration ``threading.Thread.run`` is followed by a look at ``time.thread_time``, so a
    pool counts that is shut down inside the block. Threads of BLAS are not Python's and are seen
    in the process's time only.
    """
    times = ThreadTimes()
    run = threading.Thread.run

    def timed_run(thread: threading.Thread) -> None:
        try:
            run(thread)
        finally:
            times.workers.append(time.thread_time())

    patched: Any = threading.Thread
    patched.run = timed_run
    start = time.thread_time()
    try:
        yield times
    finally:
        times.caller = time.thread_time() - start
        patched.run = run
