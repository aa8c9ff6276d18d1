"""A limit on the time of one call, for solvers that may never return."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["OutOfTime", "time_limit"]


class OutOfTime(Exception):  # noqa: N818 - it is no error: the benchmark goes on without the call
    """The call was stopped."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block when it takes longer.

    The signal is seen between two Python instructions, so a single long LAPACK call ends first.
    Without effect outside the main thread, and where the system has no such timer.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
