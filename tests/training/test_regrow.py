"""One update of one mask: what goes, what comes, and in which order."""

import numpy as np
import pytest
import torch

from masktopo.errors import ArgumentError
from masktopo.pruning.budget import keep_highest
from masktopo.training import DYNAMICS, DynamicSparsity
from masktopo.training.dynamic import read_dynamic
from masktopo.training.regrow import drop_count, highest, regrown
from tests.naive.dynamic import naive_fraction, naive_update


@pytest.mark.parametrize("seed", range(20))
def test_updates_equal_the_naive_reference_with_ties(seed):
    rng = np.random.default_rng(seed)
    kept = rng.random((3, 4, 2)) < rng.random()
    weight = np.where(kept, rng.integers(-2, 3, kept.shape), 0).astype(np.float32)
    growth = rng.integers(0, 3, kept.shape).astype(np.float32)
    for count in {0, min(1, kept.sum()), drop_count(kept.sum(), 0.5), kept.sum()}:
        found = regrown(*map(torch.from_numpy, (weight, kept, growth)), count)
        np.testing.assert_array_equal(found.numpy(), naive_update(weight, kept, growth, count))
        assert found.sum() == kept.sum()


@pytest.mark.parametrize("seed", range(5))
def test_the_highest_are_those_of_pruning_in_any_memory_format(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (2, 3, 3, 3)).astype(np.float32)
    strided = torch.from_numpy(scores).to(memory_format=torch.channels_last)
    for count in range(scores.size + 1):
        expected = keep_highest(scores.ravel(), count).reshape(scores.shape)
        np.testing.assert_array_equal(highest(strided, count).numpy(), expected)


def test_a_dense_layer_stays_as_it_is():
    weight = torch.tensor([[3.0, -1.0], [0.5, 2.0]])
    full = torch.ones(2, 2, dtype=torch.bool)
    assert regrown(weight, full, torch.rand(2, 2), 2).all()


def test_the_drop_count_is_rounded_up():
    assert [drop_count(kept, 0.5) for kept in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert drop_count(1000, 0.0051) == 6
    # In binary, 0.07 * 100 is a little over 7.
    for kept in range(1, 301):
        for percent in range(101):
            assert drop_count(kept, percent / 100) == -(-percent * kept // 100)


def test_methods_have_the_published_settings():
    assert DYNAMICS["set"] == DYNAMICS["itop"] == DynamicSparsity("random", 1500, 0.5, 0.005, 1.0)
    assert DYNAMICS["rigl-itop"] == DynamicSparsity("gradient", 4000, 0.5, 0.005, 1.0)
    assert DYNAMICS["rigl"] == DynamicSparsity("gradient", 100, 0.3, 0.0, 0.75)
    assert read_dynamic("itop") is DYNAMICS["itop"]
    assert read_dynamic("rigl_itop") is DYNAMICS["rigl-itop"]
    assert read_dynamic(DYNAMICS["rigl"]) is DYNAMICS["rigl"]


def test_the_dropped_part_follows_a_cosine_over_all_steps():
    itop, rigl = DYNAMICS["itop"], DYNAMICS["rigl"]
    for step in (0, 1500, 44_000, 88_000):
        assert itop.fraction_at(step, 88_000) == pytest.approx(naive_fraction(step, 88_000))
    assert rigl.fraction_at(375, 1000) == pytest.approx(0.15)
    assert [step for step in range(1, 1001) if rigl.is_due(step, 1000)] == [*range(100, 750, 100)]
    assert not DynamicSparsity(every=5).is_due(10, 10)
    for percent in range(1, 101):
        assert not DynamicSparsity(every=1, until=percent / 100).is_due(percent, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"growth": "none"}, "growth='none' is not one of 'random', 'gradient'"),
        ({"every": 0}, "every must be at least 1, not 0"),
        ({"fraction": 1.5}, "fraction must lie between 0 and 1, not 1.5"),
        ({"final_fraction": -0.1}, "final_fraction must lie between 0 and 1"),
        ({"until": 2.0}, "until must lie between 0 and 1, not 2.0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ArgumentError, match=message):
        DynamicSparsity(**changes)
