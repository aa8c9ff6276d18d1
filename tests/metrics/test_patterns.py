import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import LayerMask, MaskSet
from masktopo.metrics.family import Subject
from masktopo.metrics.patterns import GROUP_SIZES, PATTERNS, layer_patterns
from tests.naive.patterns import most_kept, pruned


def n_of_m(rng, rows, columns, n, m):
    """A mask that keeps exactly n random ones of m consecutive columns."""
    order = rng.random((rows, columns // m, m)).argsort(axis=2)
    return (order < n).reshape(rows, columns)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_against_explicit_indices(seed):
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 6), rng.choice([1, 3, 4, 8, 16, 24]), *rng.integers(1, 4, 2))
    mask = rng.random(shape) < rng.choice([0.05, 0.3, 0.8])
    found = layer_patterns(LayerMask("conv", mask, kind="conv2d"))
    for size in GROUP_SIZES:
        last, flat = (most_kept(mask, size, order=order) for order in ("channels_last", "flat"))
        np.testing.assert_equal(found[f"max_kept_of_{size}"], last)
        np.testing.assert_equal(found[f"max_kept_of_{size}_flat"], flat)
    names = ("rows", "columns", "kernels")
    counts = pruned(mask)
    assert tuple(found[f"pruned_{name}"] for name in names) == counts
    totals = (shape[0], shape[1], shape[0] * shape[1])
    expected = [count / total for count, total in zip(counts, totals, strict=True)]
    assert [found[f"pruned_{name}_fraction"] for name in names] == expected


@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 4), (3, 4), (4, 8), (3, 8), (6, 16)])
def test_patterns_are_found(n, m):
    mask = n_of_m(np.random.default_rng(0), 40, 64, n, m)
    found = layer_patterns(LayerMask("fc", mask))
    assert found["nm_pattern"] == found["nm_pattern_flat"] == f"{n}:{m}"
    assert found[f"max_kept_of_{m}"] == n


def test_zeros_inside_a_pattern_do_not_hide_it():
    rng = np.random.default_rng(0)
    mask = n_of_m(rng, 40, 64, 2, 4) & (rng.random((40, 64)) < 0.9)
    found = layer_patterns(LayerMask("fc", mask))
    assert found["nm_pattern"] == "2:4"


@pytest.mark.parametrize("density", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_random_masks_have_no_pattern(density):
    mask = np.random.default_rng(0).random((100, 64)) < density
    assert layer_patterns(LayerMask("fc", mask))["nm_pattern"] == ""


def test_the_layout_of_a_convolution_matters():
    rng = np.random.default_rng(1)
    last = n_of_m(rng, 16 * 9, 32, 2, 4).reshape(16, 3, 3, 32)
    found = layer_patterns(LayerMask("conv", np.moveaxis(last, 3, 1), kind="conv2d"))
    assert (found["nm_pattern"], found["nm_pattern_flat"]) == ("2:4", "")
    flat = n_of_m(rng, 16, 32 * 9, 2, 4).reshape(16, 32, 3, 3)
    found = layer_patterns(LayerMask("conv", flat, kind="conv2d"))
    assert (found["nm_pattern"], found["nm_pattern_flat"]) == ("", "2:4")


def test_groups_of_a_convolution_are_apart():
    """A depthwise layer has one input an output: no group of 4 exists at one place."""
    found = layer_patterns(LayerMask("dw", np.ones((8, 1, 2, 2)), kind="conv2d", groups=8))
    assert np.isnan(found["max_kept_of_4"])
    assert found["max_kept_of_4_flat"] == 4
    mask = np.ones((4, 1, 3, 3), dtype=bool)
    mask[1] = False
    found = layer_patterns(LayerMask("dw", mask, kind="conv2d", groups=4))
    assert [found[f"pruned_{name}"] for name in ("rows", "columns", "kernels")] == [1, 1, 1]
    assert found["pruned_kernels_fraction"] == 0.25


def test_embeddings_and_transposed_convolutions_are_turned():
    mask = np.ones((8, 3), dtype=bool)
    mask[0], mask[:, 1] = False, False
    found = layer_patterns(LayerMask("table", mask, kind="embedding"))
    assert (found["pruned_rows"], found["pruned_columns"]) == (1, 1)
    found = layer_patterns(LayerMask("up", mask[..., None, None], kind="conv_transpose2d"))
    assert (found["pruned_rows"], found["pruned_columns"]) == (1, 1)


def test_the_family():
    rng = np.random.default_rng(2)
    last = np.moveaxis(n_of_m(rng, 16 * 9, 32, 2, 4).reshape(16, 3, 3, 32), 3, 1)
    last[3] = False
    layers = [LayerMask("conv", last, kind="conv2d"), LayerMask("fc", rng.random((10, 16)) < 0.3)]
    found = PATTERNS.compute(Subject(MaskSet(layers)))
    assert tuple(found.layers) == PATTERNS.layer_metrics
    assert set(found.network) == set(PATTERNS.network_metrics)
    assert found.layers["nm_pattern"].tolist() == ["2:4", ""]
    assert found.layers["pruned_rows"].dtype == np.int64
    assert found.network["pruned_rows"] == found.layers["pruned_rows"].sum()
    assert found.network["nm_layers"] == 1
    assert len(found.sentences) == 1
    assert "differ in conv" in found.sentences[0]


@pytest.mark.parametrize(("full", "pattern"), [(20, "2:4"), (19, "")])
def test_half_of_the_groups_must_be_full(full, pattern):
    mask = np.zeros((40, 4), dtype=bool)
    mask[:, 0] = True
    mask[:full, 2] = True
    assert layer_patterns(LayerMask("fc", mask))["nm_pattern"] == pattern
