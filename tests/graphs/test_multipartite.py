from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError, MasktopoWarning, WiringError
from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.networks import weight_digraph
from tests.naive.random_networks import random_chain, random_network
from tests.naive.wirings import wire

seeds = st.integers(0, 2**32)


def node_index(graph):
    """Map (node set, channel) to the node's number."""
    return {
        (nodes.name, channel): int(start) + channel
        for nodes, start in zip(graph.wiring.nodes, graph.offsets, strict=False)
        for channel in range(nodes.channels)
    }


def assert_matches_naive(masks, wiring):
    graph = multipartite(masks, wiring=wiring)
    digraph, index = weight_digraph(masks, wiring), node_index(graph)
    counts, weights = np.zeros((2, graph.n_nodes, graph.n_nodes))
    edges = set()
    for start, end, edge in digraph.edges(data=True):
        counts[index[start], index[end]] += 1
        weights[index[start], index[end]] += edge["w"]
        edges.add((start, end, edge["use"]))
    assert graph.n_nodes == digraph.number_of_nodes()
    assert graph.n_edges == len(edges)
    np.testing.assert_array_equal(graph.to_scipy().toarray(), counts)
    np.testing.assert_allclose(graph.to_scipy(weighted=True).toarray(), weights, rtol=1e-12)
    assert_ends_match(graph, wiring, index)


def assert_ends_match(graph, wiring, index):
    roles = {nodes.name: nodes.role for nodes in wiring.nodes}
    for marks, role in [(graph.inputs, "input"), (graph.outputs, "output")]:
        expected = [node for (name, _), node in index.items() if roles[name] == role]
        assert np.flatnonzero(marks).tolist() == expected


@settings(max_examples=60)
@given(seeds)
def test_chains_match_the_digraph_of_single_weights(seed):
    assert_matches_naive(*random_chain(seed))


@settings(max_examples=150)
@given(seeds)
def test_any_wiring_matches_the_digraph_of_single_weights(seed):
    assert_matches_naive(*random_network(seed))


def test_blocks_have_one_layout():
    for seed in range(30):
        masks, wiring = random_network(seed)
        graph = multipartite(masks, wiring=wiring)
        for block in graph.blocks:
            edges, source, target = block.edges, graph.span(block.source), graph.span(block.target)
            assert edges.n_left == edges.indptr.size - 1 == source.stop - source.start
            assert (edges.indptr[0], edges.indptr[-1]) == (0, edges.n_edges)
            assert edges.n_right == target.stop - target.start
            assert np.all(edges.indices < edges.n_right)
            rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)
            assert np.all(np.diff(rows * edges.n_right + edges.indices) > 0)
            assert wiring.links[block.link].layer == block.layer


def test_a_flatten_reads_each_channel_for_all_of_its_positions():
    conv = LayerMask("conv", np.ones((2, 1, 3, 3), bool), kind="conv2d")
    row = [True, True, False, True, False, False, False, True]
    graph = multipartite(MaskSet([conv, LayerMask("fc", np.array([row]))]))
    assert graph.blocks[1].edges.multiplicity.tolist() == [3, 1]
    assert graph.to_scipy().toarray().tolist() == [
        [0, 9, 9, 0],
        [0, 0, 0, 3],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
    ]


def test_an_edge_of_weight_zero_stays_an_edge():
    fc = LayerMask("fc", np.array([[True, True]]), np.array([[0.0, 1.0]]))
    graph = multipartite(MaskSet([fc]))
    assert graph.n_edges == graph.to_scipy(weighted=True).nnz == 2


def test_unknown_weights_cannot_be_exported():
    graph = multipartite(MaskSet([LayerMask("fc", np.ones((2, 2), bool))]))
    with pytest.raises(WiringError, match="the weights of layer 'fc' are unknown"):
        graph.to_scipy(weighted=True)


def test_any_source_is_loaded():
    state = {"fc.weight": np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)}
    assert multipartite(state).n_edges == 2


def test_a_wiring_of_another_network():
    ones = np.ones((2, 3), bool)
    wiring = wire(MaskSet([LayerMask("b", ones)]), {"x": 3, "y": 2}, [("b", ["x"], "y")])
    masks = MaskSet([LayerMask("a", ones)], source="net.pt")
    with pytest.raises(WiringError, match=r"net.pt does not fit the wiring: only the masks have a"):
        multipartite(masks, wiring=wiring)
    masks = MaskSet([LayerMask("b", ones.T)], source="net.pt")
    with pytest.raises(
        WiringError, match=r"other shapes in b \(mask \(3, 2\), expected \(2, 3\)\)"
    ):
        multipartite(masks, wiring=wiring)


def test_a_layer_without_a_mask_is_dense_with_a_warning():
    masks = MaskSet([LayerMask("a", np.eye(2, dtype=bool)), LayerMask("b", np.eye(2, dtype=bool))])
    wiring = wire(masks, {"x": 2, "h": 2, "y": 2}, [("a", ["x"], "h"), ("b", ["h"], "y")])
    with pytest.warns(MasktopoWarning, match="taken as dense, since there is no mask of b"):
        graph = multipartite(MaskSet([masks["a"]]), wiring=wiring)
    assert graph.n_edges == 6


def test_positions_are_unknown_without_a_model():
    masks = MaskSet([LayerMask("fc", np.ones((2, 2), bool))])
    with pytest.raises(WiringError, match="without a model positions are unknown"):
        multipartite(masks, encoding="unrolled")


def test_unknown_encoding():
    with pytest.raises(ArgumentError, match="encoding='rolled' is not one of 'channel'"):
        multipartite(MaskSet([]), encoding="rolled")


def test_a_file_is_no_wiring():
    with pytest.raises(ArgumentError, match=r"wiring='w.json' is no Wiring; masktopo.load_wiring"):
        multipartite(MaskSet([]), wiring="w.json")


def test_tied_names_with_different_masks():
    wiring = wire(
        MaskSet([LayerMask("a", np.eye(2, dtype=bool))]), {"x": 2, "y": 2}, [("a", ["x"], "y")]
    )
    tied = replace(wiring, layers=(replace(wiring.layers[0], aliases=("b",)),))
    masks = MaskSet([LayerMask("a", np.eye(2, dtype=bool)), LayerMask("b", np.ones((2, 2), bool))])
    with pytest.raises(WiringError, match=r"a and b are one tied parameter .* different masks"):
        multipartite(masks, wiring=tied)
