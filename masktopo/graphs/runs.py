"""Numbers written in short: what goes on in equal steps is one item."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["Item", "packed", "unpacked"]

Number = TypeVar("Number", int, float)

Item: TypeAlias = Number | list[Number]

_SHORTEST = 4
"""Numbers that make a run; fewer are as short by themselves."""


def packed(numbers: Sequence[Number], *, steps: bool = True) -> list[Item[Number]]:
    """Write every run of at least 4 numbers as ``[first, step, count]``, all others as they are.

    Parameters
    ----------
    numbers : sequence of int or float
    steps : bool
        Whether the steps of a run may differ from 0. Sums of floats are not exact.

    Notes
    -----
    O(n).

    Examples
    --------
    >>> packed([7, 0, 2, 4, 6, 8, 1, 1, 1, 1])
    [7, [0, 2, 5], [1, 0, 4]]
    """
    found: list[Item[Number]] = []
    start = 0
    while start < len(numbers):
        end = _run_end(numbers, start, steps)
        if end - start < _SHORTEST:
            found.append(numbers[start])
            start += 1
        else:
            step = numbers[start + 1] - numbers[start]
            found.append([numbers[start], step, end - start])
            start = end
    return found


def _run_end(numbers: Sequence[Number], start: int, steps: bool) -> int:
    """Return where the run that begins at `start` ends, exclusive."""
    if start + 1 == len(numbers):
        return start + 1
    step = numbers[start + 1] - numbers[start]
    end = start + 1
    while end < len(numbers) and numbers[end] - numbers[end - 1] == step and (steps or step == 0):
        end += 1
    return end


def unpacked(items: Iterable[Item[Number]]) -> tuple[Number, ...]:
    """Return the numbers that `packed` wrote.

    Examples
    --------
    >>> unpacked([7, [0, 2, 5], [1, 0, 4]])
    (7, 0, 2, 4, 6, 8, 1, 1, 1, 1)
    """
    numbers: list[Number] = []
    for item in items:
        if isinstance(item, list):
            first, step, count = item
            numbers.extend(first + step * place for place in range(int(count)))
        else:
            numbers.append(item)
    return tuple(numbers)
