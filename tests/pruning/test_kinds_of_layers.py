"""Every method over a model with all kinds of prunable layers, grouped ones too."""

import pytest
import torch

from masktopo.graphs.build import network_graph
from masktopo.graphs.tracing import trace
from masktopo.metrics.flow import path_sums
from masktopo.pruning import METHODS, prune
from tests.pruning.models import AllKinds, few_rounds, volumes

GROUPS = {"volume": 2, "image": 4, "line": 3, "head": 1}


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", METHODS)
def test_all_kinds_of_layers_are_pruned(method, scope):
    if scope == "layer" and METHODS[method].densities:
        return
    masks = prune(
        AllKinds(), volumes(), method=method, density=0.6, scope=scope, **few_rounds(method)
    )
    assert {name: layer.groups for name, layer in masks.items()} == GROUPS
    assert masks.nnz == round(0.6 * masks.size)
    if scope == "layer":
        assert all(abs(layer.nnz - 0.6 * layer.size) < 1 for layer in masks.values())


@pytest.mark.parametrize("method", ["phew", "npb"])
def test_methods_that_follow_paths_keep_some_through_every_layer(method):
    model = AllKinds()
    masks = prune(model, volumes(), method=method, density=0.08)
    wiring = trace(model, torch.zeros(1, 2, 2, 6, 6))
    sums = path_sums(network_graph(masks, wiring), "multiplicity")
    assert sums.total[0] > 0
    assert not any(layer.is_empty for layer in masks.values())
