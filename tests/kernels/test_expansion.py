import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.kernels import expansion as kernels
from tests import bigraphs as named
from tests.naive import expansion as naive

jit = pytest.mark.parametrize("compiled", [True, False], ids=["jit", "python"])
seeds = st.integers(0, 2**32)


def pick(kernel, compiled):
    """Choose the compiled kernel or the Python function behind it (alike where JIT is off)."""
    return kernel if compiled else getattr(kernel, "py_func", kernel)


def random_matrix(seed, largest=8):
    """A 0/1 matrix whose rows and columns all have a one."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, largest + 1, 2)
    matrix = (rng.random(shape) < rng.uniform(0.1, 0.9)).astype(int)
    for row in np.flatnonzero(~matrix.any(axis=1)):
        matrix[row, rng.integers(shape[1])] = 1
    for column in np.flatnonzero(~matrix.any(axis=0)):
        matrix[rng.integers(shape[0]), column] = 1
    return matrix, rng


def rows_of(matrix):
    indptr = np.concatenate([[0], np.cumsum(matrix.sum(axis=1))]).astype(np.int64)
    return indptr, np.nonzero(matrix)[1].astype(np.uint16)


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_gather_multiplies(compiled, seed):
    matrix, rng = random_matrix(seed, largest=20)
    x = rng.standard_normal(matrix.shape[1])
    out = np.full(matrix.shape[0], np.nan)
    pick(kernels.gather, compiled)(*rows_of(matrix), x, out)
    np.testing.assert_allclose(out, matrix @ x, rtol=1e-10, atol=1e-13)


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_turn_transposes(compiled, seed):
    matrix, _ = random_matrix(seed)
    indptr, indices = rows_of(matrix.T)
    found = np.empty_like(indices)
    pick(kernels.turn, compiled)(*rows_of(matrix), np.empty_like(indptr), indptr, found)
    assert found.tolist() == indices.tolist()


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_roots_are_the_components(compiled, seed):
    matrix, _ = random_matrix(seed)
    matrix = named.disjoint(matrix, np.eye(2, dtype=int), matrix)
    parent = np.empty(matrix.shape[1], np.int64)
    pick(kernels.find_roots, compiled)(*rows_of(matrix), parent)
    reach = np.eye(matrix.shape[1], dtype=int)
    for _ in range(matrix.shape[1]):
        reach = (reach @ matrix.T @ matrix > 0).astype(int)
    assert ((parent[:, None] == parent) == (reach > 0)).all()


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_cut_changes_sum_to_the_cut_of_every_prefix(compiled, seed):
    matrix, rng = random_matrix(seed)
    n_left, n = matrix.shape[0], sum(matrix.shape)
    order = rng.permutation(n)
    rank = np.argsort(order)
    change = np.zeros(n, np.int64)
    indptr, indices = rows_of(matrix)
    kernel = pick(kernels.cut_changes, compiled)
    kernel(indptr, indices, rank[:n_left], rank[n_left:], change)
    for size, cut in enumerate(np.cumsum(change)[:-1], start=1):
        prefix = order[:size]
        left, right = prefix[prefix < n_left], prefix[prefix >= n_left] - n_left
        assert cut == naive.cut_of(matrix, left, right)[0]


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_neighbours_of_every_prefix(compiled, seed):
    matrix, rng = random_matrix(seed)
    order = rng.permutation(len(matrix))
    counts = np.empty(len(matrix), np.int64)
    seen = np.zeros(matrix.shape[1], bool)
    pick(kernels.count_neighbours, compiled)(*rows_of(matrix), order, seen, counts)
    sizes = range(1, len(matrix) + 1)
    assert counts.tolist() == [matrix[order[:size]].any(axis=0).sum() for size in sizes]


@jit
@settings(max_examples=30)
@given(seed=seeds)
def test_last_ranks(compiled, seed):
    matrix, rng = random_matrix(seed)
    rank = rng.permutation(matrix.shape[1])
    last = np.empty(len(matrix), np.int64)
    pick(kernels.last_ranks, compiled)(*rows_of(matrix), rank, last)
    assert last.tolist() == [rank[row > 0].max() for row in matrix]


@jit
@settings(max_examples=40)
@given(seed=seeds)
def test_grown_sets_take_the_node_with_fewest_new_neighbours(compiled, seed):
    matrix, rng = random_matrix(seed, largest=12)
    order = np.full(len(matrix), -1)
    start = int(rng.integers(len(matrix)))
    pick(kernels.grow, compiled)(*rows_of(matrix), *rows_of(matrix.T), start, order)
    assert order[0] == start
    assert sorted(order) == list(range(len(matrix)))
    for place in range(1, len(matrix)):
        fresh = (matrix & ~matrix[order[:place]].any(axis=0)).sum(axis=1)
        assert fresh[order[place]] == fresh[order[place:]].min()


def bit_sets(matrix):
    return (np.asarray(matrix) @ (1 << np.arange(matrix.shape[1]))).astype(np.int64)


def members(word, n):
    return np.flatnonzero((word >> np.arange(n)) & 1)


@jit
@settings(max_examples=20)
@given(seed=seeds)
def test_enumerated_cuts_are_the_least(compiled, seed):
    matrix, _ = random_matrix(seed, largest=4)
    n_left, n = matrix.shape[0], sum(matrix.shape)
    words = pick(kernels.enumerate_cuts, compiled)(bit_sets(naive.adjacency(matrix)))
    for word, measure, least in zip(words, (1, 2), naive.cut_ratios(matrix), strict=True):
        nodes = members(word, n)
        found = naive.cut_of(matrix, nodes[nodes < n_left], nodes[nodes >= n_left] - n_left)
        assert found[0] / min(found[measure], found[measure + 2] - found[measure]) == least


@jit
@settings(max_examples=20)
@given(seed=seeds)
def test_enumerated_neighbourhoods_are_the_least(compiled, seed):
    matrix, _ = random_matrix(seed, largest=6)
    if len(matrix) == 1:
        return
    word = pick(kernels.enumerate_neighbourhoods, compiled)(bit_sets(matrix))
    nodes = members(word, len(matrix))
    assert matrix[nodes].any(axis=0).sum() / nodes.size == naive.node_ratio(matrix)


def test_enumeration_keeps_no_large_count_in_small_integers():
    matrix = named.complete(10, 10)
    volume_word, _ = kernels.enumerate_cuts(bit_sets(naive.adjacency(matrix)))
    nodes = members(volume_word, 20)
    left, right = (nodes < 10).sum(), (nodes >= 10).sum()
    cut, volume = left * (10 - right) + right * (10 - left), 10 * nodes.size
    assert cut / min(volume, 200 - volume) == 0.5
