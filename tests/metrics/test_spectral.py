import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import LayerMask, MaskSet
from masktopo.errors import ArgumentError
from masktopo.graphs.bipartite import bipartite
from masktopo.metrics.spectral import WHOLE_LAYER, coordinates, spectral_columns
from tests import bigraphs as named
from tests.naive import spectral as naive

# The definitions promise 1e-7 of mu_0; the kernels reach rounding error on these sizes, and
# gaps are sums of a few such values.
TOLERANCE = 1e-9


def columns_of(biadjacency, weights=None, **options):
    graph = bipartite(named.layer_of(biadjacency, weights))
    return {name: values[0] for name, values in spectral_columns([graph], **options).items()}


# A circulant's eigenvalues are sums of roots of unity.
OFFSETS = (0, 1, 5, 30, 211)
ROOTS = np.exp(2j * np.pi * np.outer(np.arange(1, 300), OFFSETS) / 300)

CLOSED_FORMS = {
    "heawood": (named.heawood(), 3, np.sqrt(2)),
    "projective plane of order 3": (named.projective_plane(3), 4, np.sqrt(3)),
    "projective plane of order 11": (named.projective_plane(11), 12, np.sqrt(11)),
    "complete 4 x 9": (named.complete(4, 9), 6, 0),
    "complete 90 x 100": (named.complete(90, 100), np.sqrt(9000), 0),
    "star 1 x 5": (named.complete(1, 5), np.sqrt(5), 0),
    "star 5 x 1": (named.complete(5, 1), np.sqrt(5), 0),
    "one edge": (named.complete(1, 1), 1, 0),
    "perfect matching": (np.eye(80, dtype=int), 1, 1),
    "2 x 6": (np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]]), np.sqrt(6), np.sqrt(2)),
    "two K3,3": (named.disjoint(named.complete(3, 3), named.complete(3, 3)), 3, 3),
    "200 K5,5": (named.disjoint(*[named.complete(5, 5)] * 200), 5, 5),
    "K9,9 and K2,8": (named.disjoint(named.complete(9, 9), named.complete(2, 8)), 9, 4),
    "heawood and K70,70": (
        named.disjoint(named.heawood(), named.complete(70, 70)),
        70,
        3,
    ),
    "cycle of 14": (named.circulant(7, (0, 1)), 2, 2 * np.cos(np.pi / 7)),
    "cycle of 200": (named.circulant(100, (0, 1)), 2, 2 * np.cos(np.pi / 100)),
    "cycle of 5000": (named.circulant(2500, (0, 1)), 2, 2 * np.cos(np.pi / 2500)),
    "circulant of 300": (named.circulant(300, OFFSETS), 5, abs(ROOTS.sum(axis=1)).max()),
    "two K800,800": (named.disjoint(named.complete(800, 800), named.complete(800, 800)), 800, 800),
    "path of 3": (named.complete(1, 2), np.sqrt(2), 0),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
    matrix, first, second = CLOSED_FORMS[name]
    for turned in (matrix, matrix.T):
        found = columns_of(turned, turned.astype(np.float32))
        assert found["mu_0"] == pytest.approx(first, abs=TOLERANCE * first)
        assert found["mu_hat"] == pytest.approx(second, abs=TOLERANCE * first)
        assert found["spectral_residual"] <= 1e-7
    if np.isfinite(found["weighted_spectral_gap"]):
        gap = pytest.approx(first - second, abs=TOLERANCE * first)
        assert found["weighted_spectral_gap"] == gap


def test_heawood_ramanujan_gap():
    found = columns_of(named.heawood())
    assert found["ramanujan_gap"] == pytest.approx(np.sqrt(2), abs=1e-12)
    assert found["ramanujan_gap_normalized"] == pytest.approx(0.5, abs=1e-12)


def test_empty_layer():
    found = columns_of(np.zeros((4, 3), dtype=int), np.ones((4, 3), dtype=np.float32))
    assert all(np.isnan(found[name]) for name in WHOLE_LAYER)
    assert np.isnan(found["ramanujan_gap"])
    assert found["full_spectrum"] == 0
    assert not found["valid"]
    assert found["subgraphs"] == 0


def random_layer(rng, weighted=True):
    """A left-by-right mask of any kind: sparse, dense, in blocks, with rank-one weights."""
    shape = rng.integers(1, 120, 2)
    mask = rng.random(shape) < rng.choice([0.02, 0.06, 0.2, 0.6, 1.0])
    if rng.random() < 0.3:
        mask = np.kron(np.eye(2, dtype=bool), mask)
    if rng.random() < 0.3:
        # left-regular: rows of equal degree give large degree classes
        degree = int(rng.integers(1, mask.shape[1] + 1))
        order = rng.random(mask.shape).argsort(axis=1)
        mask = order < degree
    weights = None
    if weighted:
        weights = rng.standard_normal(mask.shape).astype(np.float32)
        if rng.random() < 0.2:
            weights = np.outer(*(rng.standard_normal(n) for n in mask.shape)).astype(np.float32)
        if rng.random() < 0.2:
            weights[rng.random(mask.shape) < 0.4] = 0.0
    return mask, weights


@pytest.mark.parametrize("convention", ["pags23", "rama23", "mge24"])
@pytest.mark.parametrize("seed", range(40))
def test_against_dense_numpy(seed, convention):
    mask, weights = random_layer(np.random.default_rng(seed), weighted=seed % 5 != 0)
    found = columns_of(mask, weights, convention=convention)
    expected, n_parts = naive.coordinate(mask, weights, convention)
    scale = 1 + (0 if weights is None else naive.top_two(np.abs(weights) * mask)[0])
    scale += naive.top_two(mask)[0]
    got = [found[name] for name in ("ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg")]
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * scale)
    assert found["subgraphs"] == n_parts
    for name, value in naive.whole_layer(mask, convention).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-8, atol=TOLERANCE * scale)
    assert found["spectral_residual"] <= 1e-7 or not mask.any()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_invariances(seed):
    """Names of nodes, signs of weights, isolated nodes and a turned matrix change nothing."""
    rng = np.random.default_rng(seed)
    mask, weights = random_layer(rng)
    base = columns_of(mask, weights)
    order = rng.permutation(mask.shape[0]), rng.permutation(mask.shape[1])
    shuffled = columns_of(mask[order[0]][:, order[1]], -weights[order[0]][:, order[1]])
    padded = columns_of(np.pad(mask, ((2, 3), (1, 0))), np.pad(weights, ((2, 3), (1, 0))))
    scale = 1 + np.abs(weights).sum()
    for name in ("mu_0", "mu_hat", "ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg"):
        np.testing.assert_allclose(shuffled[name], base[name], rtol=0, atol=TOLERANCE * scale)
        np.testing.assert_allclose(padded[name], base[name], rtol=0, atol=TOLERANCE * scale)
    turned = columns_of(mask.T, weights.T)
    for name in ("mu_0", "mu_hat"):
        np.testing.assert_allclose(turned[name], base[name], rtol=0, atol=TOLERANCE * scale)


def test_links_too_weak_to_matter_hide_no_repeated_value():
    block = np.ones((70, 70), dtype=np.float32)
    weights = np.block([[block, block * 1e-30], [block * 1e-30, block]])
    found = columns_of(np.ones((140, 140), dtype=int), weights)
    assert found["weighted_spectral_gap"] == pytest.approx(0, abs=70e-7)


def test_second_value_too_small_for_a_gram_matrix():
    rng = np.random.default_rng(0)
    weights = 1 + 1e-9 * np.outer(rng.random(150), rng.random(100))
    first, second = naive.top_two(weights)
    found = columns_of(np.ones((150, 100), dtype=int), weights)
    # The Gram matrix alone would be off by 1e-8 of the first value, some 1e-6 here.
    assert found["weighted_spectral_gap"] == pytest.approx(first - second, abs=1e-12 * first)


def masks_with_weights(seed=0):
    rng = np.random.default_rng(seed)
    layers = []
    for index, shape in enumerate([(16, 3, 3, 3), (32, 16, 3, 3), (10, 32)]):
        mask = rng.random(shape) < 0.4
        weight = rng.standard_normal(shape).astype(np.float32)
        kind = "conv2d" if len(shape) == 4 else "linear"
        layers.append(LayerMask(f"layer{index}", mask, weight, kind))
    return MaskSet(layers)


def test_threads_do_not_change_a_bit():
    masks = masks_with_weights()
    one, three = (coordinates(masks, threads=threads) for threads in (1, 3))
    assert one.values.tobytes() == three.values.tobytes()


def test_full_spectrum_is_the_distance_from_the_reference():
    found, other = coordinates(masks_with_weights(0)), coordinates(masks_with_weights(1))
    expected = np.linalg.norm(np.nan_to_num(found.values), axis=1)
    np.testing.assert_allclose(found.full_spectrum(), expected, rtol=1e-12)
    moved = found.full_spectrum(other.values)
    expected = np.linalg.norm(np.nan_to_num(found.values) - np.nan_to_num(other.values), axis=1)
    np.testing.assert_allclose(moved, expected, rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"shape \(1, 4\), expected \(3, 4\)"):
        found.full_spectrum(np.zeros((1, 4)))


def test_without_weights_the_weighted_entries_are_nan():
    masks = masks_with_weights().with_weights(None)
    found = coordinates(masks)
    assert np.isnan(found.values[:, [1, 3]]).all()
    assert np.isnan(found.full_spectrum()).all()
    assert found.valid.all()


@pytest.mark.parametrize("encoding", ["rolled", "channel"])
def test_encodings_of_a_convolution(encoding):
    layer = masks_with_weights()["layer1"]
    mask = layer.mask.reshape(32, 16, 9)
    weight = np.abs(layer.weight.reshape(32, 16, 9)) * mask
    if encoding == "rolled":
        mask, weight = mask.reshape(32, -1).T, weight.reshape(32, -1).T
    else:
        mask, weight = mask.any(axis=2).T, weight.astype(np.float64).sum(axis=2).T
    expected, _ = naive.coordinate(mask, weight, "pags23")
    found = coordinates(MaskSet([layer]), encoding=encoding).values[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
