"""Multipartite graphs as dense blocks, compared with those of the oracle."""

import math

import numpy as np

from masktopo.graphs.edges import Edges
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.cutting import channel_numbers
from tests.naive.jacobian import Block

KINDS = {2: "linear", 3: "conv1d", 4: "conv2d", 5: "conv3d"}
"""Kinds to begin with; the wiring knows which convolutions are transposed."""


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
