import numpy as np
import pytest
import torch
from torch import nn

from masktopo._random import stream
from masktopo.data.tensors import TensorData
from masktopo.pruning import prune
from masktopo.pruning.choose import choose
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe
from tests.naive.pruning import naive_keep_highest

DATA = TensorData(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64), 3, "made up")


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def choices(seed=0, index=0, **options):
    return [
        choose(
            Problem(network(), Recipe(density=0.3, shuffle=shuffle, **options), DATA),
            Draw(seed, index),
        )
        for shuffle in (False, True)
    ]


@pytest.mark.parametrize("method", ["magnitude", "synflow", "phew", "random-erk"])
def test_layers_are_permuted_by_the_draws_own_stream(method):
    plain, shuffled = choices(seed=3, index=2, method=method)
    generator = stream(3, 2, 4)
    for first, last in ((0, 20), (20, 40), (40, 52)):
        order = generator.permutation(last - first)
        assert np.array_equal(shuffled.kept[first:last], plain.kept[first:last][order])
    assert not np.array_equal(shuffled.kept, plain.kept)


@pytest.mark.parametrize("method", ["magnitude", "synflow"])
def test_the_order_of_the_weights_goes_with_the_mask(method):
    _, shuffled = choices(method=method)
    assert np.array_equal(naive_keep_highest(shuffled.standing, shuffled.kept.sum()), shuffled.kept)


def test_every_seed_and_index_permutes_anew():
    draws = [(0, 0), (0, 1), (1, 0), (0, 0)]
    found = [choices(seed, index, method="magnitude")[1].kept for seed, index in draws]
    assert np.array_equal(found[0], found[3])
    assert len({kept.tobytes() for kept in found}) == 3


def test_a_shuffled_mask_says_so_and_keeps_its_counts():
    plain, shuffled = (
        prune(network(), method="magnitude", density=0.3, shuffle=shuffle)
        for shuffle in (False, True)
    )
    assert [layer.nnz for layer in plain.values()] == [layer.nnz for layer in shuffled.values()]
    assert shuffled["0"].origin == "magnitude at density 0.3, shuffled by layer"
