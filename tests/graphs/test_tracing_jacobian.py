"""Graphs of traced models against Jacobians, on random architectures of every operation."""

import os

import pytest
import torch

from masktopo.graphs import tracing
from masktopo.graphs.build import multipartite
from masktopo.metrics.paths import path_metrics
from tests.naive.architectures import random_architecture, random_masks, random_weights
from tests.naive.exported import exported
from tests.naive.graph_blocks import assert_blocks, assert_log10, assert_sets, mask_set
from tests.naive.jacobian import oracle_of, total

SEEDS = int(os.environ.get("MASKTOPO_ARCHITECTURES", "128"))
"""The first 121 have every operation; `make architectures` draws more."""

CHUNK = 8


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_graphs_match(seed):
    model, example = random_architecture(seed)
    program, words = exported(model, example), f"seed {seed}"
    masks = random_masks(program, seed)
    weights = random_weights(masks, seed)
    oracle = oracle_of(program, masks)
    given = mask_set(oracle, weights)
    wiring = tracing.trace(model, example)
    assert_sets(wiring, oracle, words)
    expected, paths = oracle.blocks(), total(oracle.end_to_end())
    sizes = {name: abs(weight) for name, weight in weights.items()}
    norm = total(oracle.end_to_end(sizes))
    for representation in ("explicit", "matrix-free"):
        graph = multipartite(
            given, wiring=wiring, encoding="unrolled", representation=representation
        )
        assert_blocks(graph, expected, f"{words}, {representation}")
        metrics = path_metrics(graph)
        assert_log10(metrics.log10_paths, paths, words, 1e-12)
        # Sums of products of up to a dozen factors, in another order.
        assert_log10(metrics.log10_path_norm_l1, norm, words, 1e-10)
    axes = {name: wiring.node_sets[name].channel_axes for name in oracle.inputs}
    channels = multipartite(given, wiring=wiring, encoding="channel")
    assert_blocks(channels, oracle.channel_blocks(axes), f"{words}, channel")


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_graphs_are_the_jacobians_of_their_models(first):
    for seed in range(first, first + CHUNK):
        assert_graphs_match(seed)
