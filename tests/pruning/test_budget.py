import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masktopo.errors import ArgumentError, PruningError
from masktopo.pruning.budget import keep_highest, kept_count
from tests.naive.pruning import naive_keep_highest


@given(st.lists(st.integers(-2, 3), min_size=1, max_size=40), st.data())
def test_keep_highest_is_the_stable_sort(scores, data):
    count = data.draw(st.integers(0, len(scores)))
    values = np.array(scores, dtype=np.float64)
    kept = keep_highest(values, count)
    assert kept.sum() == count
    assert np.array_equal(kept, naive_keep_highest(scores, count))


def test_infinite_scores_stand_at_the_ends():
    scores = np.array([-np.inf, 0.0, np.inf, -np.inf])
    assert keep_highest(scores, 3).tolist() == [True, True, True, False]


@pytest.mark.parametrize(("density", "size", "count"), [(0.01, 1250, 12), (1, 7, 7), (0.5, 3, 2)])
def test_kept_count_rounds(density, size, count):
    assert kept_count(density, size) == count


def test_a_density_that_keeps_nothing_is_named():
    with pytest.raises(PruningError, match=r"density 0\.01 of 20 weights keeps none"):
        kept_count(0.01, 20)


@pytest.mark.parametrize("density", [0, -0.1, 1.5, float("nan")])
def test_densities_lie_between_0_and_1(density):
    with pytest.raises(ArgumentError, match="density must lie in"):
        kept_count(density, 100)
