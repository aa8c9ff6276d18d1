from math import prod

import pytest

from masktopo.bench.traced import masks_of, traced_wiring
from masktopo.graphs.build import network_graph


@pytest.mark.parametrize(
    ("network", "layers", "weights", "outputs"),
    [("tiny-resnet", 22, 270_896, 10), ("resnet50", 54, 25_502_912, 1000)],
)
def test_traced_networks_have_their_known_sizes(network, layers, weights, outputs):
    wiring = traced_wiring(network)
    assert len(wiring.layers) == layers
    assert sum(prod(layer.shape) for layer in wiring.layers) == weights
    assert [nodes.size for nodes in wiring.nodes if nodes.role == "output"] == [outputs]


def test_resnet50_is_too_large_to_list_and_its_stem_halves_twice():
    wiring = traced_wiring("resnet50")
    sizes = {link.layer: wiring.node_sets[link.target].shape for link in wiring.links}
    assert sizes["conv1"] == (1, 64, 112, 112)
    assert sizes["layer1.0.conv1"] == (1, 64, 56, 56)
    assert sizes["layer4.2.conv3"] == (1, 2048, 7, 7)


def test_masks_fit_the_wiring_and_keep_their_density():
    wiring = traced_wiring("tiny-resnet")
    masks = masks_of(wiring, "uniform", 0.02)
    assert masks.nnz == round(0.02 * masks.size)
    assert list(masks) == list(wiring.layer_names)
    assert network_graph(masks, wiring, encoding="unrolled").n_edges > 10_000
