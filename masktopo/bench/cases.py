"""What the benchmark times: suites of cases, each with a table of implementations.

The same table serves the check that all implementations give the same answer, and then the
timing. Its first entry is masktopo's own, to which the others are compared.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass

__all__ = ["Case", "Grid", "Implementation", "Suite", "Task", "largest_difference"]


@dataclass(frozen=True)
class Implementation:
    """One way to do a task.

    Attributes
    ----------
    run : callable
        ``subject -> result``: what is timed.
    answer : callable
        ``result -> ndarray``: the result in the form that all implementations share; not timed.
    work : callable or None
        ``subject -> number`` in proportion to the cost. From what a smaller case took, it is
        foretold whether a case ends in time. None for masktopo's own, which always run, and
        whose failures are errors.
    tolerance : float
        Largest difference from masktopo's answer.
    """

    run: Callable[[Any], Any]
    answer: Callable[[Any], Any] = np.asarray
    work: Callable[[Any], float] | None = None
    tolerance: float = 1e-7


@dataclass(frozen=True)
class Task:
    """A job with the table of everything that can do it.

    Attributes
    ----------
    name : str
        In the table's heading, and one panel of the plot.
    table : mapping of str to Implementation
        The first is masktopo's own.
    difference : callable
        ``(own answer, other answer) -> number``, at most the other's tolerance if they agree.
    passes : callable
        ``subject -> passes over memory`` that masktopo's algorithm cannot do without.
    """

    name: str
    table: Mapping[str, Implementation]
    difference: Callable[[NDArray[Any], NDArray[Any]], float]
    passes: Callable[[Any], Iterable[Pass]]


@dataclass(frozen=True)
class Grid:
    """One point of a suite's grid: a network under a mask rule at a density."""

    network: str
    rule: str
    density: float


@dataclass(frozen=True, eq=False)
class Case:
    """One task on one subject."""

    task: Task
    label: str
    grid: Grid
    edges: int
    subject: Any


@dataclass(frozen=True)
class Suite:
    """A family of cases.

    Attributes
    ----------
    summary : str
        What is timed, in one line.
    plan : callable
        ``quick -> grid points``, small ones first.
    cases : callable
        ``(grid point, quick) -> cases``, built one after the other and freed when they are done.
    """

    summary: str
    plan: Callable[[bool], list[Grid]]
    cases: Callable[[Grid, bool], Iterator[Case]]


def largest_difference(own: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest ``|own - other| / (1 + |own|)``; infinite where only one is finite.

    Examples
    --------
    >>> largest_difference(np.array([1.0, np.nan]), np.array([1.5, np.nan]))
    0.25
    """
    if own.shape != other.shape:
        return float("inf")
    same = (own == other) | (np.isnan(own) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(own - other) / (1 + np.abs(own)))
    return float(np.nan_to_num(gaps, nan=np.inf).max(initial=0.0))
