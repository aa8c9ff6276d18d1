"""Every method over a model with all kinds of prunable layers, grouped ones too."""

import copy

import pytest
import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.graphs.multipartite import network_graph
from masktopo.graphs.tracing import trace
from masktopo.metrics.flow import path_sums
from masktopo.pruning import METHODS, prune

GROUPS = {"volume": 2, "image": 4, "line": 3, "head": 1}


class AllKinds(nn.Module):
    """From volumes to images to lines to vectors."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(8)
        self.volume = nn.Conv3d(2, 4, (1, 3, 3), groups=2)
        self.norm = nn.BatchNorm3d(4)
        self.image = nn.Conv2d(8, 12, 3, groups=4, padding=1)
        self.line = nn.Conv1d(12, 6, 2, groups=3, stride=2)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(6 * 8, 3)

    def forward(self, x):
        x = self.norm(self.volume(x)).relu()
        x = self.image(x.flatten(1, 2)).relu()
        x = self.line(x.flatten(2)).relu()
        return self.head(self.dropout(x).flatten(1))


def data():
    inputs = torch.randn((30, 2, 2, 6, 6), generator=torch.Generator().manual_seed(1))
    return TensorData(inputs, torch.arange(30) % 3, 3, "made up")


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", METHODS)
def test_all_kinds_of_layers_are_pruned(method, scope):
    if scope == "layer" and METHODS[method].densities:
        return
    masks = prune(AllKinds(), data(), method=method, density=0.6, scope=scope, batch_size=12)
    assert {name: layer.groups for name, layer in masks.items()} == GROUPS
    assert masks.nnz == round(0.6 * masks.size)
    if scope == "layer":
        assert all(abs(layer.nnz - 0.6 * layer.size) < 1 for layer in masks.values())


@pytest.mark.parametrize("method", ["phew", "npb"])
def test_methods_that_follow_paths_keep_some_through_every_layer(method):
    model = AllKinds()
    masks = prune(model, data(), method=method, density=0.08)
    wiring = trace(model, torch.zeros(1, 2, 2, 6, 6))
    sums = path_sums(network_graph(masks, wiring), "multiplicity")
    assert sums.total[0] > 0
    assert not any(layer.is_empty for layer in masks.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was_found(method, training):
    model = AllKinds().train(training)
    model.image.weight.requires_grad_(False)
    model.norm.eval()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    state = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    wanted = [parameter.requires_grad for parameter in model.parameters()]
    random_state = torch.get_rng_state()
    options = {"method": method, "density": 0.3, "train_mode": True, "shuffle": True}
    prune(model, data(), batch_size=12, keep_dense="first", **options)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == wanted
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["head.weight"]
    assert torch.equal(model.head.weight.grad, torch.ones_like(model.head.weight))
    assert torch.equal(torch.get_rng_state(), random_state)
