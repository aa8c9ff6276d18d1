"""Layers between elements, against the framework's own arithmetic.

Masks and operands are small integers in float64, so that every comparison is exact.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import WiringError
from masktopo.graphs.geometry import geometry_of
from masktopo.graphs.unrolled import ElementMap, unrolled_edges
from masktopo.graphs.wiring import Use
from masktopo.masks.layer import LayerMask

CONV = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}
TRANSPOSED = {
    1: torch.nn.functional.conv_transpose1d,
    2: torch.nn.functional.conv_transpose2d,
    3: torch.nn.functional.conv_transpose3d,
}


def random_use(rng, dims, transposed):
    """Draw a kind of convolution with its shapes: use, weight shape, operand shape."""
    groups, per_group = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    n_in, n_out = groups * per_group, groups * int(rng.integers(1, 3))
    kernel = tuple(rng.integers(1, 4, dims).tolist())
    stride = tuple(rng.integers(1, 4, dims).tolist())
    dilation = tuple(rng.integers(1, 3, dims).tolist())
    padding = tuple(int(rng.integers(0, 3)) for _ in range(dims))
    sizes = tuple(rng.integers(1, 8 if dims < 3 else 5, dims).tolist())
    kind = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"
    shape = (n_in, n_out // groups, *kernel) if transposed else (n_out, per_group, *kernel)
    use = Use(kind, groups, stride, padding, dilation)
    return use, shape, (int(rng.integers(1, 3)), n_in, *sizes)


def run(use, weight, operand):
    dims = use.kernel_axes
    function = TRANSPOSED[dims] if use.transposed else CONV[dims]
    return function(
        operand,
        weight,
        stride=use.stride,
        padding=use.padding,
        dilation=use.dilation,
        groups=use.groups,
    )


def random_layer(rng, use, shape):
    mask = rng.random(shape) < rng.choice([0.0, 0.3, 0.7, 1.0])
    weight = rng.integers(-3, 4, shape).astype(np.float64)
    return LayerMask("layer", mask, weight, kind=use.kind, groups=use.groups)


def dense(edges, kind):
    found = np.zeros((edges.n_left, edges.n_right))
    rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)
    found[rows, edges.indices] = edges.factors(kind)
    return found


def effective_weight(layer, kind):
    powers = {"multiplicity": 0, "l1": 1, "l2": 2}
    return torch.from_numpy(np.abs(layer.weight) ** powers[kind] * layer.mask)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]), st.booleans())
def test_convolutions_match_torch(seed, dims, transposed):
    rng = np.random.default_rng(seed)
    use, shape, operand = random_use(rng, dims, transposed)
    layer = random_layer(rng, use, shape)
    values = torch.from_numpy(rng.integers(0, 5, operand).astype(np.float64)).requires_grad_()
    try:
        output = run(use, effective_weight(layer, "multiplicity"), values)
    except RuntimeError:
        return  # the kernel does not fit into the operand
    if output.numel() == 0:
        return
    geometry = geometry_of(layer, use, operand, tuple(output.shape))
    edges, elements = unrolled_edges(layer, geometry), ElementMap(layer, geometry)
    assert edges.n_edges == dense(edges, "multiplicity").sum()
    rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)
    assert np.all(np.diff(rows * edges.n_right + edges.indices.astype(np.int64)) > 0)
    back = rng.integers(0, 5, tuple(output.shape)).astype(np.float64)
    for kind in ("multiplicity", "l1", "l2"):
        output = run(use, effective_weight(layer, kind), values)
        (gradient,) = torch.autograd.grad(output, values, torch.from_numpy(back))
        flat, expected = values.detach().numpy().reshape(-1), output.detach().numpy().reshape(-1)
        matrix = dense(edges, kind)
        np.testing.assert_array_equal(flat @ matrix, expected)
        np.testing.assert_array_equal(elements.forward(flat, kind), expected)
        np.testing.assert_array_equal(matrix @ back.reshape(-1), gradient.numpy().reshape(-1))
        found = elements.adjoint(back.reshape(-1), kind)
        np.testing.assert_array_equal(found, gradient.numpy().reshape(-1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_live_weights_meet_a_live_pair_of_positions(seed):
    rng = np.random.default_rng(seed)
    use, shape, operand = random_use(rng, 2, bool(seed % 2))
    layer = random_layer(rng, use, shape)
    weight = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    try:
        output = tuple(run(use, weight, torch.zeros(operand, dtype=torch.float64)).shape)
    except RuntimeError:
        return  # the kernel does not fit into the operand
    geometry = geometry_of(layer, use, operand, output)
    left = rng.random(geometry.size_in) < 0.3
    right = rng.random(geometry.size_out) < 0.3
    values = torch.from_numpy(left.astype(np.float64).reshape(operand))
    found = run(use, weight, values)
    found.backward(torch.from_numpy(right.astype(np.float64).reshape(output)))
    expected = (weight.grad.numpy() > 0) & layer.mask
    np.testing.assert_array_equal(ElementMap(layer, geometry).live(left, right), expected)


@pytest.mark.parametrize("leading", [(1,), (1, 5), (2, 3, 4)])
def test_linear_layers_act_on_the_last_axis(leading):
    rng = np.random.default_rng(len(leading))
    layer = random_layer(rng, Use("linear"), (4, 3))
    values = rng.integers(0, 5, (*leading, 3)).astype(np.float64)
    geometry = geometry_of(layer, Use("linear"), (*leading, 3), (*leading, 4))
    expected = values @ (np.abs(layer.weight) * layer.mask).T
    edges, elements = unrolled_edges(layer, geometry), ElementMap(layer, geometry)
    np.testing.assert_array_equal(values.reshape(-1) @ dense(edges, "l1"), expected.reshape(-1))
    np.testing.assert_array_equal(elements.forward(values.reshape(-1), "l1"), expected.reshape(-1))
    back = rng.integers(0, 5, (*leading, 4)).astype(np.float64)
    expected = dense(edges, "l1") @ back.reshape(-1)
    np.testing.assert_array_equal(elements.adjoint(back.reshape(-1), "l1"), expected)
    left, right = values.reshape(-1) > 1, back.reshape(-1) > 1
    pairs = np.einsum("po,pi->oi", right.reshape(-1, 4), left.reshape(-1, 3))
    np.testing.assert_array_equal(elements.live(left, right), (pairs > 0) & layer.mask)


def test_same_padding_of_an_even_kernel_is_longer_behind():
    layer = LayerMask("layer", np.ones((1, 1, 4), bool), kind="conv1d")
    values = np.arange(1.0, 8.0)
    weight = torch.ones(1, 1, 4, dtype=torch.float64)
    # One place before and two behind, as the framework has it for "same".
    padded = torch.nn.functional.pad(torch.from_numpy(values), (1, 2)).reshape(1, 1, 10)
    expected = torch.nn.functional.conv1d(padded, weight)
    use = Use("conv1d", 1, (1,), (1,), (1,))
    geometry = geometry_of(layer, use, (1, 1, 7), (1, 1, 7))
    found = ElementMap(layer, geometry).forward(values, "multiplicity")
    np.testing.assert_array_equal(found, expected.numpy().reshape(-1))


def test_shapes_that_do_not_fit_are_named():
    layer = LayerMask("layer", np.ones((2, 3), bool))
    with pytest.raises(WiringError, match=r"linear of shape \(2, 3\) cannot map .*\(1, 4\)"):
        geometry_of(layer, Use("linear"), (1, 4), (1, 2))
    layer = LayerMask("layer", np.ones((2, 3, 2), bool), kind="conv1d")
    with pytest.raises(WiringError, match=r"cannot map elements of shape \(1, 3, 4\) .*\(1, 2\)"):
        geometry_of(layer, Use("conv1d", 1, (1,), (0,), (1,)), (1, 3, 4), (1, 2))
