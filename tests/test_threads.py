from threading import current_thread

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from masktopo._threads import _shares, limited_blas, map_threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_order_is_kept_and_the_costliest_comes_first(threads):
    begun = []

    def square(number):
        begun.append(number)
        return number * number

    assert map_threads(square, [3, 1, 4, 1, 5], threads, cost=float) == [9, 1, 16, 1, 25]
    assert begun[0] == 5
    assert sorted(begun) == [1, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("costs", "threads", "expected"),
    [
        ([], 2, []),
        ([5.0, 5.0], 2, [[0], [1]]),
        # Up to an eighth of 80: 6, 2 and 1 together cost more than 8 alone.
        ([8.0, 1.0, 38.0, 6.0, 25.0, 2.0], 2, [[2], [4], [3, 5, 1], [0]]),
        ([8.0, 1.0, 38.0, 6.0, 25.0, 2.0], 1, [[2], [4], [0], [3], [5], [1]]),
        ([0.0, 0.0, 0.0], 3, [[0], [1, 2]]),
    ],
)
def test_the_cheapest_go_together_and_the_costliest_comes_first(costs, threads, expected):
    order = sorted(range(len(costs)), key=lambda place: -costs[place])
    assert _shares(order, costs, threads) == expected


def test_nothing_to_do():
    assert map_threads(str, [], 2, cost=float) == []


def test_one_thread_is_the_caller():
    assert map_threads(lambda _: current_thread(), [1, 2], 1, cost=float) == [current_thread()] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_ends_the_work_and_is_raised(threads):
    begun = []

    def fail(number):
        begun.append(number)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 99"):
        map_threads(fail, range(100), threads, cost=float)
    assert len(begun) <= threads


def test_blas_takes_no_more_threads_than_asked_for():
    def blas_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        with limited_blas(1):
            assert blas_threads() == {1}
        assert blas_threads() == {2}
