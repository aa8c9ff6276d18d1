"""Threads: sharing independent work among them, and keeping libraries from taking more."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

__all__ = ["limited_blas", "map_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    *,
    cost: Callable[[Item], float],
) -> list[Result]:
    """Apply `function` to every item, the costliest first, and keep the order of the items.

    The caller is one of the threads. After an error no further item is begun, and the error
    of the costliest item that failed is raised, an interrupt before all others. The result does
    not depend on the number of threads, of which there may be fewer than were asked for.

    Examples
    --------
    >>> map_threads(str, [3, 1, 2], 2, cost=float)
    ['3', '1', '2']
    """
    order = sorted(range(len(items)), key=lambda place: -cost(items[place]))
    found: dict[int, Result] = {}
    failed: dict[int, BaseException] = {}
    waiting = deque(order)

    # A pool's futures would cost more than a small layer does: each is a lock and a wake-up.
    def work() -> None:
        while waiting:
            try:
                place = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                found[place] = function(items[place])
            except BaseException as error:
                failed[place] = error
                waiting.clear()

    # Where the caller only waited for two threads of its own, one of them was seen to stand still
    # for milliseconds at a time.
    workers = _started(work, min(threads, len(items)) - 1)
    try:
        work()
    finally:
        waiting.clear()  # after an interrupt between two items
        for worker in workers:
            worker.join()
    if failed:
        raise _first(failed, order)
    return [found[place] for place in range(len(items))]


def _started(work: Callable[[], None], count: int) -> list[Thread]:
    """Start so many threads, or as many as there are to be had: the caller works anyway."""
    workers: list[Thread] = []
    for _ in range(count):
        worker = Thread(target=work)
        try:
            worker.start()
        except RuntimeError:  # a limit of the system
            break
        workers.append(worker)
    return workers


def _first(failed: dict[int, BaseException], order: Sequence[int]) -> BaseException:
    """Return the error of the costliest item, but an interrupt before all others."""
    return failed[min(failed, key=lambda at: (isinstance(failed[at], Exception), order.index(at)))]


@contextmanager
def limited_blas(threads: int) -> Iterator[None]:
    """Let BLAS use at most `threads` threads in a block; takes a millisecond.

    By default it takes all cores for every long inner product, which on a busy machine made the
    metrics of a network three times slower. The limit is one of the process: of blocks in several
    threads the lowest holds, and the last that ends puts back what was there before the first.
    """
    _BLAS.ask(threads)
    try:
        yield
    finally:
        _BLAS.leave(threads)


class _BlasLimit:
    """The limits that the blocks under way ask for, and what was there before them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: list[int] = []
        self._before: threadpool_limits | None = None

    def ask(self, threads: int) -> None:
        """Begin a block."""
        with self._lock:
            limits = self._set(min([*self._asked, threads]))
            self._asked.append(threads)
            if self._before is None:
                self._before = limits

    def leave(self, threads: int) -> None:
        """End a block."""
        with self._lock:
            self._asked.remove(threads)
            if self._asked:
                self._set(min(self._asked))
            elif self._before is not None:
                self._before.restore_original_limits()
                self._before = None

    def _set(self, threads: int) -> "threadpool_limits":
        """Set the limit; what is returned knows what was there."""
        import scipy.linalg  # noqa: F401  (has a BLAS of its own, which is to be limited as well)
        from threadpoolctl import threadpool_limits

        return threadpool_limits(limits=threads, user_api="blas")


_BLAS = _BlasLimit()
