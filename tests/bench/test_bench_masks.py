from math import prod

import numpy as np
import pytest

from masktopo.bench.masks import make_masks
from masktopo.bench.networks import LayerShape, shapes_of
from masktopo.errors import ArgumentError
from masktopo.pruning.densities import layer_counts

SHAPES = shapes_of("mlp")
CONV = (LayerShape("stem", (8, 3, 3, 3), "conv2d"), LayerShape("conv", (8, 8, 3, 3), "conv2d"))


@pytest.mark.parametrize("rule", ["erk", "uniform"])
@pytest.mark.parametrize("density", [0.5, 0.1, 0.005])
def test_random_counts_are_exact_in_every_layer(density, rule):
    masks = make_masks(SHAPES, rule, density)
    total = round(density * sum(prod(layer.shape) for layer in SHAPES))
    expected = layer_counts([layer.shape for layer in SHAPES], total, rule)
    assert [layer.nnz for layer in masks.values()] == expected.tolist()


@pytest.mark.parametrize("density", [0.5, 0.1, 0.005])
def test_snip_like_masks_have_the_exact_total_and_heavier_tails(density):
    masks = make_masks(SHAPES, "snip", density)
    assert masks.nnz == round(density * masks.size)
    erk = make_masks(SHAPES, "erk", density)
    spread = [
        m["fc0"].mask.sum(axis=0).std() / m["fc0"].mask.sum(axis=0).mean() for m in (masks, erk)
    ]
    assert spread[0] > 1.2 * spread[1]


@pytest.mark.parametrize("shapes", [SHAPES, CONV])
def test_two_of_four_keeps_the_larger_half_of_every_four(shapes):
    for layer in make_masks(shapes, "2:4", 0.5).values():
        if prod(layer.shape[1:]) % 4:
            assert layer.is_dense
            continue
        mask, weight = layer.mask.reshape(-1, 4), np.abs(layer.weight).reshape(-1, 4)
        assert (mask.sum(axis=1) == 2).all()
        kept = np.where(mask, weight, np.inf).min(axis=1)
        assert (kept >= np.where(mask, 0, weight).max(axis=1)).all()


def test_two_of_four_has_one_density():
    with pytest.raises(ArgumentError, match=r"density 0\.5, not 0\.1"):
        make_masks(SHAPES, "2:4", 0.1)


def test_an_unknown_rule_is_named():
    with pytest.raises(ArgumentError, match="'erk', 'uniform', 'snip', '2:4'"):
        make_masks(SHAPES, "magic", 0.1)


@pytest.mark.parametrize("rule", ["erk", "snip"])
def test_seeds_decide_and_weights_do_not_depend_on_the_rule(rule):
    first, again, other = (make_masks(SHAPES, rule, 0.1, seed=seed) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert np.array_equal(first["fc1"].weight, make_masks(SHAPES, "2:4", 0.5, seed=3)["fc1"].weight)
    assert first["fc1"].weight.dtype == np.float32
