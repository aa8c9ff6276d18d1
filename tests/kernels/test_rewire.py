from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from masktopo.kernels import rewire
from tests.naive.rewiring import graphs_of_same_degrees, legal_swaps

# Random numbers wrap around by design; without the compiler, NumPy warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar")

DRAWS = 400 if numba.config.DISABLE_JIT else 4000


def ends_of(matrix, dtype=np.uint16):
    places = np.flatnonzero(matrix)
    rows, columns = divmod(places, matrix.shape[1])
    return rows.astype(dtype), columns.astype(dtype)


def swapped(matrix, wanted, state, groups=1, tries=None, dtype=np.uint16):
    """The graph after that many swaps a group, and the swaps that each group made."""
    rows, columns = ends_of(matrix, dtype)
    bounds = np.searchsorted(rows, np.arange(groups + 1) * (matrix.shape[0] // groups))
    bits = np.packbits(matrix, bitorder="little")
    wanted = np.full(groups, wanted)
    tries = 100 * wanted if tries is None else np.full(groups, tries)
    accepted = np.empty(groups, dtype=np.int64)
    rewire.swap_edges(
        *(rows, columns, bounds, matrix.shape[1], bits, wanted, tries),
        *(np.uint64(state), accepted),
    )
    found = np.unpackbits(bits, count=matrix.size, bitorder="little").astype(bool)
    listed = np.zeros_like(matrix)
    listed[rows, columns] = True
    assert np.array_equal(listed, found.reshape(matrix.shape))
    return listed, accepted


def chosen(counts, size, state):
    bits = np.zeros(-(-len(counts) * size // 8), dtype=np.uint8)
    rewire.choose_edges(np.array(counts), size, bits, np.uint64(state))
    found = np.unpackbits(bits, count=len(counts) * size, bitorder="little")
    assert np.unpackbits(bits).sum() == found.sum()
    return found.astype(bool).reshape(len(counts), size)


def assert_uniform(counts, n_states):
    """Chi-square at 1e-4; every state was seen."""
    assert len(counts) == n_states
    counts = np.array(list(counts.values()))
    expected = counts.sum() / n_states
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-4, n_states - 1)


def tally(matrices):
    counts = {}
    for matrix in matrices:
        key = matrix.tobytes()
        counts[key] = counts.get(key, 0) + 1
    return counts


def legal(matrix, groups=1):
    rows, columns = ends_of(matrix)
    bounds = np.searchsorted(rows, np.arange(groups + 1) * (matrix.shape[0] // groups))
    found = np.ones(groups, dtype=bool)
    rewire.has_legal_swap(rows, columns, bounds, *matrix.shape, found)
    return found


def test_list_edges():
    matrix = np.random.default_rng(0).random(1003) < 0.3
    places = np.empty(matrix.sum(), dtype=np.int64)
    rewire.list_edges(np.packbits(matrix, bitorder="little"), places)
    assert np.array_equal(places, np.flatnonzero(matrix))


@pytest.mark.parametrize("shape", [(1, 5), (2, 2), (3, 3), (2, 5), (4, 3)])
def test_a_legal_swap_exists_exactly_where_brute_force_finds_one(shape):
    for bits in product([False, True], repeat=shape[0] * shape[1]):
        matrix = np.array(bits).reshape(shape)
        assert legal(matrix)[0] == bool(legal_swaps(matrix))


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_a_legal_swap_is_decided_for_each_group(seed):
    rng = np.random.default_rng(seed)
    groups, rows, columns = rng.integers(1, 5), rng.integers(1, 5), rng.integers(1, 6)
    matrix = rng.random((groups * rows, columns)) < rng.random()
    parts = matrix.reshape(groups, rows, columns)
    assert legal(matrix, groups).tolist() == [bool(legal_swaps(part)) for part in parts]


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_swaps_keep_degrees_and_groups(seed):
    rng = np.random.default_rng(seed)
    groups, rows, columns = rng.integers(1, 4), rng.integers(2, 12), rng.integers(2, 40)
    matrix = rng.random((groups * rows, columns)) < rng.random()
    dtype = rng.choice([np.uint16, np.uint32])
    moved, accepted = swapped(matrix, 30, seed, groups, dtype=dtype)
    assert np.array_equal(moved.sum(axis=1), matrix.sum(axis=1))
    before, after = (m.reshape(groups, rows, columns).sum(axis=1) for m in (matrix, moved))
    assert np.array_equal(before, after)
    for part, swaps in zip(matrix.reshape(groups, rows, columns), accepted, strict=True):
        assert swaps == 0 or legal_swaps(part)


def test_swaps_are_counted():
    matrix = np.random.default_rng(1).random((40, 300)) < 0.05
    _, accepted = swapped(matrix, 10 * matrix.sum(), 0)
    # At this density nearly every attempt is accepted, the last 1000 too.
    assert 10 * matrix.sum() + 800 < accepted[0] <= 10 * matrix.sum() + 1000


def test_no_swap_wanted_changes_nothing():
    matrix = np.random.default_rng(1).random((20, 30)) < 0.3
    moved, accepted = swapped(matrix, 0, 0)
    assert np.array_equal(moved, matrix)
    assert accepted == [0]


def test_attempts_are_capped():
    """A star and one edge beside it: two pairs of 1001 ** 2 are legal."""
    matrix = np.zeros((2, 1001), dtype=bool)
    matrix[0, :1000] = matrix[1, 1000] = True
    _, accepted = swapped(matrix, 10**9, 0, tries=20_000)
    assert 1 <= accepted[0] < 200


@pytest.mark.parametrize(
    "rows",
    [
        # The numbers of legal swaps of these graphs differ, as 5 and 8, and a walk that stops just
        # after a swap favours the larger: only the further attempts make the draws uniform.
        ["000010", "000001", "110101"],
        ["100", "100", "010", "101"],
        ["11101", "00010", "00010", "00011"],
    ],
)
def test_draws_are_uniform_over_all_graphs_of_the_degrees(rows):
    matrix = np.array([[letter == "1" for letter in row] for row in rows])
    states = graphs_of_same_degrees(matrix)
    wanted = 10 * int(matrix.sum())
    draws = [swapped(matrix, wanted, 977 * index)[0] for index in range(DRAWS)]
    counts = tally(draws)
    assert set(counts) <= set(states)
    assert_uniform(counts, len(states))


@pytest.mark.parametrize("n_edges", [1, 2, 3, 4, 5])
def test_chosen_edges_are_uniform_over_all_subsets(n_edges):
    draws = [chosen([n_edges], 6, 31 * index) for index in range(3000)]
    assert all(draw.sum() == n_edges for draw in draws)
    states = {1: 6, 2: 15, 3: 20, 4: 15, 5: 6}[n_edges]
    assert_uniform(tally(draws), states)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_chosen_edges_have_exact_counts(seed):
    rng = np.random.default_rng(seed)
    groups, size = rng.integers(1, 6), int(rng.integers(1, 70))
    counts = rng.integers(0, size + 1, groups)
    assert chosen(counts, size, seed).sum(axis=1).tolist() == counts.tolist()
    assert np.array_equal(chosen(counts, size, seed), chosen(counts, size, seed))
