import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.path_lengths import path_lengths
from masktopo.metrics.paths import path_metrics
from tests.naive import networks as naive
from tests.naive.random_networks import random_network
from tests.naive.resnets import resnet
from tests.naive.wirings import wire


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_any_wiring_matches_enumeration(seed):
    masks, wiring = random_network(seed)
    found = path_lengths(multipartite(masks, wiring=wiring))
    paths = naive.all_paths(naive.weight_digraph(masks, wiring), wiring)
    lengths = [sum(edge["layer"] is not None for edge in path) for path in paths]
    expected, counts = np.unique(np.array(lengths, np.int64), return_counts=True)
    assert found.lengths.tolist() == expected.tolist()
    assert found.log10_paths == pytest.approx(np.log10(counts), rel=1e-12, abs=1e-12)
    assert found.shares == pytest.approx(counts / max(len(paths), 1), rel=1e-12)
    if paths:
        assert (found.shortest, found.longest) == (min(lengths), max(lengths))
        assert found.mean == pytest.approx(np.mean(lengths), rel=1e-12)


def test_the_mean_is_the_sum_of_the_shares_of_the_layers():
    masks, wiring = resnet(0.1, size=8, widths=(4, 8), blocks=2, seed=1)
    for representation in ("explicit", "matrix-free"):
        graph = multipartite(
            masks, wiring=wiring, encoding="unrolled", representation=representation
        )
        shares = [layer.path_share for layer in path_metrics(graph).layers.values()]
        assert path_lengths(graph).mean == pytest.approx(sum(shares), rel=1e-10)


def test_skips_shorten_paths():
    # three layers, each of which a skip passes by: binomial
    masks = MaskSet([LayerMask(name, np.ones((1, 1), bool)) for name in "abc"])
    steps = [step for a, b in ["xa", "ab", "bc"] for step in [(b, [a], b), (None, [a], b)]]
    found = path_lengths(multipartite(masks, wiring=wire(masks, dict.fromkeys("xabc", 1), steps)))
    assert found.lengths.tolist() == [0, 1, 2, 3]
    assert found.shares == pytest.approx(np.array([1, 3, 3, 1]) / 8, rel=1e-12)


def test_outputs_of_several_depths_count_together():
    masks = MaskSet([LayerMask(name, np.ones((1, 1), bool)) for name in "ab"])
    steps = [("a", ["x"], "a"), ("b", ["a"], "b")]
    wiring = wire(masks, dict.fromkeys("xab", 1), steps, outputs=["a", "b"])
    found = path_lengths(multipartite(masks, wiring=wiring))
    assert (found.lengths.tolist(), found.shares.tolist()) == ([1, 2], [0.5, 0.5])


def test_huge_counts_do_not_overflow():
    layers = [LayerMask(f"fc{index}", np.ones((100, 100), bool)) for index in range(200)]
    found = path_lengths(multipartite(MaskSet(layers)))
    assert found.lengths.tolist() == [200]
    assert found.log10_paths == pytest.approx([402], rel=1e-12)


def test_no_path_has_no_length():
    found = path_lengths(multipartite(MaskSet([LayerMask("fc", np.zeros((2, 2), bool))])))
    assert found.lengths.size == found.shares.size == 0
    assert math.isnan(found.mean)
    assert math.isnan(found.shortest)
    assert math.isnan(found.longest)
