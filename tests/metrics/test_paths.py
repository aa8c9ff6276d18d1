import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.centrality import gini
from masktopo.metrics.paths import path_metrics
from tests.naive import networks as naive
from tests.naive.random_networks import random_chain, random_network
from tests.naive.wirings import wire

seeds = st.integers(0, 2**32)


def dense(name, outputs, inputs):
    return LayerMask(name, np.ones((outputs, inputs), dtype=bool))


def close(expected):
    """Compare floats of any sign; nan equals nan."""
    return pytest.approx(expected, rel=1e-10, abs=1e-12, nan_ok=True)


def log10(value):
    return math.log10(value) if value else -math.inf


def assert_matches_naive(masks, wiring):
    found = path_metrics(multipartite(masks, wiring=wiring))
    graph = naive.weight_digraph(masks, wiring)
    paths = naive.all_paths(graph, wiring)
    assert naive.count_paths(graph, wiring) == len(paths)
    assert found.log10_paths == close(log10(len(paths)))
    if 0 < len(paths) < 2**40:
        assert round(10**found.log10_paths) == len(paths)
    assert found.effective_nodes == len(naive.live_nodes(graph, wiring))
    assert found.broken_at == (None if paths else naive.broken_at(graph, wiring))
    l1, l2 = naive.path_norms(paths)
    assert found.log10_path_norm_l1 == close(log10(l1))
    assert found.log10_path_norm_l2 == close(log10(l2))
    assert found.log10_path_kernel_trace == close(log10(naive.kernel_trace(paths)))
    assert_layers_match_naive(found, masks, wiring, graph, paths)


def assert_layers_match_naive(found, masks, wiring, graph, paths):
    assert list(found.layers) == list(masks)
    total = 0
    for name, layer in found.layers.items():
        edges = len(naive.effective_entries(graph, wiring, name))
        total += edges
        assert layer.effective_edges == edges
        assert layer.effective_density == edges / masks[name].size
        assert_centrality_matches_naive(layer, naive_parts(graph, wiring, paths, name))
    assert found.effective_edges == total
    assert found.effective_density == (total / masks.size if masks.size else close(math.nan))


def naive_parts(graph, wiring, paths, name):
    return naive.centralities(graph, wiring, paths, name) if paths else None


def assert_centrality_matches_naive(layer, values):
    spread = (
        layer.path_centrality_max,
        layer.path_centrality_gini,
        layer.path_centrality_effective,
    )
    if values is None:
        assert math.isnan(layer.path_share)
        assert all(map(math.isnan, spread))
        return
    share = sum(values)
    assert layer.path_share == close(share)
    if share == 0:
        assert all(map(math.isnan, spread))
        return
    parts = [value / share for value in values]
    entropy = -sum(part * math.log(part) for part in parts if part)
    assert spread == close((max(parts), naive.gini(parts), math.exp(entropy)))


@settings(max_examples=60)
@given(seeds)
def test_chains_match_enumeration(seed):
    assert_matches_naive(*random_chain(seed))


@settings(max_examples=200)
@given(seeds)
def test_any_wiring_matches_enumeration(seed):
    assert_matches_naive(*random_network(seed))


def test_the_random_networks_have_every_feature():
    networks = [random_network(seed) for seed in range(200)]
    wirings = [wiring for _, wiring in networks]
    links = [link for wiring in wirings for link in wiring.links]
    assert any(link.layer is None for link in links)
    assert any(len(link.sources) > 1 for link in links)
    assert any(len(read) > len(set(read)) for read in map(read_channels, links))
    assert any(
        len(wiring.links) > len({link.target for link in wiring.links}) for wiring in wirings
    )
    names = [[link.layer for link in wiring.links if link.layer] for wiring in wirings]
    assert any(len(used) > len(set(used)) for used in names)
    found = [path_metrics(multipartite(masks, wiring=wiring)) for masks, wiring in networks]
    assert 5 < sum(metrics.broken_at is not None for metrics in found) < 190


def read_channels(link):
    return naive.read_nodes(link.operand).reshape(-1).tolist()


@pytest.mark.parametrize(("depth", "width"), [(10, 500), (150, 100)])
def test_huge_counts_do_not_overflow(depth, width):
    # width**(depth + 1): 10 layers of 500 have 5e29 paths, 150 layers of 100 have 1e302
    layers = [dense(f"fc{index}", width, width) for index in range(depth)]
    found = path_metrics(multipartite(MaskSet(layers)))
    assert found.log10_paths == pytest.approx((depth + 1) * math.log10(width), rel=1e-13)
    assert found.layers["fc3"].path_share == pytest.approx(1, rel=1e-10)
    assert found.layers["fc3"].path_centrality_effective == pytest.approx(width**2, rel=1e-10)


def test_counts_beyond_the_range_of_floats_against_exact_integers():
    rng = np.random.default_rng(5)
    layers = [
        LayerMask(f"c{index}", rng.random((20, 20, 3, 3)) < 0.3, kind="conv2d")
        for index in range(200)
    ]
    counts = [1] * 20
    for layer in layers:
        kernels = layer.mask.sum((2, 3)).tolist()
        counts = [sum(a * b for a, b in zip(row, counts, strict=True)) for row in kernels]
    exact = sum(counts)
    assert exact > 10**330
    # the logarithm of an integer of any size, in two parts that floats can hold
    bits = exact.bit_length() - 60
    expected = math.log10(exact >> bits) + bits * math.log10(2)
    found = path_metrics(multipartite(MaskSet(layers)))
    assert found.log10_paths == pytest.approx(expected, rel=1e-12)


def test_few_paths_in_and_many_out_survive_beside_many_in_and_few_out():
    # Node 0 of the middle has 1 path in and 10**600 out, node 1 has 10**400 in and 1 out: one
    # scale for the whole set would lose one or the other.
    before = [("before0", "x", np.ones((100, 1), bool)), *ladder("before", 200)]
    after = [("after0", "middle", np.repeat([[True, False]], 100, axis=0)), *ladder("after", 300)]
    steps = [
        *before,
        ("one", "x", np.array([[True], [False]])),
        ("many", before[-1][0], np.stack([np.zeros(100, bool), np.ones(100, bool)])),
        ("direct", "middle", np.array([[False, True]])),
        *after,
        ("last", after[-1][0], np.ones((1, 100), bool)),
    ]
    targets = {"one": "middle", "many": "middle", "direct": "y", "last": "y"}
    masks = MaskSet(LayerMask(name, mask) for name, _, mask in steps)
    links = [(name, [start], targets.get(name, name)) for name, start, _ in steps]
    sizes = {"x": 1} | {target: masks[name].shape[0] for name, _, target in links}
    wiring = wire(masks, sizes, links)
    found = path_metrics(multipartite(masks, wiring=wiring))
    assert found.log10_paths == pytest.approx(600, rel=1e-12)
    assert found.layers["one"].path_share == pytest.approx(1, rel=1e-12)
    # 10**400 of 10**600 paths: a share of 1e-200 is a number, not 0
    assert found.layers["many"].path_share == pytest.approx(1e-200, rel=1e-10)
    assert found.layers["direct"].path_share == pytest.approx(1e-200, rel=1e-10)


def ladder(stem, depth):
    square = np.ones((100, 100), bool)
    return [(f"{stem}{index}", f"{stem}{index - 1}", square) for index in range(1, depth)]


def test_long_chains_of_small_weights():
    layers = [
        LayerMask(f"fc{index}", np.ones((4, 4), bool), np.full((4, 4), 1e-9)) for index in range(60)
    ]
    found = path_metrics(multipartite(MaskSet(layers)))
    paths = 61 * math.log10(4)
    assert found.log10_path_norm_l1 == pytest.approx(paths - 540, rel=1e-12)
    assert found.log10_path_norm_l2 == pytest.approx(paths / 2 - 540, rel=1e-12)


def test_norms_without_weights_are_nan():
    found = path_metrics(multipartite(MaskSet([dense("fc", 2, 2)])))
    assert math.isnan(found.log10_path_norm_l1)
    assert math.isnan(found.log10_path_norm_l2)
    assert math.isnan(found.log10_path_kernel_trace)


@pytest.mark.parametrize("pruned", [np.inf, 1e200])
def test_values_at_pruned_places_are_never_squared(pruned):
    # 1e200 would overflow, with a warning
    layer = LayerMask("fc", np.array([[True, False]]), np.array([[3.0, pruned]]))
    found = path_metrics(multipartite(MaskSet([layer])))
    assert found.log10_path_norm_l2 == pytest.approx(math.log10(3))


@pytest.mark.parametrize("emptied", [0, 1, 2])
def test_the_emptied_layer_is_named(emptied):
    layers = [dense(f"fc{index}", 3, 3) for index in range(3)]
    layers[emptied] = LayerMask(f"fc{emptied}", np.zeros((3, 3), bool))
    found = path_metrics(multipartite(MaskSet(layers)))
    assert (found.log10_paths, found.broken_at) == (-math.inf, f"fc{emptied}")
    assert (found.effective_nodes, found.effective_edges, found.effective_density) == (0, 0, 0)


def test_a_layer_that_reads_only_dead_channels_is_named():
    first = LayerMask("first", np.array([[True], [False]]))
    second = LayerMask("second", np.array([[False, True]] * 3))
    found = path_metrics(multipartite(MaskSet([first, second])))
    assert found.broken_at == "second"


def test_a_layer_that_reads_only_the_dead_half_of_a_concatenation_is_named():
    head = LayerMask("head", np.array([[False, True]]))
    dead = LayerMask("dead", np.zeros((1, 1), bool))
    masks = MaskSet([dense("alive", 1, 1), dead, head])
    links = [("alive", ["x"], "a"), ("dead", ["x"], "b"), ("head", ["a", "b"], "y")]
    wiring = wire(masks, dict.fromkeys("xaby", 1), links)
    assert path_metrics(multipartite(masks, wiring=wiring)).broken_at == "head"


def test_a_skip_carries_the_flow_past_an_emptied_layer():
    empty = LayerMask("empty", np.zeros((2, 2), bool))
    masks = MaskSet([empty, dense("head", 1, 2)])
    sizes = {"x": 2, "a": 2, "y": 1}
    links = [("empty", ["x"], "a"), (None, ["x"], "a"), ("head", ["a"], "y")]
    found = path_metrics(multipartite(masks, wiring=wire(masks, sizes, links)))
    assert found.log10_paths == pytest.approx(math.log10(2))
    assert (found.broken_at, found.effective_nodes, found.effective_edges) == (None, 5, 2)
    assert found.layers["empty"].path_share == 0
    assert math.isnan(found.layers["empty"].path_centrality_max)
    broken = path_metrics(multipartite(masks, wiring=wire(masks, sizes, links[::2])))
    assert broken.broken_at == "empty"


def test_uses_that_fold_differently_share_their_weights():
    masks = MaskSet([LayerMask("fc", np.array([[True, True, False, True]]))])
    links = [("fc", [("x", 2)], "z"), ("fc", ["y"], "z")]
    wiring = wire(masks, {"x": 2, "y": 4, "z": 1}, links)
    found = path_metrics(multipartite(masks, wiring=wiring))
    assert found.effective_edges == 3
    assert found.log10_paths == pytest.approx(math.log10(6))
    assert_matches_naive(MaskSet([masks["fc"].with_weight(np.arange(4.0)[None])]), wiring)


def test_a_network_of_nothing():
    masks = MaskSet([LayerMask("fc", np.zeros((0, 3), bool))])
    found = path_metrics(multipartite(masks))
    assert (found.log10_paths, found.broken_at) == (-math.inf, "fc")
    assert math.isnan(found.effective_density)
    assert math.isnan(found.layers["fc"].effective_density)


def test_paths_agree_with_powers_of_the_adjacency():
    masks, wiring = random_chain(9)
    graph = multipartite(masks, wiring=wiring)
    adjacency = graph.to_scipy().toarray()
    walks = np.linalg.inv(np.eye(graph.n_nodes) - adjacency)
    total = walks[np.ix_(graph.inputs, graph.outputs)].sum()
    assert total > 1
    assert path_metrics(graph).log10_paths == pytest.approx(math.log10(total), rel=1e-10)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(any))
@example([5e-324, 1.0])
def test_gini_is_half_the_relative_mean_difference(values):
    assert gini(np.array(values)) == pytest.approx(naive.gini(values), rel=1e-9, abs=1e-12)


@settings(max_examples=50)
@given(seeds)
def test_shares_sum_to_the_mean_number_of_layers_on_a_path(seed):
    masks, wiring = random_network(seed)
    paths = naive.all_paths(naive.weight_digraph(masks, wiring), wiring)
    if paths:
        found = path_metrics(multipartite(masks, wiring=wiring))
        length = sum(edge["layer"] is not None for path in paths for edge in path) / len(paths)
        assert sum(layer.path_share for layer in found.layers.values()) == close(length)
