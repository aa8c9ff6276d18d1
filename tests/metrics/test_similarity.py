import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import LayerMask, MaskSet
from masktopo.comparison import compare
from masktopo.errors import MaskError
from masktopo.metrics.similarity import coordinate_distance, explored_ratio, layer_similarity
from masktopo.metrics.spectral import COORDINATES, coordinates


def network(seed, weighted=True, density=0.4):
    rng = np.random.default_rng(seed)
    layers = []
    for name, shape in {"a": (20, 30), "b": (12, 20)}.items():
        weight = rng.standard_normal(shape).astype(np.float32) if weighted else None
        layers.append(LayerMask(name, rng.random(shape) < density, weight))
    return MaskSet(layers)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_against_sets_of_places(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 7, 2))
    first, second = (
        LayerMask("a", rng.random(shape) < rng.random(), rng.integers(-1, 2, shape).astype(float))
        for _ in range(2)
    )
    kept, other = (set(map(tuple, np.argwhere(layer.mask))) for layer in (first, second))
    found = layer_similarity(first, second)
    assert found.common == len(kept & other)
    assert found.hamming == len(kept ^ other)
    assert found.hamming_fraction == len(kept ^ other) / first.size
    assert found.jaccard == (len(kept & other) / len(kept | other) if kept | other else 1.0)
    same = [np.sign(first.weight[p]) == np.sign(second.weight[p]) for p in kept & other]
    np.testing.assert_allclose(found.sign_agreement, np.mean(same) if same else np.nan, rtol=1e-12)
    assert layer_similarity(first, first).jaccard == 1.0


def test_signs_need_weights_on_both_sides():
    with_weights, without = network(0)["a"], network(0, weighted=False)["a"]
    assert layer_similarity(with_weights, with_weights).sign_agreement == 1.0
    flipped = with_weights.with_weight(-with_weights.weight)
    assert layer_similarity(with_weights, flipped).sign_agreement == 0.0
    assert np.isnan(layer_similarity(with_weights, without).sign_agreement)


def test_shapes_must_agree():
    with pytest.raises(MaskError, match=r"layer 'a' has shape \(20, 30\) in one mask and \(12, 20"):
        layer_similarity(network(0)["a"], network(0)["b"])


def test_distance_of_coordinates():
    first, second = coordinates(network(0)), coordinates(network(1))
    expected = np.linalg.norm(np.nan_to_num(first.values) - np.nan_to_num(second.values), axis=1)
    np.testing.assert_allclose(coordinate_distance(first, second), expected, rtol=1e-12)
    assert (expected > 0).all()
    unknown = coordinates(network(1, weighted=False))
    assert np.isnan(coordinate_distance(first, unknown)).all()
    assert np.isnan(coordinate_distance(unknown, first)).all()


def test_explored_ratio_is_the_union_so_far():
    masks = [network(seed, density=0.2) for seed in range(4)]
    union = masks[0]
    expected = []
    for snapshot in masks:
        union = union | snapshot
        expected.append(union.density)
    assert explored_ratio(iter(masks)).tolist() == expected
    assert explored_ratio([]).size == 0


def test_explored_ratio_is_of_one_network():
    other = MaskSet([network(0)["a"]])
    with pytest.raises(MaskError, match="only memory has b"):
        explored_ratio([network(0), other])


def test_compare_puts_everything_into_one_table():
    first, second = network(0), network(1)
    table = compare(first, second, threads=2)
    assert table.index.name == "layer"
    assert list(table.index) == ["a", "b"]
    for name in table.index:
        found = layer_similarity(first[name], second[name])
        assert table.loc[name, "common"] == found.common
        assert table.loc[name, "sign_agreement"] == found.sign_agreement
        assert table.loc[name, "nnz_b"] == second[name].nnz
    for side, masks in (("a", first), ("b", second)):
        values = table[[f"{name}_{side}" for name in COORDINATES]].to_numpy()
        np.testing.assert_array_equal(values, coordinates(masks).values)
    distance = coordinate_distance(coordinates(first), coordinates(second))
    np.testing.assert_array_equal(table["coordinate_distance"], distance)


def test_compare_goes_by_names_and_not_by_order():
    first, second = network(0), network(1)
    turned = MaskSet([second["b"], second["a"]])
    assert compare(first, turned).equals(compare(first, second))


def test_compare_of_a_mask_with_itself():
    table = compare(network(0), network(0))
    assert (table["jaccard"] == 1).all()
    assert (table["hamming"] == 0).all()
    assert (table["coordinate_distance"] == 0).all()


def test_compare_obeys_encoding_and_convention():
    first, second = network(0), network(1)
    table = compare(first, second, convention="mge24", encoding="channel")
    expected = coordinates(first, convention="mge24", encoding="channel").values[:, 0]
    np.testing.assert_array_equal(table["ramanujan_gap_a"], expected)


def test_compare_names_what_differs():
    with pytest.raises(MaskError, match="not of one network: only memory has b"):
        compare(network(0), MaskSet([network(0)["a"]]))
