from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError, PruningError
from masktopo.pruning.densities import DENSITIES, layer_counts
from tests.naive.pruning import naive_layer_counts

SHAPES = st.lists(
    st.lists(st.integers(1, 12), min_size=2, max_size=4).map(tuple), min_size=1, max_size=6
)


@pytest.mark.parametrize("rule", DENSITIES)
@settings(max_examples=60)
@given(shapes=SHAPES, data=st.data())
def test_counts_are_those_of_the_plain_solution(rule, shapes, data):
    sizes = [prod(shape) for shape in shapes]
    total = data.draw(st.integers(0, sum(sizes)))
    counts = layer_counts(shapes, total, rule).tolist()
    assert sum(counts) == total
    assert all(0 <= count <= size for count, size in zip(counts, sizes, strict=True))
    assert counts == naive_layer_counts(shapes, total, rule)


def test_erk_densities_follow_the_paper():
    # 1 - s is proportional to (16 + 32 + 3 + 3) / (16 * 32 * 3 * 3) and (10 + 64) / (10 * 64).
    counts = layer_counts([(32, 16, 3, 3), (10, 64)], 256, "erk")
    assert counts.tolist() == [108, 148]


def test_er_ignores_kernels():
    counts = layer_counts([(32, 16, 3, 3), (10, 64)], 506, "er")
    assert counts.tolist() == [432, 74]


def test_layers_over_capacity_become_dense_and_the_rest_is_solved_again():
    # At first the layers would get 300 * (200, 12, 110) / 322; the second has only 20 weights.
    counts = layer_counts([(100, 100), (2, 10), (10, 100)], 1100, "erk")
    assert counts.tolist() == [697, 20, 383]


def test_too_many_weights_are_refused():
    with pytest.raises(PruningError, match="cannot keep 7 of 6 weights"):
        layer_counts([(2, 3)], 7, "uniform")


def test_unknown_rules_are_refused():
    with pytest.raises(ArgumentError, match="rule='best' is not one of 'uniform', 'er', 'erk'"):
        layer_counts([(2, 3)], 1, "best")
