"""Timing one call: repeated until a budget is spent, median and quartiles."""

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from masktopo.bench.threads import thread_times

__all__ = ["MOST_RUNS", "PATIENCE", "Timing", "measure", "measure_once"]

Result = TypeVar("Result")

MOST_RUNS = 1000
PATIENCE = 4.0
"""A call that has taken so many budgets is not repeated further, however few its runs."""


@dataclass(frozen=True)
class Timing:
    """What repeated runs of one call took, in seconds.

    Attributes
    ----------
    median, low, high : float
        Median and quartiles of the wall time.
    cpu : float
        Median CPU time of the whole process, all its threads together.
    busiest : float
        Median CPU time of the busiest thread, which may be the caller; see `ThreadTimes`.
    runs : int
    load : float
        The machine's load average (1 minute) when the runs ended.
    """

    median: float
    low: float
    high: float
    cpu: float
    busiest: float
    runs: int
    load: float


def measure(call: Callable[[], Any], *, budget: float, least: int = 3) -> Timing:
    """Time `call` until `budget` seconds are spent.

    Parameters
    ----------
    call : callable
        Without arguments, and warm: the caller has run it once.
    budget : float
        Seconds.
    least : int
        Runs to make even when they take longer than the budget, up to four budgets.

    Notes
    -----
    The garbage collector is off while a run is timed. The result of a run is freed after it.
    """
    runs: list[_Run] = []
    spent = 0.0
    while _goes_on(len(runs), spent, budget, least):
        runs.append(_time_once(call)[1])
        spent += runs[-1].wall
    return _summary(runs)


def measure_once(call: Callable[[], Result]) -> tuple[Result, Timing]:
    """Time a single run of `call`; also return its result."""
    result, run = _time_once(call)
    return result, _summary([run])


def _summary(runs: Sequence["_Run"]) -> Timing:
    low, median, high = np.quantile([run.wall for run in runs], [0.25, 0.5, 0.75]).tolist()
    return Timing(
        median=median,
        low=low,
        high=high,
        cpu=float(np.median([run.cpu for run in runs])),
        busiest=float(np.median([run.busiest for run in runs])),
        runs=len(runs),
        load=load_average(),
    )


def _goes_on(runs: int, spent: float, budget: float, least: int) -> bool:
    if runs == 0:
        return True
    if runs < least:
        return spent < PATIENCE * budget
    return spent < budget and runs < MOST_RUNS


class _Run(NamedTuple):
    """Seconds of one run; see `Timing`."""

    wall: float
    cpu: float
    busiest: float


def _time_once(call: Callable[[], Result]) -> tuple[Result, _Run]:
    collected = gc.isenabled()
    gc.disable()
    try:
        with thread_times() as threads:
            cpu = time.process_time()
            wall = time.perf_counter()
            result = call()
            wall = time.perf_counter() - wall
            cpu = time.process_time() - cpu
    finally:
        if collected:
            gc.enable()
    return result, _Run(wall, cpu, threads.busiest)


def load_average() -> float:
    """Return the load average of the last minute; nan where the system has none."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return float("nan")
