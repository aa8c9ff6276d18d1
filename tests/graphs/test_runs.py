import pytest
from hypothesis import given
from hypothesis import strategies as st

from masktopo.graphs.runs import packed, unpacked

small = st.lists(st.integers(-2, 2), max_size=30)
floats = st.lists(st.sampled_from([0.1, 0.25, 1 / 3]), max_size=30)


@given(small)
def test_integers_come_back(numbers):
    assert unpacked(packed(numbers)) == tuple(numbers)


@given(floats)
def test_floats_come_back_to_the_bit(numbers):
    assert unpacked(packed(numbers, steps=False)) == tuple(numbers)


@pytest.mark.parametrize(
    ("numbers", "items"),
    [
        ([], []),
        ([5], [5]),
        ([5, 5, 5], [5, 5, 5]),
        ([5, 5, 5, 5], [[5, 0, 4]]),
        (range(1000), [[0, 1, 1000]]),
        ([9, 6, 3, 0, 0], [[9, -3, 4], 0]),
        ([1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 1, 2]),
    ],
)
def test_runs_are_as_long_as_they_can_be(numbers, items):
    assert packed(numbers) == items


def test_floats_have_no_steps():
    assert packed([0.1, 0.2, 0.30000000000000004, 0.4], steps=False)[0] == 0.1
    assert packed([0.5] * 4, steps=False) == [[0.5, 0.0, 4]]
