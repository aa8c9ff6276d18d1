"""Threads: sharing independent work among them, and keeping libraries from taking more."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

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
    of the costliest item that failed is raised.

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

    # The caller works too: where one that only waits has left its core, the next thread that is
    # started was seen to share the core of the first.
    workers = [Thread(target=work) for _ in range(min(threads, len(items)) - 1)]
    try:
        for worker in workers:
            worker.start()
        work()
        for worker in workers:
            worker.join()
    except BaseException:  # an interrupt between two items, or no more threads to be had
        waiting.clear()
        raise
    if failed:
        raise failed[min(failed, key=order.index)]
    return [found[place] for place in range(len(items))]


@contextmanager
def limited_blas(threads: int) -> Iterator[None]:
    """Let BLAS use at most `threads` threads in a block; takes a millisecond.

    By default it takes all cores for every long inner product, which on a busy machine made the
    metrics of a network three times slower.
    """
    import scipy.linalg  # noqa: F401  (has a BLAS of its own, which is to be limited as well)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=threads, user_api="blas"):
        yield
