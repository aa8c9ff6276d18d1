from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.min_cut import MinCut, min_cut
from tests.naive import connectivity as naive
from tests.naive.random_networks import random_chain, random_network
from tests.naive.resnets import resnet
from tests.naive.wirings import wire

seeds = st.integers(0, 2**32)


def assert_matches_networkx(graph, *, skips):
    """Compare with another library's flow; what its residual network reaches gives the cut."""
    found = min_cut(graph, skips=skips)
    network = naive.flow_network(graph, skips=skips)
    network.add_nodes_from(["source", "sink"])
    residual = nx.algorithms.flow.edmonds_karp(network, "source", "sink")
    side, todo = {"source"}, ["source"]
    while todo:
        for other, arc in residual[todo.pop()].items():
            if arc["flow"] < arc["capacity"] and other not in side:
                side.add(other)
                todo.append(other)
    cut = [arc for *ends, arc in network.out_edges(side, data=True) if ends[1] not in side]
    assert found.value == residual.graph["flow_value"] == len(cut)
    assert found.layer == most_common(graph, cut)


def most_common(graph, arcs):
    names = Counter(arc["name"] for arc in arcs)
    order = dict.fromkeys(link.layer or link.target for link in graph.wiring.links)
    return max(order, key=lambda name: names[name]) if arcs else None


@settings(max_examples=200)
@given(seeds, st.booleans())
def test_any_wiring_matches_networkx(seed, skips):
    masks, wiring = random_network(seed)
    assert_matches_networkx(multipartite(masks, wiring=wiring), skips=skips)


@settings(max_examples=40)
@given(seeds)
def test_small_networks_match_all_cuts(seed):
    masks, wiring = random_chain(seed)
    graph = multipartite(masks, wiring=wiring)
    network = naive.flow_network(graph, skips=True)
    network.add_nodes_from(["source", "sink"])
    if len(network) > 14:
        return
    value, arcs = naive.cuts(network)
    found = min_cut(graph)
    assert found.value == value
    assert found.layer == most_common(graph, [arc for *_, arc in arcs])


def dense(name, outputs, inputs):
    return LayerMask(name, np.ones((outputs, inputs), bool))


def test_the_narrowest_layer_is_named():
    layers = [dense("a", 5, 4), dense("b", 2, 5), dense("c", 6, 2)]
    assert min_cut(multipartite(MaskSet(layers))) == MinCut(2, "b")


def test_of_two_narrow_places_the_one_nearest_the_input_counts():
    layers = [dense("a", 2, 4), dense("b", 5, 2), dense("c", 2, 5), dense("d", 3, 2)]
    assert min_cut(multipartite(MaskSet(layers))) == MinCut(2, "a")


def test_edges_from_inputs_to_outputs_are_the_cut_of_one_layer():
    assert min_cut(multipartite(MaskSet([dense("a", 3, 2)]))) == MinCut(6, "a")


def test_an_edge_counts_once_whatever_its_multiplicity():
    layer = LayerMask("conv", np.ones((1, 1, 3, 3), bool), kind="conv2d")
    assert min_cut(multipartite(MaskSet([layer]))).value == 1


def test_two_layers_between_the_same_nodes_have_one_edge():
    masks = MaskSet([dense("a", 1, 2), dense("b", 1, 2)])
    wiring = wire(masks, {"x": 2, "y": 1}, [("a", ["x"], "y"), ("b", ["x"], "y")])
    assert min_cut(multipartite(masks, wiring=wiring)) == MinCut(2, "a")


def test_skips_carry_the_flow_past_a_narrow_layer():
    narrow = LayerMask("narrow", np.array([[True, True, True], [False] * 3, [False] * 3]))
    masks = MaskSet([dense("first", 3, 2), narrow, dense("head", 2, 3)])
    sizes = {"x": 2, "a": 3, "b": 3, "y": 2}
    steps = [("first", ["x"], "a"), ("narrow", ["a"], "b"), (None, ["a"], "b")]
    wiring = wire(masks, sizes, [*steps, ("head", ["b"], "y")])
    graph = multipartite(masks, wiring=wiring)
    assert min_cut(graph) == MinCut(3, "first")
    assert min_cut(graph, skips=False) == MinCut(1, "narrow")


def test_no_path_has_no_bottleneck():
    layers = [dense("a", 2, 2), LayerMask("b", np.zeros((2, 2), bool))]
    assert min_cut(multipartite(MaskSet(layers))) == MinCut(0, None)


@pytest.mark.parametrize("skips", [True, False])
def test_unrolled_graphs_are_cut_by_channel(skips):
    masks, wiring = resnet(0.3, size=4, widths=(4, 6), blocks=2, seed=2)
    unrolled = multipartite(masks, wiring=wiring, encoding="unrolled")
    channel = multipartite(masks, wiring=wiring)
    assert min_cut(unrolled, skips=skips) == min_cut(channel, skips=skips)
    assert_matches_networkx(channel, skips=skips)
