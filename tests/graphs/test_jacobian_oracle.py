"""The oracle of wirings against itself and against graphs worked out by hand."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.overrides import TorchFunctionMode

from tests.naive.architectures import random_architecture, random_masks
from tests.naive.exported import exported
from tests.naive.jacobian import (
    Block,
    expected_blocks,
    expected_channel_blocks,
    expected_paths,
    oracle_of,
    product_of_blocks,
    total,
)
from tests.naive.operations import named
from tests.naive.zoo import FAILING, ZOO


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_consistent(program, masks):
    """The product of blocks along the data flow is the Jacobian from end to end."""
    oracle = oracle_of(program, masks)
    blocks, whole = oracle.blocks(), oracle.end_to_end()
    product = product_of_blocks(oracle, blocks)
    for key in whole.keys() | product.keys():
        np.testing.assert_array_equal(whole.get(key, 0), product.get(key, 0), err_msg=str(key))
    assert blocks.keys() == oracle.channel_blocks().keys()
    assert set(oracle.layers) <= set(program.layers.values())


@pytest.mark.parametrize("seed", range(24))
def test_blocks_multiply_to_the_jacobian_from_end_to_end(seed):
    program = exported(*random_architecture(seed))
    assert_consistent(program, random_masks(program, seed))


@pytest.mark.parametrize("name", ZOO)
def test_blocks_multiply_to_it_for_real_architectures(name):
    torch.manual_seed(0)
    assert_consistent(exported(*ZOO[name]()), {})


@pytest.mark.parametrize("name", ["lstm", "gru", "unknown_cumsum", "unknown_fft"])
def test_the_oracle_says_what_it_does_not_know(name):
    with pytest.raises(NotImplementedError, match="aten"):
        oracle_of(exported(*FAILING[name]()), {})


class Names(TorchFunctionMode):
    """Note which functions of torch are called."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.add(function.__name__)
        return function(*args, **(kwargs or {}))


EVERY_OPERATION = named(
    """
    linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul embedding
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d mean sum amax flatten reshape view permute transpose squeeze unsqueeze
    unflatten __getitem__ chunk split narrow index_select select unbind flip roll cat stack expand
    repeat_interleave pad interpolate pixel_shuffle pixel_unshuffle add sub mul div maximum where
    masked_fill add_ batch_norm layer_norm rms_norm group_norm instance_norm relu gelu silu
    hardswish sigmoid softmax glu dropout scaled_dot_product_attention multi_head_attention_forward
    """
)


def test_random_architectures_use_every_operation():
    with Names() as names, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(200):
            model, example = random_architecture(seed)
            model(*example) if isinstance(example, tuple) else model(example)
    assert names.seen >= EVERY_OPERATION, sorted(EVERY_OPERATION - names.seen)


# By hand


class Written(nn.Module):
    """Layers by name and a function of them and the inputs."""

    def __init__(self, function, **layers):
        super().__init__()
        self.layers, self.function = nn.ModuleDict(layers), function

    def forward(self, x):
        return self.function(x, **self.layers)


def by_name(blocks):
    """Drop the prefix that `Written` gives its layers' names."""
    names = {
        key: Block(*(str(part).removeprefix("layers.") for part in key[:3]), *key[3:])
        for key in blocks
    }
    return {names[key]: matrix for key, matrix in blocks.items()}


def between(function, **layers):
    return by_name(expected_blocks(Written(function, **layers), torch.zeros(1, 2), {}))


def ends(blocks):
    return {(block.source, block.target, block.mark) for block in blocks}


def linear(n_in=2, n_out=2):
    return nn.Linear(n_in, n_out)


def test_a_skip_lands_on_the_nodes_of_the_fresh_operand():
    found = between(lambda x, a, b: b(x + F.relu(a(x))), a=linear(), b=linear())
    assert ends(found) == {("x", "a", "layer"), ("x", "a", "skip"), ("a", "b", "layer")}
    assert found["x", "a", "None", "skip", True].tolist() == [[1, 0], [0, 1]]


def test_the_deeper_of_two_fresh_operands_keeps_its_nodes():
    layers = {name: linear() for name in "abcd"}
    for function in (
        lambda x, a, b, c, d: d(b(a(x)) + c(x)),
        lambda x, a, b, c, d: d(c(x) + b(a(x))),
    ):
        found = ends(between(function, **layers))
        assert found == {
            ("x", "a", "layer"),
            ("a", "b", "layer"),
            ("x", "b", "layer"),
            ("b", "d", "layer"),
        }


def test_joins_in_a_row_have_one_set_of_nodes():
    found = between(lambda x, a, b, c: c(a(x) + b(x) + x), a=linear(), b=linear(), c=linear())
    assert ends(found) == {("x", "b", "layer"), ("x", "b", "skip"), ("b", "c", "layer")}


def test_without_a_fresh_operand_edges_leave_all():
    def function(x, a, b):
        hidden = a(x)
        return b(hidden + hidden.flip(-1) + x)

    found = between(function, a=linear(), b=linear())
    assert ends(found) == {("x", "a", "layer"), ("x", "b", "layer"), ("a", "b", "layer")}
    assert found["a", "b", "b", "layer", True].tolist() == [[2, 2], [2, 2]]


def test_half_of_a_layer_is_not_fresh():
    def function(x, a, b):
        value, gate = a(x).chunk(2, -1)
        return b(value * torch.sigmoid(gate))

    found = between(function, a=linear(2, 4), b=linear(2, 1))
    assert ends(found) == {("x", "a", "layer"), ("a", "b", "layer")}
    assert found["a", "b", "b", "layer", True].tolist() == [[1]] * 4


def test_a_broadcast_operand_is_a_skip():
    found = between(lambda x, a, b: a(x) * b(x), a=linear(), b=linear(2, 1))
    assert ends(found) == {("x", "b", "layer"), ("b", "a", "skip"), ("x", "a", "layer")}
    assert found["b", "a", "None", "skip", True].tolist() == [[1, 1]]


def test_outputs_land_in_the_order_of_the_nodes():
    found = between(lambda x, a, b: a(x).flip(-1) + b(x), a=linear(), b=nn.Linear(2, 2))
    assert ends(found) == {("x", "b", "layer")}
    turned = Written(lambda x, a, b: a(x).flip(-1) + b(x), a=linear(), b=linear())
    masks = {"layers.a": np.eye(2), "layers.b": np.zeros((2, 2))}
    blocks = by_name(expected_blocks(turned, torch.zeros(1, 2), masks))
    assert blocks["x", "b", "a", "layer", True].tolist() == [[0, 1], [1, 0]]


def test_a_second_use_has_nodes_of_its_own():
    found = between(lambda x, a: a(F.relu(a(x))), a=linear())
    assert ends(found) == {("x", "a", "layer"), ("a", "a@2", "layer")}


def test_a_normalisation_that_is_written_out_is_the_identity():
    def function(x, a, b):
        hidden = a(x)
        centred = hidden - hidden.mean(-1, keepdim=True)
        return b(centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt())

    found = between(function, a=linear(), b=linear())
    assert found["a", "b", "b", "layer", True].tolist() == [[1, 1], [1, 1]]


def test_windows_that_overlap_keep_multiplicities():
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.MaxPool1d(2, 1), nn.Conv1d(1, 1, 2))
    blocks = expected_blocks(model, torch.zeros(1, 1, 3), {})
    assert blocks["0", "2", "2", "layer", True].tolist() == [[1], [2], [1]]
    channels = expected_channel_blocks(model, torch.zeros(1, 1, 3), {})
    assert channels["0", "2", "2", "layer", True].tolist() == [[2]]


def test_a_flatten_counts_the_nonzeros_of_a_channel():
    model = nn.Sequential(nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(6, 1))
    masks = {"2": np.array([[1, 1, 0, 0, 0, 1]])}
    channels = expected_channel_blocks(model, torch.zeros(1, 1, 3), masks)
    assert channels["0", "2", "2", "layer", True].tolist() == [[2], [1]]


def test_attention_mixes_what_it_attends_to():
    def function(x, a):
        whole = a(x)
        query, key, value = whole.split(2, -1)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)

    model = Written(function, a=linear(2, 6))
    # Features of a: two of the query, two of the key, two of the value; at two positions.
    blocks = by_name(expected_blocks(model, torch.zeros(1, 2, 2), {}))
    on_paths = blocks["a", "attention", "None", "mixing", True]
    assert on_paths[4:6].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert on_paths[10:].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert not np.delete(on_paths, [4, 5, 10, 11], 0).any()
    only_reach = blocks["a", "attention", "None", "mixing", False]
    assert only_reach[:4].tolist() == [[1, 1, 0, 0]] * 2 + [[1, 1, 1, 1]] * 2
    assert only_reach[6:10].tolist() == [[0, 0, 1, 1]] * 4
    channels = by_name(expected_channel_blocks(model, torch.zeros(1, 2, 2), {}, {"x": (2,)}))
    assert channels["a", "attention", "None", "mixing", True].tolist() == [[0, 0]] * 4 + [
        [1, 0],
        [0, 1],
    ]
    assert channels["a", "attention", "None", "mixing", False].sum(1).tolist() == [2] * 4 + [0] * 2


def test_paths_of_a_residual_network_by_hand():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    masks = {"0": np.array([[1, 0], [1, 1], [0, 0]]), "2": np.array([[1, 1, 1]])}
    assert expected_paths(model, torch.zeros(1, 2), masks) == 3


def test_weighted_sums_take_coefficients_of_averages():
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.AvgPool1d(2), nn.Conv1d(1, 1, 2))
    oracle = oracle_of(exported(model, torch.zeros(1, 1, 4)), {})
    sizes = {"0": np.full((1, 1, 1), 3.0), "2": np.array([[[2.0, 5.0]]])}
    assert total(oracle.end_to_end()) == 4
    assert total(oracle.end_to_end(sizes)) == 3 * (2 + 5)
