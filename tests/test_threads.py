from threading import Barrier, Event, Thread, current_thread

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from masktopo._threads import limited_blas, map_threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_order_is_kept_and_the_costliest_comes_first(threads):
    begun = []

    def square(number):
        begun.append(number)
        return number * number

    assert map_threads(square, [3, 1, 4, 1, 5], threads, cost=float) == [9, 1, 16, 1, 25]
    assert begun[0] == 5
    assert sorted(begun) == [1, 1, 3, 4, 5]


def test_nothing_to_do():
    assert map_threads(str, [], 2, cost=float) == []


def test_one_thread_is_the_caller():
    assert map_threads(lambda _: current_thread(), [1, 2], 1, cost=float) == [current_thread()] * 2


def test_the_caller_is_one_of_the_threads():
    both = Barrier(2, timeout=10)

    def meet(_):
        both.wait()
        return current_thread()

    found = map_threads(meet, [0, 1], 2, cost=float)
    assert len(set(found)) == 2
    assert current_thread() in found


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_ends_the_work_and_is_raised(threads, kind):
    begun = []

    def fail(number):
        begun.append(number)
        raise kind(f"item {number}")

    with pytest.raises(kind, match="item 99"):
        map_threads(fail, range(100), threads, cost=float)
    assert len(begun) <= threads


def test_where_a_thread_cannot_be_started_the_others_end(monkeypatch):
    started, begun, failed = [], [], Event()

    class Scarce(Thread):
        def start(self):
            if started:
                raise RuntimeError("can't start new thread")
            started.append(self)
            super().start()

    def work(number):
        begun.append(number)
        assert failed.wait(10)

    monkeypatch.setattr("masktopo._threads.Thread", Scarce)
    with pytest.raises(RuntimeError, match="can't start"):
        map_threads(work, range(9), 3, cost=float)
    failed.set()
    started[0].join(10)
    assert not started[0].is_alive()
    assert len(begun) <= 1


def test_blas_takes_no_more_threads_than_asked_for():
    def blas_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        with limited_blas(1):
            assert blas_threads() == {1}
        assert blas_threads() == {2}
