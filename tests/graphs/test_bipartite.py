import mmap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError
from masktopo.graphs import bipartite as encoder
from masktopo.graphs.bipartite import bipartite, kernel_size, left_size, right_size
from masktopo.masks.layer import LayerMask
from tests.naive.encodings import naive_edges

CASES = {
    # kind, shape, groups, input channels, output channels
    "linear": ("linear", (5, 7), 1, 7, 5),
    "linear, a multiple of 8": ("linear", (8, 16), 1, 16, 8),
    "one row": ("linear", (1, 13), 1, 13, 1),
    "one column": ("linear", (13, 1), 1, 1, 13),
    "matrix": ("matrix", (6, 4), 1, 4, 6),
    "embedding": ("embedding", (9, 4), 1, 9, 4),
    "conv1d": ("conv1d", (4, 3, 5), 1, 3, 4),
    "conv2d": ("conv2d", (4, 3, 3, 3), 1, 3, 4),
    "conv2d, rectangular": ("conv2d", (4, 3, 1, 5), 1, 3, 4),
    "conv3d": ("conv3d", (3, 2, 2, 3, 2), 1, 2, 3),
    "grouped": ("conv2d", (6, 2, 3, 3), 3, 6, 6),
    "grouped, more outputs": ("conv2d", (12, 2, 3, 3), 3, 6, 12),
    "depthwise": ("conv2d", (5, 1, 3, 3), 5, 5, 5),
    "depthwise, two outputs each": ("conv1d", (10, 1, 3), 5, 5, 10),
    "transposed 1d": ("conv_transpose1d", (4, 3, 5), 1, 4, 3),
    "transposed 2d": ("conv_transpose2d", (4, 3, 3, 2), 1, 4, 3),
    "transposed 3d": ("conv_transpose3d", (2, 3, 2, 1, 3), 1, 2, 3),
    "transposed, grouped": ("conv_transpose2d", (6, 2, 3, 3), 3, 6, 6),
    "transposed, depthwise": ("conv_transpose1d", (4, 1, 3), 4, 4, 4),
    "no outputs": ("linear", (0, 4), 1, 4, 0),
    "no inputs": ("linear", (4, 0), 1, 0, 4),
    "no kernel places": ("conv2d", (4, 3, 0, 3), 1, 3, 4),
    "transposed without outputs": ("conv_transpose2d", (4, 0, 3, 3), 2, 4, 0),
    "embedding of nothing": ("embedding", (0, 4), 1, 0, 4),
}

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def random_layer(kind, shape, groups, *, density, dtype=None, seed=0):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < density
    weight = None if dtype is None else rng.normal(size=shape).astype(dtype)
    return LayerMask("layer", mask, weight, kind=kind, groups=groups)


def assert_matches_naive(layer, encoding):
    graph = bipartite(layer, encoding)
    expected = naive_edges(layer, encoding)
    places = kernel_size(layer) if encoding == "rolled" else 1
    assert (graph.name, graph.encoding) == (layer.name, encoding)
    assert (graph.n_left, graph.n_right) == (left_size(layer) * places, right_size(layer))
    assert graph.indptr.shape == (graph.n_left + 1,)
    assert graph.indptr.dtype == np.int64
    assert graph.indices.dtype in (np.uint16, np.uint32)
    left = np.repeat(np.arange(graph.n_left), graph.left_degrees)
    # sorted by left, then by right, each once: the CSR's own order
    found = list(zip(left.tolist(), graph.indices.tolist(), strict=True))
    assert found == sorted(expected)
    assert graph.n_edges == len(expected)
    counts = [expected[edge][0] for edge in found]
    if encoding == "channel":
        assert graph.multiplicity.tolist() == counts
    else:
        assert graph.multiplicity is None
        assert set(counts) <= {1}
    assert_weights(graph, layer, [expected[edge][1] for edge in found])
    right_degrees = [sum(edge[1] == right for edge in found) for right in range(graph.n_right)]
    assert graph.right_degrees.tolist() == right_degrees


def assert_weights(graph, layer, expected):
    if layer.weight is None:
        assert graph.weights is None
        return
    assert graph.weights.dtype == (layer.weight.dtype if graph.encoding == "rolled" else np.float64)
    np.testing.assert_allclose(graph.weights, expected, rtol=1e-15, atol=0)


@cases
@pytest.mark.parametrize("encoding", ["rolled", "channel"])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
def test_edges_match_the_table(case, encoding, density, dtype):
    kind, shape, groups, _, _ = case
    assert_matches_naive(random_layer(kind, shape, groups, density=density, dtype=dtype), encoding)


@cases
def test_sizes(case):
    kind, shape, groups, inputs, outputs = case
    layer = random_layer(kind, shape, groups, density=0.5)
    assert (left_size(layer), right_size(layer)) == (inputs, outputs)
    assert kernel_size(layer) == np.prod(shape[2:])


@st.composite
def layers(draw):
    kind = draw(st.sampled_from(["linear", "embedding", "conv1d", "conv2d", "conv_transpose2d"]))
    groups = draw(st.integers(1, 3)) if kind.startswith("conv") else 1
    first = draw(st.integers(0, 5)) * groups
    second = draw(st.integers(0, 9))
    dimensions = {"conv1d": 1, "conv2d": 2, "conv_transpose2d": 2}.get(kind, 0)
    places = [draw(st.integers(1, 4)) for _ in range(dimensions)]
    density = draw(st.sampled_from([0.02, 0.2, 0.9]))
    dtype = draw(st.sampled_from([None, np.float32, np.float64]))
    seed = draw(st.integers(0, 2**32))
    shape = (first, second, *places)
    return random_layer(kind, shape, groups, density=density, dtype=dtype, seed=seed)


@settings(max_examples=150)
@given(layers(), st.sampled_from(["rolled", "channel"]))
def test_any_layer_matches_the_table(layer, encoding):
    assert_matches_naive(layer, encoding)


@settings(max_examples=60)
@given(layers())
def test_channel_multiplicities_count_the_rolled_edges(layer):
    assert bipartite(layer, "channel").multiplicity.sum() == bipartite(layer).n_edges == layer.nnz


@pytest.mark.parametrize(
    ("case", "operation"),
    [
        ("grouped, more outputs", torch.nn.functional.conv2d),
        ("conv2d", torch.nn.functional.conv2d),
        ("transposed, grouped", torch.nn.functional.conv_transpose2d),
        ("transposed 2d", torch.nn.functional.conv_transpose2d),
    ],
)
def test_channels_are_joined_as_the_framework_joins_them(case, operation):
    kind, shape, groups, inputs, _ = CASES[case]
    layer = random_layer(kind, shape, groups, density=0.1, seed=3)
    weight = torch.from_numpy(layer.mask.astype(np.float64))
    graph = bipartite(layer, "channel")
    for channel in range(inputs):
        image = torch.zeros(1, inputs, 1, 1, dtype=torch.float64)
        image[0, channel] = 1
        padding = 0 if "transpose" in kind else (shape[2] - 1, shape[3] - 1)
        output = operation(image, weight, groups=groups, padding=padding)[0].sum((1, 2))
        row = slice(graph.indptr[channel], graph.indptr[channel + 1])
        expected = np.zeros(graph.n_right)
        expected[graph.indices[row]] = graph.multiplicity[row]
        np.testing.assert_array_equal(output.numpy(), expected)


@pytest.mark.parametrize("shift", range(1, 8))
@pytest.mark.parametrize("encoding", ["rolled", "channel"])
def test_masks_that_lie_at_any_address(shift, encoding):
    shape, size = (5, 3, 3, 3), 135
    with mmap.mmap(-1, size + 8) as memory:
        bits = np.random.default_rng(shift).random(size) < 0.2
        memory[shift : shift + size] = bits.tobytes()
        mask = np.frombuffer(memory, np.bool_, size, shift).reshape(shape)
        assert mask.ctypes.data % 8 == shift
        layer = LayerMask("layer", mask, kind="conv2d")
        assert np.shares_memory(layer.mask, mask)
        assert_matches_naive(layer, encoding)
        del mask, layer


def test_unaligned_weights():
    size = 4 * 6
    rng = np.random.default_rng(0)
    raw = b"\0" + rng.normal(size=size).astype(np.float32).tobytes()
    weight = np.frombuffer(raw, np.float32, size, 1).reshape(4, 6)
    assert not weight.flags.aligned
    layer = LayerMask("layer", rng.random((4, 6)) < 0.5, weight)
    for encoding in ("rolled", "channel"):
        assert_matches_naive(layer, encoding)


@pytest.mark.parametrize("encoding", ["rolled", "channel"])
def test_masks_in_another_memory_order(encoding):
    mask = np.asfortranarray(np.random.default_rng(0).random((4, 3, 3, 3)) < 0.3)
    weight = np.random.default_rng(1).normal(size=(3, 3, 3, 4)).transpose(3, 0, 1, 2)
    assert_matches_naive(LayerMask("layer", mask, weight, kind="conv2d"), encoding)


def test_index_types_widen_beyond_16_bits():
    mask = np.zeros((2**16 + 1, 1), dtype=bool)
    mask[[0, -1]] = True
    graph = bipartite(LayerMask("wide", mask))
    assert graph.indices.dtype == np.uint32
    assert graph.indices.tolist() == [0, 2**16]
    narrow = bipartite(LayerMask("narrow", mask[1:]))
    assert narrow.indices.dtype == np.uint16
    assert narrow.indices.tolist() == [2**16 - 1]


def test_an_edge_of_weight_zero_stays_an_edge():
    layer = LayerMask("fc", np.array([[True, True]]), np.array([[0.0, -2.0]]))
    graph = bipartite(layer)
    assert (graph.n_edges, graph.weights.tolist()) == (2, [0.0, 2.0])


def test_weights_at_pruned_places_are_never_used():
    layer = LayerMask("fc", np.array([[True, False]]), np.array([[1.0, np.nan]]))
    assert bipartite(layer, "channel").weights.tolist() == [1.0]
    assert bipartite(layer).weights.tolist() == [1.0]


def test_to_scipy():
    layer = random_layer("conv2d", (4, 2, 3, 3), 2, density=0.3, dtype=np.float64)
    for encoding in ("rolled", "channel"):
        graph = bipartite(layer, encoding)
        ones, weights = np.zeros((graph.n_left, 4)), np.zeros((graph.n_left, 4))
        for edge, (_, weight) in naive_edges(layer, encoding).items():
            ones[edge], weights[edge] = 1, weight
        np.testing.assert_array_equal(graph.to_scipy().toarray(), ones)
        np.testing.assert_allclose(graph.to_scipy(weighted=True).toarray(), weights, rtol=1e-14)


def test_unknown_encoding():
    layer = LayerMask("fc", np.ones((2, 2), dtype=bool))
    with pytest.raises(ArgumentError, match=r"encoding='flat' is not one of 'rolled', 'channel'"):
        bipartite(layer, "flat")


@cases
@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.6, 1.0])
def test_looking_at_every_place_gives_the_same_graph(monkeypatch, case, density, dtype):
    kind, shape, groups, *_ = case
    layer = random_layer(kind, shape, groups, density=density, dtype=dtype)
    found = []
    for limit in (0.0, 2.0):
        monkeypatch.setattr(encoder, "HARDLY_SPARSE", limit)
        found.append(bipartite(layer))
    dense, sparse = found
    np.testing.assert_array_equal(dense.indices, sparse.indices)
    assert dense.indices.dtype == sparse.indices.dtype
    if dtype is not None:
        np.testing.assert_array_equal(dense.weights, sparse.weights)
        assert dense.weights.dtype == sparse.weights.dtype


def test_more_left_nodes_than_a_block_has(monkeypatch):
    layer = random_layer("linear", (30, 1040), 1, density=0.6, dtype=np.float32)
    dense = bipartite(layer)
    monkeypatch.setattr(encoder, "HARDLY_SPARSE", 2.0)
    np.testing.assert_array_equal(dense.indices, bipartite(layer).indices)
    np.testing.assert_array_equal(dense.weights, bipartite(layer).weights)
