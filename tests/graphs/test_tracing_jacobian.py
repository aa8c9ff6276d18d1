"""Graphs of traced models against Jacobians, on random architectures of every operation."""

import math

import numpy as np
import pytest
import torch

from masktopo.graphs.edges import Edges
from masktopo.graphs.multipartite import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.paths import path_metrics
from tests.naive.architectures import random_architecture, random_masks, random_weights
from tests.naive.exported import exported
from tests.naive.jacobian import Block, channel_numbers, oracle_of, total

tracing = pytest.importorskip("masktopo.graphs.tracing")

SEEDS = 208
CHUNK = 8

KINDS = {2: "linear", 3: "conv1d", 4: "conv2d", 5: "conv3d"}
"""Kinds to begin with; the wiring knows which convolutions are transposed."""


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mask_set(oracle, weights):
    """Make masks of the layers that a model uses."""
    return MaskSet(
        LayerMask(name, oracle.weights[name], weights[name], kind=KINDS[len(shape)])
        for name, shape in oracle.layers.items()
    )


def matrix(edges):
    """Write out the multiplicities of a block, by unit vectors where they are not listed."""
    if not isinstance(edges, Edges):
        units = np.eye(edges.n_left)
        return np.array([edges.forward(unit, "multiplicity") for unit in units])
    found = np.zeros((edges.n_left, edges.n_right))
    rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)
    found[rows, edges.indices] = edges.factors("multiplicity")
    return found


def blocks_of(graph):
    """Add up the blocks between two sets that are of one layer and mark."""
    found = {}
    for block in graph.blocks:
        key = Block(block.source, block.target, block.layer, block.mark, block.on_paths)
        found[key] = found.get(key, 0) + matrix(block.edges)
    return found


def assert_blocks(graph, expected, words):
    found = blocks_of(graph)
    for key in found.keys() | expected.keys():
        np.testing.assert_array_equal(
            found.get(key, 0), expected.get(key, 0), err_msg=f"{words}: {key}"
        )


def assert_sets(wiring, oracle, words):
    """Node sets have the oracle's names, shapes, channels and roles."""
    shapes = {nodes.name: nodes.shape for nodes in wiring.nodes}
    assert shapes == {name: tuple(nodes.shape) for name, nodes in oracle.sets.items()}, words
    for role, names in [("input", oracle.inputs), ("output", oracle.outputs)]:
        assert {n.name for n in wiring.nodes if n.role == role} == set(names), words
    for nodes in wiring.nodes:
        if nodes.role != "input":
            numbers = channel_numbers(nodes.shape, nodes.channel_axes)
            np.testing.assert_array_equal(numbers, oracle.sets[nodes.name].channels, words)


def assert_log10(found, expected, words, rtol):
    if expected == 0:
        assert found == -math.inf, words
    else:
        np.testing.assert_allclose(10**found, expected, rtol=rtol, err_msg=words)


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
