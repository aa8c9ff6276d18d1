import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import LayerMask
from masktopo.graphs.bipartite import bipartite
from masktopo.kernels.few_rows import are_few_rows, solve_few_rows
from masktopo.metrics.workspace import Buffers, edge_values
from tests.naive import spectral as naive

SIDES = (260, 1100)
"""Left and right nodes: two whole blocks of columns and a part of a third."""


def solved(matrix, rows):
    """Solve some rows of a left-by-right matrix of signed weights; zeros are no edges."""
    mask = matrix != 0
    graph = bipartite(LayerMask("fc", mask.T.copy(), matrix.T.astype(np.float32)))
    work = Buffers().workspace(graph)
    edges = int(mask[rows].sum())
    assert are_few_rows(len(rows), edges, work)
    weights = edge_values(graph)
    return [
        solve_few_rows(graph.indptr, graph.indices, values, np.array(rows), edges, work)
        for values in (weights[:0], weights)
    ]


def random_matrix(rng):
    """A matrix of any kind: of any density above the least, with rank-one or huge weights."""
    mask = rng.random(SIDES) < rng.choice([0.25, 0.5, 0.9])
    weights = rng.standard_normal(SIDES)
    if rng.random() < 0.3:
        weights = np.outer(*(rng.random(n) + 0.1 for n in SIDES)) + 1e-3 * weights
    mask[:, rng.random(SIDES[1]) < rng.choice([0.0, 0.1])] = False
    return np.where(mask, weights * 10.0 ** rng.integers(-12, 12), 0.0).astype(np.float32)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_dense_numpy(seed):
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng)
    rows = np.sort(rng.choice(SIDES[0], rng.integers(21, 65), replace=False))
    for kind, (pair, touched) in enumerate(solved(matrix, rows)):
        part = np.abs(matrix[rows].astype(np.float64)) if kind else matrix[rows] != 0
        first, second = naive.top_two(part)
        assert touched == np.count_nonzero(matrix[rows].any(axis=0))
        assert pair.converged
        # The square of the second value is known to rounding of the square of the first.
        np.testing.assert_allclose(pair.first, first, rtol=1e-12)
        np.testing.assert_allclose(pair.second**2, second**2, rtol=0, atol=1e-13 * first**2)
        assert pair.residual <= 1e-7


def blocks():
    """Two sets of rows that share no column."""
    matrix = np.random.default_rng(0).random(SIDES)
    matrix[:16, 500:] = matrix[16:, :500] = 0
    return matrix


def test_rows_apart_and_rank_one_are_left_to_others():
    apart, weak = blocks(), blocks()
    weak[weak == 0] = 1e-20
    rank_one = np.outer(*(np.linspace(1, 2, n) for n in SIDES))
    rows = range(32)
    assert [pair.converged for pair, _ in solved(apart, rows)] == [False, False]
    assert [pair.converged for pair, _ in solved(weak, rows)] == [False, False]
    assert [pair.converged for pair, _ in solved(rank_one, rows)] == [False, False]


@pytest.mark.parametrize("n_rows", [0, 1, 65])
def test_only_few_rows_count_as_few(n_rows):
    work = Buffers().workspace(bipartite(LayerMask("fc", np.ones(SIDES[::-1], np.bool_))))
    assert are_few_rows(20, 20 * SIDES[1], work)
    assert not are_few_rows(n_rows, n_rows * SIDES[1], work)
    assert not are_few_rows(20, 20 * SIDES[1] // 6, work)
