"""What recipes and draws are told: names in any order, numbers of NumPy and torch."""

import numpy as np
import pytest
import torch
from torch import nn

from masktopo.errors import ArgumentError
from masktopo.pruning import prune
from masktopo.pruning.recipe import Draw, Recipe


def test_the_order_of_layers_to_keep_dense_does_not_matter():
    names = ["last", "first", "2", "last"]
    for given in (names, tuple(reversed(names)), set(names), dict.fromkeys(names)):
        assert Recipe(keep_dense=given) == Recipe(keep_dense=("2", "first", "last"))
    assert Recipe(keep_dense={"last", "first"}).keep_dense == ("first", "last")


@pytest.mark.parametrize("names", [None, 3, [1], ["first", None]])
def test_layers_to_keep_dense_are_names(names):
    with pytest.raises(ArgumentError, match="keep_dense must be names of layers, not"):
        Recipe(keep_dense=names)


@pytest.mark.parametrize("make", [np.float32, np.float64, np.array, torch.tensor])
def test_scalars_become_pythons(make):
    recipe = Recipe(density=make(0.25), batch_size=np.int64(8), train_mode=np.bool_(1))
    assert recipe == Recipe(density=0.25, batch_size=8, train_mode=True)
    assert [type(value) for value in (recipe.density, recipe.batch_size)] == [float, int]
    assert type(recipe.train_mode) is bool
    assert type(Draw(0, noise=make(0.5)).noise) is float


@pytest.mark.parametrize("make", [np.float32, torch.tensor])
def test_noise_of_any_scalar_is_noise(make):
    model = nn.Linear(40, 30)
    options = {"method": "magnitude", "density": 0.3}
    noisy = prune(model, **options, noise=make(0.5))
    assert noisy == prune(model, **options, noise=0.5)
    assert noisy != prune(model, **options)


@pytest.mark.parametrize("noise", [[1], np.ones(2), True, "much", -1, float("nan"), float("inf")])
def test_noise_is_a_number(noise):
    with pytest.raises(ArgumentError, match="noise must be at least 0, 'weights' or None, not"):
        Draw(0, noise=noise)
