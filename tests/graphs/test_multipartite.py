import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.multipartite import multipartite
from masktopo.graphs.wiring import Link, NodeSet, Source, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.networks import weight_digraph
from tests.naive.random_networks import random_chain, random_network

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
        edges.add((start, end, edge["use"], edge["part"]))
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
            source, target = graph.span(block.source), graph.span(block.target)
            assert block.indptr.size == source.stop - source.start + 1
            assert (block.indptr[0], block.indptr[-1]) == (0, block.n_edges)
            assert np.all(block.indices < target.stop - target.start)
            assert wiring.links[block.link].layer == block.layer
            dtypes = [block.indptr, block.indices, block.multiplicity, block.weights]
            assert [array.dtype for array in dtypes] == [np.int64, np.uint32, np.uint32, np.float64]


def test_a_flatten_reads_each_channel_for_all_of_its_positions():
    conv = LayerMask("conv", np.ones((2, 1, 3, 3), bool), kind="conv2d")
    row = [True, True, False, True, False, False, False, True]
    graph = multipartite(MaskSet([conv, LayerMask("fc", np.array([row]))]))
    assert graph.blocks[1].multiplicity.tolist() == [3, 1]
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
    assert graph.blocks[0].weights is None
    with pytest.raises(WiringError, match="the weights of layer 'fc' are unknown"):
        graph.to_scipy(weighted=True)


def test_any_source_is_loaded():
    state = {"fc.weight": np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)}
    assert multipartite(state).n_edges == 2


def test_a_wiring_of_another_network():
    masks = MaskSet([LayerMask("a", np.ones((2, 3), bool))], source="net.pt")
    nodes = (NodeSet("x", 3, "input"), NodeSet("y", 2, "output"))
    wiring = Wiring(nodes, (Link("b", (Source("x"),), "y"),))
    message = "net.pt does not fit the wiring: only the wiring has b; only the masks have a"
    with pytest.raises(WiringError, match=message):
        multipartite(masks, wiring=wiring)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (Link("fc", (Source("x"), Source("x")), "y"), r"layer 'fc' has 4 inputs.*\(x, x\) give 8"),
        (Link("fc", (Source("x", 2),), "y"), r"layer 'fc' has 4 inputs.*give 8"),
        (Link("fc", (Source("x"),), "z"), "layer 'fc' has 2 outputs, but its target 'z' has 3"),
        (Link(None, (Source("x"),), "z"), "the skip has 3 inputs"),
        (Link(None, (Source("w", 2),), "x4"), "the skip cannot read a flattened node set"),
        (Link("conv", (Source("w", 2),), "y"), "layer 'conv' cannot read a flattened node set"),
    ],
)
def test_sizes_that_do_not_fit_are_named(link, message):
    nodes = [NodeSet("x", 4, "input"), NodeSet("w", 2, "input")]
    nodes.append(NodeSet(link.target, {"y": 2, "z": 3, "x4": 4}[link.target], "output"))
    layers = {
        "fc": LayerMask("fc", np.ones((2, 4), bool)),
        "conv": LayerMask("conv", np.ones((2, 4, 3), bool), kind="conv1d"),
    }
    masks = MaskSet([layers[link.layer]] if link.layer else [])
    with pytest.raises(WiringError, match=message):
        multipartite(masks, wiring=Wiring(tuple(nodes), (link,)))


def test_unknown_encoding():
    with pytest.raises(ArgumentError, match="encoding='rolled' is not one of 'channel'"):
        multipartite(MaskSet([]), encoding="rolled")
