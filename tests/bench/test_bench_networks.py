from math import prod

import pytest

from masktopo.bench.networks import NETWORKS, shapes_of
from masktopo.masks.layer import KINDS


@pytest.mark.parametrize(
    ("network", "layers", "weights"),
    [
        ("resnet18", 21, 11_164_352),
        ("resnet34", 37, 21_265_088),
        ("vgg16", 14, 14_715_584),
        ("wrn-28-2", 29, 1_463_984),
        ("vit-b", 50, 86_292_480),
        ("decoder-7b", 7, 202_375_168),
    ],
)
def test_the_networks_have_their_known_sizes(network, layers, weights):
    shapes = shapes_of(network)
    assert len(shapes) == layers
    assert sum(prod(layer.shape) for layer in shapes) == weights


@pytest.mark.parametrize("network", NETWORKS)
def test_names_differ_and_kinds_fit(network):
    shapes = shapes_of(network)
    assert len({layer.name for layer in shapes}) == len(shapes)
    assert all(len(layer.shape) == KINDS[layer.kind] for layer in shapes)


def test_residual_blocks_join():
    shapes = {layer.name: layer.shape for layer in shapes_of("wrn-28-2")}
    assert shapes["layer2.0.conv1"] == (64, 32, 3, 3)
    assert shapes["layer2.0.shortcut"] == (64, 32, 1, 1)
    assert "layer2.1.shortcut" not in shapes
