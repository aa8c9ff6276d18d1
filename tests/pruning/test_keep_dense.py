import pytest
import torch
from torch import nn

from masktopo.errors import ArgumentError, PruningError
from masktopo.pruning import METHODS, prune
from masktopo.pruning.recipe import Recipe


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


DATA = (torch.randn((40, 4), generator=torch.Generator().manual_seed(2)), torch.arange(40) % 3)


@pytest.mark.parametrize("method", METHODS)
def test_named_layers_stay_dense_and_are_not_counted(method):
    masks = prune(
        network(), DATA, method=method, density=0.5, batch_size=16, keep_dense=("first", "last")
    )
    assert masks["0"].is_dense
    assert masks["4"].is_dense
    assert masks["2"].nnz == 10


@pytest.mark.parametrize(
    ("keep_dense", "expected"),
    [
        (["2"], [10, 20, 6]),
        ("last", [10, 10, 12]),
        ("2", [10, 20, 6]),
        (("0", "first"), [20, 10, 6]),
        ((), [10, 10, 6]),
    ],
)
def test_layers_are_named_by_place_or_name(keep_dense, expected):
    masks = prune(network(), method="magnitude", density=0.5, scope="layer", keep_dense=keep_dense)
    assert [layer.nnz for layer in masks.values()] == expected


def test_a_layer_may_be_called_first():
    model = nn.ModuleDict({"stem": nn.Linear(4, 5), "first": nn.Linear(5, 4)})
    masks = prune(model, method="random-uniform", density=0.5, keep_dense=("first",))
    assert masks["first"].is_dense
    assert not masks["stem"].is_dense


def test_a_tied_layer_may_go_by_either_name():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3))
    model[1].weight = model[0].weight
    masks = prune(model, method="magnitude", density=0.5, keep_dense=("1",))
    assert masks["0"].is_dense
    assert masks["2"].nnz == 6


def test_unknown_names_are_an_error_that_lists_the_layers():
    message = r"keep_dense names 'fc', 'x', but the prunable layers are 0, 2, 4$"
    with pytest.raises(ArgumentError, match=message):
        prune(network(), method="magnitude", keep_dense=("fc", "2", "x"))


def test_keeping_all_layers_dense_leaves_nothing_to_prune():
    with pytest.raises(PruningError, match=r"nothing is left to prune: keep_dense keeps 0, 2, 4$"):
        prune(network(), method="magnitude", keep_dense=("0", "2", "4"))


def test_recipes_compare_however_the_names_came():
    assert Recipe(keep_dense=["a", "b"]) == Recipe(keep_dense=("a", "b"))
    assert Recipe(keep_dense="a") == Recipe(keep_dense=("a",))
    assert len({Recipe(keep_dense=["a"]), Recipe(keep_dense="a")}) == 1
