from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import WiringError
from masktopo.graphs.order import wiring_from_order
from masktopo.graphs.views import Read
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.chains import size_sequences
from tests.naive.networks import read_nodes
from tests.naive.random_networks import random_chain

KINDS = {0: "linear", 1: "conv1d", 2: "conv2d", 3: "conv3d"}


def layer(name, *shape, **keywords):
    keywords = {"kind": KINDS[len(shape) - 2]} | keywords
    return LayerMask(name, np.ones(shape, bool), **keywords)


def wire(*layers):
    return wiring_from_order(MaskSet(layers, source="net.pt"))


def repeats(wiring, link):
    read = [channel for _, channel in read_nodes(link.operand).reshape(-1)]
    channels = wiring.node_sets[link.sources[0]].channels
    assert read == sorted(read)
    assert set(read) == set(range(channels))
    return len(read) // max(channels, 1) or 1


def chained(wiring):
    return [
        (link.layer, link.sources[0], repeats(wiring, link), link.target) for link in wiring.links
    ]


def test_linear_layers():
    wiring = wire(layer("a", 300, 784), layer("b", 100, 300), layer("c", 10, 100))
    assert wiring == Wiring(
        nodes=(
            NodeSet("input", (1, 784), (1,), "input"),
            NodeSet("a", (1, 300), (1,), "hidden"),
            NodeSet("b", (1, 100), (1,), "hidden"),
            NodeSet("c", (1, 10), (1,), "output"),
        ),
        links=(
            Link("a", Read("input", (1, 784)), "a", Use("linear")),
            Link("b", Read("a", (1, 300)), "b", Use("linear")),
            Link("c", Read("b", (1, 100)), "c", Use("linear")),
        ),
        layers=(
            LayerSpec("a", (300, 784), "linear"),
            LayerSpec("b", (100, 300), "linear"),
            LayerSpec("c", (10, 100), "linear"),
        ),
        assumed=True,
    )


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (3, 1, 3)])
def test_convolutions_a_flatten_and_linear_layers(kernel):
    convolutions = [layer("c1", 8, 3, *kernel), layer("c2", 8, 8, *kernel)]
    wiring = wire(*convolutions, layer("f1", 20, 8 * 49), layer("f2", 10, 20))
    assert chained(wiring) == [
        ("c1", "input", 1, "c1"),
        ("c2", "c1", 1, "c2"),
        ("f1", "c2", 49, "f1"),
        ("f2", "f1", 1, "f2"),
    ]


def test_global_pooling_needs_no_flatten():
    assert chained(wire(layer("c", 8, 3, 3, 3), layer("f", 10, 8)))[1] == ("f", "c", 1, "f")


def test_layers_of_equal_sizes_keep_the_order_of_the_file():
    sizes = [(64, 3), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (256, 256)]
    vgg = [layer(f"conv{index}", *size, 3, 3) for index, size in enumerate(sizes)]
    wiring = wire(*vgg, layer("fc", 10, 256))
    assert wiring.layer_names == (*(f"conv{index}" for index in range(7)), "fc")


def test_known_groups_and_transposition_are_used():
    depthwise = layer("dw", 8, 1, 3, 3, groups=8)
    up = layer("up", 8, 4, 2, 2, kind="conv_transpose2d")
    assert wire(layer("c", 8, 3, 3, 3), depthwise, up).nodes[-1].channels == 4


def test_an_input_never_takes_the_name_of_a_layer():
    assert wire(layer("input", 5, 4), layer("input_", 3, 5)).nodes[0].name == "input__"


def test_layers_without_channels():
    assert wire(layer("a", 0, 4), layer("b", 2, 0)).nodes[1].channels == 0
    assert chained(wire(layer("a", 0, 4, 3, 3), layer("b", 2, 0)))[1] == ("b", "a", 1, "b")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "net.pt has no layer to wire"),
        (
            [layer("a", 5, 4), layer("b", 3, 6), layer("c", 2, 3)],
            "layers a, b: 5 outputs are followed by 6 inputs",
        ),
        (
            [layer("c", 8, 3, 3, 3), layer("f", 10, 20)],
            "layers c, f: 20 inputs are no multiple of 8 channels",
        ),
        ([layer("c", 0, 3, 3, 3), layer("f", 10, 20)], "20 inputs are no multiple of 0 channels"),
        ([layer("c", 8, 3, 3, 3), layer("f", 10, 0)], "0 inputs are no multiple of 8 channels"),
        (
            [layer("f", 3, 5), layer("c", 8, 3, 3, 3)],
            "layers f, c: a convolution follows a linear layer",
        ),
        ([layer("c", 8, 3, 3, 3), layer("d", 5, 8, 3)], "layers c, d: a conv1d follows a conv2d"),
        (
            [layer("c", 8, 3, 3, 3), layer("dw", 8, 1, 3, 3)],
            "layers c, dw: 8 outputs are followed by 1 inputs",
        ),
        (
            [layer("tokens", 9, 4, kind="embedding"), layer("f", 3, 4)],
            r"layer tokens: neither linear nor a convolution \(embedding\)",
        ),
        ([layer("a", 5, 4, aliases=("b",))], "layer a: tied parameters are used in several"),
        (
            [layer("c1", 8, 3, 3, 3), layer("c2", 8, 8, 1, 1), layer("c3", 8, 8, 3, 3)],
            "layer c2: a 1x1 convolution beside larger ones may be a shortcut",
        ),
        (
            [layer("a", 128, 784), layer("b", 784, 128)],
            "layers a, b: their sizes also chain in another order",
        ),
    ],
)
def test_what_is_no_certain_chain_is_refused(layers, message):
    with pytest.raises(WiringError, match=message):
        wire(*layers)


def test_every_refusal_says_what_to_do():
    with pytest.raises(WiringError, match=r"give the model or a wiring$"):
        wire(layer("a", 5, 4), layer("b", 3, 6))


@pytest.mark.parametrize(
    "name",
    [
        "layer2.0.downsample.0",
        "layer2.0.shortcut.0",
        "block1.layer.0.convShortcut",
        "enc.skip",
        "branch3x3",
        "inception.branch1",
        "h.0.attn.c_proj",
        "self_attention.dense",
        "q_proj",
        "layers.0.k",
        "encoder.query",
        "mlp.gate_proj",
        "rnn.weight_ih_l0",
        "aux_head",
    ],
)
def test_names_that_speak_of_branches(name):
    with pytest.raises(WiringError, match=f"layer {name}: the name speaks of a branch"):
        wire(layer("first", 5, 4), layer(name, 3, 5))


@pytest.mark.parametrize(
    "name", ["features.0", "layer1.0.conv1", "monkey", "kv2", "navigate", "fc"]
)
def test_names_that_do_not(name):
    assert wire(layer(name, 3, 5)).assumed


def test_pointwise_convolutions_alone_chain():
    assert len(wire(layer("a", 64, 3, 1), layer("b", 128, 64, 1)).links) == 2


sizes = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@settings(max_examples=300)
@given(sizes, sizes, st.integers(1, 3))
def test_a_chain_is_taken_exactly_when_no_other_order_of_sizes_chains(conv, linear, repeat):
    if len(conv) > 1:
        linear = [conv[-1] * repeat, *linear]
    convolutions = list(pairwise(conv))
    lines = list(pairwise(linear))
    layers = [layer(f"c{i}", after, before, 2, 2) for i, (before, after) in enumerate(convolutions)]
    layers += [layer(f"f{i}", after, before) for i, (before, after) in enumerate(lines)]
    if not layers:
        return
    if len(size_sequences(convolutions, lines)) > 1:
        with pytest.raises(WiringError, match="also chain in another order"):
            wire(*layers)
    else:
        assert wire(*layers).layer_names == tuple(layer.name for layer in layers)


def test_chains_are_wired_as_they_were_built():
    wired = 0
    for seed in range(100):
        masks, wiring = random_chain(seed)
        try:
            found = wiring_from_order(masks)
        except WiringError as error:
            assert "also chain in another order" in str(error)  # noqa: PT017
        else:
            assert chained(found) == chained(wiring)
            assert found.layers == wiring.layers
            wired += 1
    assert wired > 30
