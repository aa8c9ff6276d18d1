import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import MaskSet
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.metrics import expansion_band, expansion_spectra
from masktopo.metrics.expansion import (
    EXPANSION,
    expansion,
    expansion_bounds,
)
from masktopo.metrics.expansion_cuts import sweep_cuts
from masktopo.metrics.expansion_limits import node_expansion_bound
from masktopo.metrics.expansion_sides import connected_sides
from masktopo.metrics.family import Subject
from tests import bigraphs as named
from tests.naive import expansion as naive

seeds = st.integers(0, 2**32)

KINDS = ("conductance", "edge_expansion", "node_expansion")

# Which eigensolvers the bounds rest on: (largest dense side, largest dense graph, largest band).
ROUTES = {
    "dense": (1024, 512, 0),
    "inverse": (1024, 0, 0),
    "band": (0, 0, 2**22),
    "lanczos": (0, 0, 0),
}


def graph_of(biadjacency):
    return bipartite(named.layer_of(biadjacency))


def bounds_of(biadjacency, seed=0):
    """What is known without enumeration."""
    return expansion_bounds(connected_sides(graph_of(biadjacency)), seed)


def take_route(monkeypatch, route):
    side, nodes, band = ROUTES[route]
    monkeypatch.setattr(expansion_band, "BAND_ENTRIES", band)
    monkeypatch.setattr(expansion_spectra, "DENSE_SIDE", side)
    monkeypatch.setattr(expansion_spectra, "DENSE_NODES", nodes)


def random_matrix(seed, least=1, most=14):
    """Of at most `most` nodes, from nearly empty to nearly complete, sometimes in blocks."""
    rng = np.random.default_rng(seed)
    n_left = int(rng.integers(least, most - least + 1))
    n_right = int(rng.integers(least, most - n_left + 1))
    matrix = (rng.random((n_left, n_right)) < rng.uniform(0.15, 0.95)).astype(int)
    if rng.random() < 0.3:
        matrix[: n_left // 2, n_right // 2 :] = 0
    matrix[rng.integers(n_left), rng.integers(n_right)] = 1
    return matrix


def pairs(found):
    return [(getattr(found, f"{kind}_lower"), getattr(found, f"{kind}_upper")) for kind in KINDS]


def true_values(matrix):
    return [*naive.cut_ratios(matrix), naive.node_ratio(matrix)]


def assert_shown(matrix, found):
    """Every upper bound is exactly its witness's ratio, and the witness is not too large."""
    cut, volume, _, whole, _ = naive.cut_of(
        matrix, found.conductance_cut.left, found.conductance_cut.right
    )
    assert 2 * volume <= whole
    assert found.conductance_cut.value == found.conductance_upper == cut / volume
    cut, _, size, _, whole = naive.cut_of(
        matrix, found.edge_expansion_cut.left, found.edge_expansion_cut.right
    )
    assert 2 * size <= whole
    assert found.edge_expansion_cut.value == found.edge_expansion_upper == cut / size
    n_left = len(naive.connected_part(matrix))
    chosen = found.node_expansion_set.left
    assert found.node_expansion_set.right.size == 0
    if n_left == 1:
        assert chosen.size == 0
        assert np.isnan(found.node_expansion_upper)
        return
    assert 0 < chosen.size <= n_left // 2
    assert len(set(chosen.tolist())) == chosen.size
    assert matrix[chosen].any(axis=1).all()
    ratio = matrix[chosen].any(axis=0).sum() / chosen.size
    assert found.node_expansion_set.value == found.node_expansion_upper == ratio


# --- small graphs: exact values ------------------------------------------------------------


@settings(max_examples=60)
@given(seed=seeds)
def test_small_graphs_get_their_exact_values(seed):
    matrix = random_matrix(seed)
    found = expansion(graph_of(matrix))
    assert found.exact
    assert found.certain
    for (lower, upper), truth in zip(pairs(found), true_values(matrix), strict=True):
        np.testing.assert_equal((lower, upper), (truth, truth))
    assert_shown(matrix, found)


def test_exact_up_to_twenty_nodes():
    assert expansion(graph_of(named.circulant(10, (0, 1, 3)))).exact
    assert not expansion(graph_of(named.circulant(11, (0, 1, 3)))).exact


# --- the bounds themselves -----------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_bounds_enclose_the_true_values(monkeypatch, route):
    take_route(monkeypatch, route)

    @settings(max_examples=80)
    @given(seed=seeds)
    def check(seed):
        matrix = random_matrix(seed, least=2)
        if min(naive.connected_part(matrix).shape) < 2 and route == "lanczos":
            return
        found = bounds_of(matrix, seed)
        assert not found.exact
        for (lower, upper), truth in zip(pairs(found), true_values(matrix), strict=True):
            if np.isnan(truth):
                assert np.isnan(lower)
                assert np.isnan(upper)
                continue
            assert lower <= truth <= upper
        assert_shown(matrix, found)

    check()


def quotient(matrix, scores, weighted):
    """Rayleigh quotient of scores under ``D - A``, by degrees or plain."""
    links = naive.adjacency(naive.connected_part(matrix))
    degrees = links.sum(axis=0)
    measure = degrees if weighted else np.ones(len(links))
    assert abs(scores @ measure) <= 1e-6 * np.sqrt((scores**2 @ measure) * measure.sum())
    return scores @ (degrees * scores - links @ scores) / (scores**2 @ measure)


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=30)
@given(seed=seeds)
def test_eigenvalues_and_their_safe_sides(route, seed):
    matrix = random_matrix(seed, least=4, most=40)
    sides = connected_sides(graph_of(matrix))
    if sides.components.any() or min(sides.n_left, sides.n_right) < 2:
        return
    with pytest.MonkeyPatch.context() as patch:
        take_route(patch, route)
        gram = expansion_spectra.short_gram(sides)
        inverse = expansion_band.band_inverse(sides)
        assert (inverse is not None) == (route == "band")
        normalised = expansion_spectra.normalised_mode(sides, gram, inverse, seed)
        laplacian = expansion_spectra.laplacian_mode(sides, gram, inverse, seed)
    t2, a2 = naive.t2_of(matrix), naive.a2_of(matrix)
    # A value from squares resolves t2 to the square root of the rounding error; where bounds
    # are close enough, Lanczos stops at 1e-3, and its value is off by much less.
    assert normalised.value**2 == pytest.approx(t2**2, abs=1e-5)
    assert laplacian.value == pytest.approx(a2, rel=1e-5)
    assert t2 <= normalised.bound
    assert normalised.bound**2 - t2**2 <= 1e-3 * t2**2 + 1e-10
    assert laplacian.bound <= a2 * (1 + 1e-14)
    assert a2 - laplacian.bound <= 2e-3 * a2 + 1e-9
    # The vectors have the Rayleigh quotients 1 - t2 and a2, and show Cheeger's cut.
    assert quotient(matrix, normalised.scores, weighted=True) == pytest.approx(1 - t2, abs=1e-5)
    assert quotient(matrix, laplacian.scores, weighted=False) == pytest.approx(a2, rel=1e-5)
    cut, _ = sweep_cuts(sides, [normalised.scores])
    assert cut.value <= np.sqrt(2 * (1 - t2)) + 1e-9
    assert normalised.certain == (gram is not None)
    assert laplacian.certain == (route == "dense")


@settings(max_examples=40)
@given(seed=seeds)
def test_cheeger_inequalities(seed):
    matrix = random_matrix(seed, least=3, most=60)
    found = bounds_of(matrix)
    if not found.connected:
        return
    degrees = naive.adjacency(naive.connected_part(matrix)).sum(axis=0)
    t2, a2 = naive.t2_of(matrix), naive.a2_of(matrix)
    assert (1 - t2) / 2 - 1e-6 <= found.conductance_lower
    assert found.conductance_upper <= np.sqrt(2 * (1 - t2)) + 1e-9
    assert a2 / 2 - 1e-6 <= found.edge_expansion_lower
    if degrees.size > 3:
        limit = np.sqrt(a2 * (2 * degrees.max() - a2))
        assert found.edge_expansion_upper <= limit + 1e-9
    assert found.edge_expansion_lower >= degrees.min() * found.conductance_lower


# --- node expansion ------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=seeds)
def test_node_expansion_bound_is_at_least_the_definitions(seed):
    matrix = random_matrix(seed, least=2, most=14)
    sides = connected_sides(graph_of(matrix))
    if sides.n_left < 2:
        return
    found = node_expansion_bound(sides, naive.t2_of(matrix))
    truth = naive.node_ratio(matrix)
    assert naive.general_bound(matrix) * (1 - 1e-8) <= found <= truth


BIREGULAR = {
    "heawood": named.heawood(),
    "projective plane of order 5": named.projective_plane(5),
    "circulant": named.circulant(24, (0, 1, 4, 11)),
    "every column twice": np.repeat(named.projective_plane(3), 2, axis=1),
    "every row thrice": np.repeat(named.heawood(), 3, axis=0),
}


@pytest.mark.parametrize("name", BIREGULAR)
def test_on_biregular_graphs_it_is_tanners_bound(name):
    matrix = BIREGULAR[name]
    assert naive.general_bound(matrix) == pytest.approx(naive.tanner_bound(matrix), rel=1e-10)
    found = bounds_of(matrix)
    assert naive.tanner_bound(matrix) - 1e-9 <= found.node_expansion_lower
    assert found.node_expansion_lower <= found.node_expansion_upper
    assert_shown(matrix, found)


def test_node_expansion_finds_a_planted_set():
    # 20 of 80 left nodes share 6 right nodes, the others have 8 of 60 each.
    rng = np.random.default_rng(5)
    matrix = np.zeros((80, 66), int)
    for row in range(80):
        columns = rng.choice(6, 4, replace=False) if row < 20 else rng.choice(60, 8) + 6
        matrix[row, columns] = 1
    matrix[0, 6] = 1
    shuffle = rng.permutation(80)
    found = bounds_of(matrix[shuffle])
    assert found.node_expansion_upper <= 7 / 20
    assert_shown(matrix[shuffle], found)


# --- closed forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_left", "n_right"), [(2, 3), (5, 9), (9, 5), (40, 90), (700, 30), (1100, 1050)]
)
def test_complete_graphs(n_left, n_right):
    found = expansion(graph_of(named.complete(n_left, n_right)))
    assert found.t2 == pytest.approx(0, abs=1e-6)
    assert found.a2 == pytest.approx(min(n_left, n_right), rel=1e-9)
    assert found.node_expansion_lower == found.node_expansion_upper == n_right / (n_left // 2)
    assert found.conductance_lower >= 0.5 - 1e-4
    assert found.expansion_ratio == n_right / n_left


@pytest.mark.parametrize("n", [3, 10, 11, 50, 700])
def test_cycles(n):
    found = expansion(graph_of(named.circulant(n, (0, 1))))
    half = n // 2
    assert found.conductance_upper == 2 / (2 * n)
    assert found.edge_expansion_upper == 2 / n
    assert found.node_expansion_upper == (half + 1) / half
    assert found.t2 == pytest.approx(np.cos(np.pi / n), rel=1e-7)
    assert found.a2 == pytest.approx(2 - 2 * np.cos(np.pi / n), rel=1e-3)
    assert found.conductance_lower <= found.conductance_upper


@pytest.mark.parametrize("n", [1500, 20_000])
def test_long_cycles(n):
    chosen = np.arange(n)
    indices = np.sort(np.column_stack([chosen, (chosen + 1) % n]), axis=1).ravel()
    graph = BipartiteGraph(
        *("cycle", "rolled", n, n, 2 * np.arange(n + 1), indices.astype(np.uint16)),
        weights=None,
        multiplicity=None,
    )
    found = expansion(graph)
    assert found.t2 == pytest.approx(np.cos(np.pi / n), rel=1e-9)
    assert found.a2 == pytest.approx(2 - 2 * np.cos(np.pi / n), rel=1e-5)
    assert found.conductance_lower <= 1 / n == found.conductance_upper
    assert found.edge_expansion_lower <= 2 / n == found.edge_expansion_upper
    assert found.node_expansion_lower <= (n // 2 + 1) / (n // 2) == found.node_expansion_upper


def test_a_cycle_on_which_lanczos_gives_up_is_still_enclosed(monkeypatch):
    n = 1500
    monkeypatch.setattr(expansion_band, "BAND_ENTRIES", 0)
    found = expansion(graph_of(named.circulant(n, (0, 1))))
    assert found.conductance_lower <= 1 / n <= found.conductance_upper <= 3 / n
    assert found.edge_expansion_lower <= 2 / n <= found.edge_expansion_upper <= 6 / n
    assert found.node_expansion_lower <= 751 / 750 == found.node_expansion_upper


def test_perfect_matchings_fall_apart():
    for n in (2, 10, 300):
        found = expansion(graph_of(np.eye(n, dtype=int)))
        assert (found.t2, found.a2, found.connected) == (1, 0, False)
        assert pairs(found) == [(0, 0), (0, 0), (1, 1)]
        assert found.expansion_ratio == 1
        assert_shown(np.eye(n, dtype=int), found)


def test_a_component_shows_that_a_graph_falls_apart():
    matrix = named.disjoint(named.complete(9, 2), named.circulant(6, (0, 1, 2)), np.ones((2, 5)))
    found = bounds_of(matrix)
    assert found.conductance_cut.right.tolist() == [8, 9, 10, 11, 12]
    assert found.edge_expansion_cut.left.tolist() == [15, 16]
    assert found.node_expansion_upper == 2 / 8
    assert found.node_expansion_set.left.tolist() in [list(range(8)), list(range(1, 9))]
    assert_shown(matrix, found)


@pytest.mark.parametrize("n", [2, 7, 19, 20, 500])
def test_stars(n):
    centre_left = expansion(graph_of(named.complete(1, n)))
    centre_right = expansion(graph_of(named.complete(n, 1)))
    for found in (centre_left, centre_right):
        assert found.conductance_upper == found.edge_expansion_upper == 1
        assert found.t2 == pytest.approx(0, abs=1e-7)
        assert found.a2 == pytest.approx(1, rel=1e-9)
    assert np.isnan(centre_left.node_expansion_lower)
    assert np.isnan(centre_left.node_expansion_upper)
    assert centre_right.node_expansion_lower == centre_right.node_expansion_upper == 1 / (n // 2)


def test_heawood():
    found = expansion(graph_of(named.heawood()))
    assert found.t2 == pytest.approx(np.sqrt(2) / 3, rel=1e-10)
    assert found.a2 == pytest.approx(3 - np.sqrt(2), rel=1e-10)
    # Two points lie on five lines, three on six, if not all on one line, and then on seven.
    assert found.node_expansion_upper == 2
    bounds = bounds_of(named.heawood())
    assert bounds.conductance_lower == pytest.approx((1 - np.sqrt(2) / 3) / 2, rel=1e-9)
    assert bounds.edge_expansion_lower == pytest.approx((3 - np.sqrt(2)) / 2, rel=1e-9)


def test_one_edge():
    found = expansion(graph_of([[1]]))
    assert (found.t2, found.connected) == (0, True)
    assert pairs(found)[:2] == [(1, 1), (1, 1)]
    assert np.isnan(pairs(found)[2]).all()
    bounds = bounds_of([[1]])
    assert bounds.conductance_lower <= 1 == bounds.conductance_upper


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (1, 1)])
def test_no_edges(shape):
    found = expansion(graph_of(np.zeros(shape, int)))
    assert np.isnan(pairs(found)).all()
    assert np.isnan([found.expansion_ratio, found.t2, found.a2]).all()
    assert found.conductance_cut.left.size == found.node_expansion_set.left.size == 0


def test_two_dense_halves_on_one_edge():
    matrix = named.disjoint(named.complete(30, 20), named.complete(25, 30))
    matrix[0, 45] = 1
    found = expansion(graph_of(matrix))
    assert found.conductance_upper == 1 / 1201
    assert found.edge_expansion_upper == 1 / 50
    assert found.conductance_cut.left.tolist() == list(range(30))
    assert_shown(matrix, found)


@pytest.mark.parametrize("n", [1030, 1600])
def test_circulants_too_large_for_dense_matrices(n):
    offsets = (0, 1, 5, 30, 211)
    found = expansion(graph_of(named.circulant(n, offsets)))
    angles = 2j * np.pi * np.outer(np.arange(1, n), offsets) / n
    second = abs(np.exp(angles).sum(axis=1)).max()
    assert not found.certain
    assert found.t2 == pytest.approx(second / 5, rel=1e-5)
    assert found.a2 == pytest.approx(5 - second, rel=1e-4)
    assert found.conductance_lower <= (1 - second / 5) / 2
    assert found.conductance_lower == pytest.approx((1 - second / 5) / 2, rel=2e-3)
    assert found.edge_expansion_lower <= (5 - second) / 2
    assert found.edge_expansion_lower == pytest.approx((5 - second) / 2, rel=2e-3)
    assert found.conductance_upper <= np.sqrt(2 * (1 - second / 5))


# --- invariances ---------------------------------------------------------------------------


def random_larger(seed, shape=(40, 25), density=0.2):
    return (np.random.default_rng(seed).random(shape) < density).astype(int)


def assert_same_bounds(one, other):
    for name in ("conductance_lower", "edge_expansion_lower", "t2", "a2"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name


@pytest.mark.parametrize("seed", range(3))
def test_names_of_nodes_do_not_matter(seed):
    matrix = random_larger(seed)
    rng = np.random.default_rng(seed)
    shuffled = matrix[rng.permutation(40)][:, rng.permutation(25)]
    one, other = bounds_of(matrix), bounds_of(shuffled)
    assert_same_bounds(one, other)
    assert one.node_expansion_lower == pytest.approx(other.node_expansion_lower, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_cuts_do_not_ask_which_side_is_left(seed):
    matrix = random_larger(seed)
    one, other = bounds_of(matrix), bounds_of(matrix.T)
    assert_same_bounds(one, other)
    assert one.conductance_upper == other.conductance_upper
    assert one.expansion_ratio == pytest.approx(1 / other.expansion_ratio, rel=1e-10)


@pytest.mark.parametrize("density", [0.05, 0.2])
def test_isolated_nodes_are_left_out(density):
    matrix = random_larger(1, density=density)
    inner = naive.connected_part(matrix)
    rows = np.sort(np.random.default_rng(2).choice(60, len(inner), replace=False))
    columns = np.arange(inner.shape[1]) * 2 + 1
    wide = np.zeros((60, 60), int)
    wide[np.ix_(rows, columns)] = inner
    one, other = expansion(graph_of(inner)), expansion(graph_of(wide))
    assert pairs(one) == pairs(other)
    assert rows[one.conductance_cut.left].tolist() == other.conductance_cut.left.tolist()
    assert columns[one.conductance_cut.right].tolist() == other.conductance_cut.right.tolist()
    assert rows[one.node_expansion_set.left].tolist() == other.node_expansion_set.left.tolist()
    assert_shown(wide, other)


def test_equal_seeds_give_equal_results():
    graph = graph_of(random_larger(3, shape=(1100, 1040), density=0.01))
    one, other = expansion(graph, rng=4), expansion(graph, rng=4)
    assert pairs(one) == pairs(other)
    assert one.node_expansion_set.left.tolist() == other.node_expansion_set.left.tolist()


# --- the family ----------------------------------------------------------------------------


def test_family_gives_a_row_for_every_layer():
    matrices = [random_larger(6), np.eye(30, dtype=int), np.zeros((4, 4), int), [[1]]]
    names = [f"layer{i}" for i in range(4)]
    layers = [named.layer_of(m, name=n) for m, n in zip(matrices, names, strict=True)]
    found = EXPANSION.compute(Subject(MaskSet(layers)))
    assert set(found.layers) == set(EXPANSION.layer_metrics)
    for name, column in found.layers.items():
        expected = [getattr(expansion(graph_of(matrix)), name) for matrix in matrices]
        np.testing.assert_array_equal(column, expected)
    assert found.sentences == (
        "Conductance and edge expansion are 0 where a layer's graph is disconnected: layer1.",
    )
    shared = EXPANSION.compute(Subject(MaskSet(layers), threads=2))
    for name, column in found.layers.items():
        np.testing.assert_array_equal(column, shared.layers[name])


def test_family_says_where_bounds_rest_on_a_random_start():
    layer = named.layer_of(random_larger(3, shape=(600, 500), density=0.05), name="fc")
    found = EXPANSION.compute(Subject(MaskSet([layer])))
    assert found.sentences == (
        "Lower bounds of expansion that rest on a Lanczos run fail for one random start in "
        "10^12: fc.",
    )
