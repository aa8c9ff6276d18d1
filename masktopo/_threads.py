"""Threads: sharing independent work among them, and keeping libraries from taking more."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

__all__ = ["limited_blas", "map_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

CHEAPEST = 0.25
"""Of a thread's part of the cost, how much the items may have that go together."""


def map_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    *,
    cost: Callable[[Item], float],
) -> list[Result]:
    """Apply `function` to every item, the costliest first, and keep the order of the items.

    The cheapest items go together, as one of their joint cost: between short kernels threads
    wait for Python's lock, and at the end all would be at the cheap ones at the same time. With
    one thread nothing is started. After an error no further item is begun, and the error of the
    costliest item that failed is raised.

    Examples
    --------
    >>> map_threads(str, [3, 1, 2], 2, cost=float)
    ['3', '1', '2']
    """
    costs = [cost(item) for item in items]
    order = sorted(range(len(items)), key=lambda place: -costs[place])
    found: dict[int, Result] = {}
    failed: dict[int, BaseException] = {}
    waiting = deque(_shares(order, costs, threads))

    # A pool's futures would cost more than a small layer does: each is a lock and a wake-up.
    def work() -> None:
        while waiting:
            try:
                places = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            for place in places:
                try:
                    found[place] = function(items[place])
                except BaseException as error:
                    failed[place] = error
                    waiting.clear()
                    return

    if threads == 1 or len(items) < 2:
        work()
    else:
        workers = [Thread(target=work) for _ in range(min(threads, len(items)))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if failed:
        raise failed[min(failed, key=order.index)]
    return [found[place] for place in range(len(items))]


def _shares(order: list[int], costs: list[float], threads: int) -> list[list[int]]:
    """Put items together that are done in one go: the cheapest ones, up to a part of all cost.

    The costliest item stays first.
    """
    left = CHEAPEST * sum(costs) / threads
    kept = len(order)
    while threads > 1 and kept > 1 and costs[order[kept - 1]] <= left:
        kept -= 1
        left -= costs[order[kept]]
    shares = [[place] for place in order[:kept]]
    if kept < len(order):
        shares.append(order[kept:])
    return shares[:1] + sorted(shares[1:], key=lambda share: -sum(costs[i] for i in share))


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
