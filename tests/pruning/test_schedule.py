import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError
from masktopo.pruning.prunable import PrunableLayer
from masktopo.pruning.recipe import Draw, Recipe
from masktopo.pruning.schedule import round_counts


def layers_of(sizes):
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return [
        PrunableLayer(str(place), (1, int(size)), int(start))
        for place, (size, start) in enumerate(zip(sizes, starts, strict=True))
    ]


def test_global_rounds_are_exponential():
    counts = round_counts(layers_of([600, 400]), Recipe("synflow", density=0.01, rounds=4))
    assert [[count for _, count in spans] for spans in counts] == [[316], [100], [32], [10]]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.floats(0.05, 1), st.integers(1, 30))
def test_layers_never_gain_and_the_last_round_is_exact(sizes, density, rounds):
    if round(density * sum(sizes)) == 0:
        return
    recipe = Recipe("synflow", density=density, scope="layer", rounds=rounds)
    counts = np.array([[c for _, c in spans] for spans in round_counts(layers_of(sizes), recipe)])
    assert (np.diff(np.vstack([sizes, counts]), axis=0) <= 0).all()
    assert counts[-1].sum() == round(density * sum(sizes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "best"}, "method='best' is not one of"),
        ({"scope": "channel"}, "scope='channel' is not one of"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"method": "random-erk", "scope": "layer"}, "random-erk divides its budget"),
        ({"method": "magnitude", "rounds": 3}, "magnitude scores once"),
        ({"method": "synflow", "rounds": 0}, "rounds must be at least 1"),
    ],
)
def test_recipes_check_their_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        Recipe(**options)


def test_methods_may_be_written_with_an_underscore():
    assert Recipe("random_erk") == Recipe("random-erk")
    assert Recipe("snip_iterative").method == "snip-iterative"


@pytest.mark.parametrize("noise", [-1, "scores", float("nan"), True])
def test_draws_check_their_noise(noise):
    with pytest.raises(ArgumentError, match="noise must be at least 0, 'weights' or None"):
        Draw(0, noise=noise)
