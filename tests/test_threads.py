from collections import deque
from threading import Barrier, Event, Thread, current_thread
from time import sleep

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


def test_an_interrupt_comes_before_other_errors():
    both = Barrier(2, timeout=10)

    def fail(number):
        both.wait()
        raise [KeyboardInterrupt, ValueError][number]

    with pytest.raises(KeyboardInterrupt):
        map_threads(fail, [0, 1], 2, cost=float)


def test_an_interrupt_between_two_items_ends_the_work(monkeypatch):
    caller, begun, interrupted = current_thread(), [], Event()

    class Interrupting(deque):
        def popleft(self):
            if current_thread() is caller:
                interrupted.set()
                raise KeyboardInterrupt
            return super().popleft()

    def work(number):
        begun.append(number)
        assert interrupted.wait(10)
        sleep(0.05)  # for the caller to clear what is left

    monkeypatch.setattr("masktopo._threads.deque", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        map_threads(work, range(99), 2, cost=float)
    ended = list(begun)
    assert len(ended) <= 1
    sleep(0.1)
    assert begun == ended


def test_where_threads_are_short_those_there_are_do_the_work(monkeypatch):
    started = []

    class Scarce(Thread):
        def start(self):
            if started:
                raise RuntimeError("can't start new thread")
            started.append(self)
            super().start()

    monkeypatch.setattr("masktopo._threads.Thread", Scarce)
    assert map_threads(str, range(9), 4, cost=float) == list("012345678")
    assert not started[0].is_alive()


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blocks_that_overlap_leave_blas_as_it_was():
    with threadpool_limits(limits=2, user_api="blas"):
        for last in (0, 1):  # a monitor's thread may end before or after what runs beside it
            first, second = limited_blas(1), limited_blas(2)
            first.__enter__()
            second.__enter__()
            assert blas_threads() == {1}
            (second, first)[last].__exit__(None, None, None)
            assert blas_threads() == {1 + last}
            (first, second)[last].__exit__(None, None, None)
            assert blas_threads() == {2}


def test_blas_takes_no_more_threads_than_asked_for():
    with threadpool_limits(limits=2, user_api="blas"):
        with limited_blas(1):
            assert blas_threads() == {1}
        assert blas_threads() == {2}
