import gc
import threading
import time

import pytest

from masktopo.bench import timing
from masktopo.bench.threads import thread_times
from masktopo.bench.timing import MOST_RUNS, measure


def _spin(seconds):
    """Use the CPU for so long, on the thread's own clock."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.fixture
def scripted(monkeypatch):
    """Let runs take the given seconds of wall time, half of it on the CPU."""

    def script(*walls):
        runs = iter(walls)

        def time_once(call):
            wall = next(runs)
            return None, timing._Run(wall, wall / 2, wall / 4)

        monkeypatch.setattr(timing, "_time_once", time_once)

    return script


def test_runs_until_the_budget_is_spent(scripted):
    scripted(1.0, 3.0, 2.0, 4.0, 9.0, 99.0)
    found = measure(None, budget=15.0)
    assert found.runs == 5
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)
    assert (found.cpu, found.busiest) == (1.5, 0.75)


@pytest.mark.parametrize(
    ("wall", "least", "runs"), [(1.5, 3, 3), (1.5, 2, 2), (2.0, 5, 2), (4.0, 3, 1), (50.0, 3, 1)]
)
def test_a_slow_call_runs_so_often_but_not_past_four_budgets(scripted, wall, least, runs):
    scripted(*[wall] * 9)
    assert measure(None, budget=1.0, least=least).runs == runs


def test_a_fast_call_has_a_limit_of_runs(scripted):
    scripted(*[1e-9] * 5000)
    assert measure(None, budget=10.0).runs == MOST_RUNS


def test_the_call_is_run_once_a_run_with_the_collector_off():
    states = []
    found = measure(lambda: states.append(gc.isenabled()), budget=1e-9, least=1)
    assert states == [False] * found.runs == [False]
    assert gc.isenabled()
    assert 0 <= found.low == found.median == found.high


def test_threads_are_told_apart():
    def call():
        workers = [threading.Thread(target=_spin, args=(s,)) for s in (0.01, 0.03)]
        for worker in workers:
            worker.start()
        _spin(0.02)
        for worker in workers:
            worker.join()

    before = threading.Thread.run
    with thread_times() as times:
        call()
    assert threading.Thread.run is before
    assert len(times.workers) == 2
    assert times.caller >= 0.02
    assert times.busiest == max([times.caller, *times.workers]) >= 0.03


def test_the_caller_may_be_the_busiest():
    with thread_times() as times:
        worker = threading.Thread(target=_spin, args=(0.01,))
        worker.start()
        _spin(0.03)
        worker.join()
    assert times.busiest == times.caller > max(times.workers)


def test_the_timing_has_the_busiest_thread():
    def call():
        worker = threading.Thread(target=_spin, args=(0.01,))
        worker.start()
        worker.join()

    assert measure(call, budget=0.001, least=1).busiest >= 0.01
