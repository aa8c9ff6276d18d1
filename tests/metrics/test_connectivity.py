import math
from dataclasses import asdict

import igraph
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.graphs.build import multipartite
from masktopo.graphs.simple import SimpleGraph, simple_graph
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.connectivity import NEED_A_LIST, NEED_WEIGHTS, connectivity_metrics
from masktopo.metrics.dead_ends import owners
from masktopo.metrics.motifs import exact_sum, motifs4
from masktopo.metrics.structure import core_numbers, joints, two_hop
from tests.naive import connectivity as naive
from tests.naive.random_networks import random_chain, random_network
from tests.naive.resnets import Builder, resnet
from tests.naive.wirings import wire

seeds = st.integers(0, 2**32)


def close(expected):
    """Compare floats; nan equals nan."""
    return pytest.approx(expected, rel=1e-10, abs=1e-12, nan_ok=True)


def assert_matches_naive(graph, *, skips):
    found = connectivity_metrics(graph, skips=skips)
    edges = naive.listed_edges(graph, skips=skips)
    simple = naive.simple(graph.n_nodes, edges)
    tables = naive.dead_ends(graph, edges, owners(graph))
    assert {name: getattr(found, name) for name in tables[None]} == tables[None]
    assert {name: asdict(found.layers[name]) for name in graph.masks} == {
        name: tables[name] for name in graph.masks
    }
    assert found.nodes == graph.n_nodes
    assert found.one_hop == close(naive.hops(graph.n_nodes, edges, 1))
    assert found.two_hop == close(naive.hops(graph.n_nodes, edges, 2))
    assert found.motifs4 == naive.motifs4(simple)
    assert found.mean_strength == close(2 * math.fsum(edge[3] for edge in edges) / graph.n_nodes)
    assert found.mean_core == close(np.mean(list(nx.core_number(simple).values())))
    assert found.bridges == len(list(nx.bridges(simple)))
    assert found.articulation_points == len(list(nx.articulation_points(simple)))
    assert found.components == nx.number_connected_components(simple)
    assert found.mean_component_size == close(graph.n_nodes / found.components)
    gap, radius = naive.spectrum(simple)
    # small graphs are solved densely: rounding is relative to the largest eigenvalue
    assert found.spectral_gap == pytest.approx(gap, abs=1e-12 * (1 + radius), nan_ok=True)
    assert found.laplacian_radius == pytest.approx(radius, abs=1e-12 * (1 + radius))


@settings(max_examples=100)
@given(seeds, st.booleans())
def test_any_wiring_matches_networkx(seed, skips):
    masks, wiring = random_network(seed)
    assert_matches_naive(multipartite(masks, wiring=wiring), skips=skips)


@settings(max_examples=30)
@given(seeds)
def test_chains_match_networkx(seed):
    masks, wiring = random_chain(seed)
    assert_matches_naive(multipartite(masks, wiring=wiring), skips=False)


@settings(max_examples=6)
@given(seeds)
def test_unrolled_networks_match_networkx(seed):
    masks, wiring = resnet(0.4, size=2, widths=(2, 2), blocks=1, classes=2, seed=seed)
    graph = multipartite(masks, wiring=wiring, encoding="unrolled")
    assert_matches_naive(graph, skips=bool(seed % 2))


def test_the_random_networks_have_edges_of_several_blocks():
    found = 0
    for seed in range(100):
        masks, wiring = random_network(seed)
        graph = multipartite(masks, wiring=wiring)
        found += simple_graph(graph, skips=True).n_edges < graph.n_edges
    assert found > 3


@settings(max_examples=6)
@given(seeds, st.booleans())
def test_edges_need_not_be_listed(seed, skips):
    masks, wiring = resnet(0.2, size=4, widths=(2, 3), blocks=2, classes=3, seed=seed)
    build = {"wiring": wiring, "encoding": "unrolled"}
    listed = connectivity_metrics(multipartite(masks, **build), skips=skips)
    graph = multipartite(masks, **build, representation="matrix-free")
    free = connectivity_metrics(graph, skips=skips)
    assert listed.notes == ()
    assert "need" in free.notes[0]
    assert free.layers == listed.layers
    for name in NEED_A_LIST:
        assert math.isnan(getattr(free, name))
    exact = {*vars(listed)} - {*NEED_A_LIST, *NEED_WEIGHTS}
    for name in exact - {"layers", "notes", "eigenvalue_residual"}:
        assert getattr(free, name) == getattr(listed, name), name
    for name in NEED_WEIGHTS:
        assert getattr(free, name) == pytest.approx(getattr(listed, name), rel=1e-6, abs=1e-6)


def test_layers_in_parallel_need_a_list_to_count_neighbours():
    net = Builder(1, 3, 1.0, 0)
    net.conv("a", "input", 2, 3)
    net.conv("b", "input", 2, 1, target="a")
    net.head("fc", "a", 2)
    masks, wiring = net.finish()
    build = {"wiring": wiring, "encoding": "unrolled"}
    listed = connectivity_metrics(multipartite(masks, **build))
    free = connectivity_metrics(multipartite(masks, **build, representation="matrix-free"))
    assert free.edges == listed.edges > listed.nodes * (listed.one_hop - 1)
    assert math.isnan(free.one_hop)
    assert "one_hop" in free.notes[0]


def test_unknown_weights_are_nan_and_said():
    masks, wiring = resnet(0.5, size=2, widths=(2,), blocks=1, weights=False)
    found = connectivity_metrics(multipartite(masks, wiring=wiring, encoding="unrolled"))
    assert all(math.isnan(getattr(found, name)) for name in NEED_WEIGHTS)
    assert found.notes[0].startswith("Weights are unknown")
    assert found.motifs4 > 0


def test_costly_metrics_can_be_left_out():
    layer = LayerMask("fc", np.ones((3, 3), bool), np.ones((3, 3)))
    found = connectivity_metrics(multipartite(MaskSet([layer])), motifs=False, eigenvalues=False)
    assert math.isnan(found.motifs4)
    assert math.isnan(found.spectral_gap)
    assert found.mean_strength == 3


def test_an_input_that_nothing_reads_is_no_sink():
    layer = LayerMask("fc", np.array([[True, False]]))
    found = connectivity_metrics(multipartite(MaskSet([layer])))
    assert (found.sink_nodes, found.source_nodes, found.disconnected_nodes) == (0, 0, 1)


def test_a_collapsed_layer_leaves_sinks_and_sources():
    layers = [LayerMask(name, np.full((2, 2), name != "b")) for name in "abc"]
    found = connectivity_metrics(multipartite(MaskSet(layers)))
    assert (found.sink_nodes, found.source_nodes, found.components) == (2, 2, 2)
    assert (found.removable_out_edges, found.removable_in_edges) == (4, 4)
    # a's outputs lead nowhere; b's outputs, which c reads, come from nowhere
    assert found.layers["a"].sink_nodes == found.layers["b"].source_nodes == 2
    assert found.layers["a"].removable_out_edges == found.layers["c"].removable_in_edges == 4


def test_a_network_of_nothing():
    found = connectivity_metrics(multipartite(MaskSet([LayerMask("fc", np.zeros((0, 0), bool))])))
    assert (found.nodes, found.edges, found.components, found.motifs4) == (0, 0, 0, 0)
    assert math.isnan(found.mean_core)


def test_layers_in_parallel_are_one_edge_of_the_simple_graph():
    ones = np.ones((2, 2), bool)
    masks = MaskSet([LayerMask(name, ones, np.full((2, 2), 0.5)) for name in "ab"])
    wiring = wire(masks, {"x": 2, "y": 2}, [("a", ["x"], "y"), ("b", ["x"], "y")])
    graph = multipartite(masks, wiring=wiring)
    found = connectivity_metrics(graph)
    assert (found.edges, found.one_hop, found.mean_strength, found.mean_core) == (8, 2, 2, 2)
    assert simple_graph(graph, weighted=True).weights.tolist() == [1.0] * 8
    assert found.spectral_gap == pytest.approx(2)


# --- the kernels on graphs that are no networks -----------------------------------------------


def simple_of(graph):
    """Take a networkx graph, its edges from small to great numbers."""
    n = graph.number_of_nodes()
    before = [sorted(other for other in graph[node] if other < node) for node in range(n)]
    after = [sorted(other for other in graph[node] if other > node) for node in range(n)]
    degrees = [len(a) + len(b) for a, b in zip(before, after, strict=True)]
    indptr = np.concatenate([[0], np.cumsum(degrees, dtype=np.int64)])
    rows = [row for pair in zip(before, after, strict=True) for row in pair]
    indices = np.array([node for row in rows for node in row], np.uint32)
    return SimpleGraph(indptr, indptr[:-1] + np.array([*map(len, before)], np.int64), indices)


def assert_shape_matches(graph):
    own = simple_of(graph)
    assert core_numbers(own).tolist() == [nx.core_number(graph)[node] for node in range(len(graph))]
    found = joints(own)
    assert found.bridges == len(list(nx.bridges(graph)))
    assert found.articulation_points == len(list(nx.articulation_points(graph)))
    assert found.components == nx.number_connected_components(graph)
    assert motifs4(own) == naive.motifs4(graph)
    edges = [(*sorted(edge), None, 1.0) for edge in graph.edges]
    assert two_hop(own) / len(graph) == pytest.approx(naive.hops(len(graph), edges, 2), rel=1e-12)


@settings(max_examples=150)
@given(seeds)
def test_any_simple_graph_matches_networkx(seed):
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(
        int(rng.integers(1, 13)), rng.random(), seed=int(rng.integers(2**31))
    )
    assert_shape_matches(graph)


NAMED = {
    "one node": nx.empty_graph(1),
    "no edges": nx.empty_graph(5),
    "one edge": nx.path_graph(2),
    "path": nx.path_graph(9),
    "cycle": nx.cycle_graph(8),
    "star": nx.star_graph(8),
    "complete": nx.complete_graph(9),
    "complete bipartite": nx.complete_bipartite_graph(4, 5),
    "barbell": nx.barbell_graph(4, 3),
    "two triangles that share a node": nx.windmill_graph(2, 3),
    "two components": nx.disjoint_union(nx.complete_graph(4), nx.cycle_graph(4)),
    "tree": nx.balanced_tree(2, 3),
    "Petersen": nx.petersen_graph(),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_graphs(name):
    assert_shape_matches(nx.convert_node_labels_to_integers(NAMED[name]))


def test_a_larger_graph_matches_igraph():
    masks, wiring = resnet(0.1, size=8, widths=(4, 8), blocks=2, seed=3)
    own = simple_graph(multipartite(masks, wiring=wiring, encoding="unrolled"))
    rows = np.repeat(np.arange(own.n_nodes), own.degrees)
    once = rows < own.indices
    other = igraph.Graph(own.n_nodes, np.column_stack([rows, own.indices])[once])
    assert core_numbers(own).tolist() == other.coreness()
    found = joints(own)
    assert found.bridges == len(other.bridges())
    assert found.articulation_points == len(other.articulation_points())
    assert found.components == len(other.connected_components())
    assert motifs4(own) == other.motifs_randesu_no(size=4)


def test_a_long_path_needs_no_deep_stack():
    own = simple_of(nx.path_graph(20_000))
    assert joints(own).bridges == 19_999
    assert motifs4(own) == 19_997


def test_motifs_of_huge_degrees_are_exact():
    # a complete bipartite graph: sets of 1 + 3, 2 + 2, 3 + 1 nodes
    layer = LayerMask("fc", np.ones((3, 300_000), bool))
    n = 300_000
    exact = math.comb(n, 3) * 3 + math.comb(n, 2) * 3 + n
    assert motifs4(simple_graph(multipartite(MaskSet([layer])))) == exact
    assert exact > 2**53


def test_sums_beyond_64_bits_are_exact():
    values = np.array([2**62, 2**62 - 1, 2**62 + 5, 7] * 3)
    assert exact_sum(values) == sum(map(int, values)) > 2**63
