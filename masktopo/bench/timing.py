"""Timing one call: repeated until a budget is spent, median and quartiles."""

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from masktopo.bench.threads import thread_times

__all__ = ["MOST_RUNS", "Timing", "measure"]

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
    critical : float
        Median CPU time of the calling thread plus its busiest worker, see `ThreadTimes`.
    runs : int
    load : float
        The machine's load average (1 minute) when the runs ended.
    """

    median: float
    low: float
    high: float
    cpu: float
    critical: float
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
    walls: list[float] = []
    cpus: list[float] = []
    criticals: list[float] = []
    spent = 0.0
    while _goes_on(len(walls), spent, budget, least):
        wall, cpu, critical = _time_once(call)
        walls.append(wall)
        cpus.append(cpu)
        criticals.append(critical)
        spent += wall
    low, median, high = np.quantile(walls, [0.25, 0.5, 0.75]).tolist()
    return Timing(
        median=median,
        low=low,
        high=high,
        cpu=float(np.median(cpus)),
        critical=float(np.median(criticals)),
        runs=len(walls),
        load=load_average(),
    )


def _goes_on(runs: int, spent: float, budget: float, least: int) -> bool:
    if runs == 0:
        return True
    if runs < least:
        return spent < PATIENCE * budget
    return spent < budget and runs < MOST_RUNS


def _time_once(call: Callable[[], Any]) -> tuple[float, float, float]:
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
    del result
    return wall, cpu, threads.critical


def load_average() -> float:
    """Return the load average of the last minute; nan where the system has none."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return float("nan")
