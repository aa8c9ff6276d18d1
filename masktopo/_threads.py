"""Sharing independent work among Python threads, whose kernels release the GIL."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_threads"]

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

    With one thread nothing is started. The first error of any item is raised.

    Examples
    --------
    >>> map_threads(str, [3, 1, 2], 2, cost=float)
    ['3', '1', '2']
    """
    order = sorted(range(len(items)), key=lambda place: -cost(items[place]))
    if threads == 1 or len(items) < 2:
        found = dict(zip(order, (function(items[place]) for place in order), strict=True))
    else:
        with ThreadPoolExecutor(threads) as pool:
            results = pool.map(lambda place: function(items[place]), order)
            found = dict(zip(order, results, strict=True))
    return [found[place] for place in range(len(items))]
