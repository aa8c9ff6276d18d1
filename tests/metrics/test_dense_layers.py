import numpy as np
import pytest

from masktopo import LayerMask
from masktopo.graphs.bipartite import bipartite
from masktopo.kernels import dense
from masktopo.metrics import dense_layers
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.dense_layers import is_hardly_sparse, solve_dense_layer
from masktopo.metrics.spectra import layer_spectra
from tests.naive import spectral as naive


@pytest.fixture(autouse=True)
def every_layer_is_large(monkeypatch):
    monkeypatch.setattr(dense_layers, "IN_PLACE", 0)


def layer(seed, shape=(90, 131), density=0.5, dtype=np.float32):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < density
    return LayerMask("fc", mask, rng.standard_normal(shape).astype(dtype))


@pytest.mark.parametrize(("vectors", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 11])
def test_products_are_those_of_numpy(rows, dtype, vectors, tolerance):
    one = layer(rows, (rows, 37), dtype=dtype)
    x, out = np.random.default_rng(0).random(37).astype(vectors), np.empty(37, vectors)
    for matrix, multiply in (
        (one.mask.astype(float), lambda: dense.multiply_mask(one.mask.view(np.uint8), x, out)),
        (
            np.abs(one.weight.astype(np.float64)) * one.mask,
            lambda: dense.multiply_weights(one.mask.view(np.uint8), one.weight, x, out),
        ),
    ):
        multiply()
        np.testing.assert_allclose(out, matrix.T @ (matrix @ x), rtol=tolerance)


@pytest.mark.parametrize("shape", [(90, 131), (131, 90), (64, 64, 3, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_dense_numpy(shape, seed):
    rng = np.random.default_rng(seed)
    mask, weight = rng.random(shape) < 0.5, rng.standard_normal(shape).astype(np.float32)
    one = LayerMask("one", mask, weight, "conv2d" if len(shape) == 4 else "linear")
    graph = bipartite(one)
    assert is_hardly_sparse(graph)
    matrix = one.mask.reshape(shape[0], -1)
    weights = np.abs(one.weight.reshape(shape[0], -1)) * matrix
    for weighted, expected in ((False, matrix), (True, weights)):
        found = solve_dense_layer(graph, weighted=weighted)
        np.testing.assert_allclose(found[:2], naive.top_two(expected), rtol=1e-9)
        assert found[2] <= 1e-7
    whole = layer_spectra([graph], CONVENTIONS["pags23"])[0]
    np.testing.assert_allclose(whole.unweighted[0, :2], naive.top_two(matrix), rtol=1e-9)
    assert whole.n_right[0] == shape[0]


def test_what_the_dense_way_cannot_solve_goes_the_general_way():
    blocks = np.zeros((80, 80), dtype=bool)
    blocks[:40, :40] = blocks[40:, 40:] = True
    rank_one = np.ones((90, 90), dtype=bool)
    isolated = layer(0).mask.copy()
    isolated[:, 3] = False
    for mask, first, second in (
        (blocks, 40, 40),
        (rank_one, 90, 0),
        (isolated, *naive.top_two(isolated)),
    ):
        graph = bipartite(LayerMask("fc", mask))
        assert is_hardly_sparse(graph)
        assert solve_dense_layer(graph, weighted=False) is None
        found = layer_spectra([graph], CONVENTIONS["pags23"])[0].unweighted[0]
        np.testing.assert_allclose(found[:2], [first, second], atol=1e-9 * first)


def test_a_weight_of_zero_is_no_obstacle():
    one = layer(1)
    weight = one.weight.copy()
    weight[one.mask.nonzero()[0][0], one.mask.nonzero()[1][0]] = 0.0
    found = solve_dense_layer(bipartite(one.with_weight(weight)), weighted=True)
    np.testing.assert_allclose(found[:2], naive.top_two(np.abs(weight) * one.mask), rtol=1e-9)


def test_blocks_joined_by_negligible_weights_go_the_general_way():
    block = np.random.default_rng(0).random((60, 60))
    weight = np.block([[block, block * 1e-30], [block * 1e-30, block]]).astype(np.float32)
    graph = bipartite(LayerMask("fc", np.ones((120, 120), np.bool_), weight))
    assert solve_dense_layer(graph, weighted=True) is None
    found = layer_spectra([graph], CONVENTIONS["pags23"])[0].weighted[0]
    np.testing.assert_allclose(found[:2], naive.top_two(weight), rtol=1e-7)


@pytest.mark.parametrize("power", [-30, -10, 10, 30])
def test_weights_beyond_the_squares_of_single_precision(power):
    one = layer(2)
    one = one.with_weight(one.weight * np.float32(10.0**power))
    found = solve_dense_layer(bipartite(one), weighted=True)
    expected = naive.top_two(np.abs(one.weight.astype(np.float64)) * one.mask)
    np.testing.assert_allclose(found[:2], expected, rtol=1e-9)


def test_nearly_equal_values_are_settled():
    rng = np.random.default_rng(0)
    weight = 1e-4 * rng.random((160, 160), dtype=np.float32)
    weight[:80, :80] += rng.random((80, 80), dtype=np.float32)
    weight[80:, 80:] += rng.random((80, 80), dtype=np.float32)
    one = LayerMask("fc", np.ones(weight.shape, np.bool_), weight)
    found = solve_dense_layer(bipartite(one), weighted=True)
    np.testing.assert_allclose(found[:2], naive.top_two(weight.astype(np.float64)), rtol=1e-9)
    assert found[2] <= 1e-7


def test_what_quick_products_do_not_settle_is_done_in_double_precision(monkeypatch):
    rng = np.random.default_rng(0)

    def coarse(multiply):
        def product(x, out):
            multiply(x, out)
            out *= 1 + 1e-3 * rng.standard_normal(out.size)

        return product

    monkeypatch.setattr(dense_layers, "_in_single", coarse)
    one = layer(3)
    found = solve_dense_layer(bipartite(one), weighted=False)
    np.testing.assert_allclose(found[:2], naive.top_two(one.mask), rtol=1e-9)
    assert found[2] <= 1e-7


def test_grouped_and_turned_layers_are_not_taken_as_they_lie():
    rng = np.random.default_rng(0)
    grouped = LayerMask("g", rng.random((64, 32, 3, 3)) < 0.5, kind="conv2d", groups=2)
    turned = LayerMask("t", rng.random((64, 64, 3, 3)) < 0.5, kind="conv_transpose2d")
    assert bipartite(grouped).dense is None
    graph = bipartite(turned)
    assert graph.dense is None
    matrix = graph.to_scipy().toarray()
    found = layer_spectra([graph], CONVENTIONS["pags23"])[0].unweighted[0]
    np.testing.assert_allclose(found[:2], naive.top_two(matrix), rtol=1e-9)
