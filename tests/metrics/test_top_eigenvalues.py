import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, eigsh

from masktopo.graphs.build import multipartite
from masktopo.graphs.simple import simple_graph
from masktopo.metrics.graph_spectrum import graph_spectrum, product_of_graph
from masktopo.metrics.top_eigenvalues import run_together, search, top_eigenvalues
from tests.naive.resnets import resnet

seeds = st.integers(0, 2**32)


def top(matrix, count):
    found = top_eigenvalues(lambda vector: matrix @ vector, len(matrix), count)
    assert found.residual <= 1e-6
    return found.values


def assert_matches_lapack(matrix, count=2):
    """Values are within the square of the residual over a gap, or within the residual."""
    expected = np.linalg.eigvalsh(matrix)[::-1][:count]
    norm = np.linalg.norm(matrix, 2)
    assert top(matrix, count) == pytest.approx(expected, abs=1e-6 * norm)


@settings(max_examples=60)
@given(seeds, st.integers(1, 3))
def test_random_graphs_match_lapack(seed, count):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 200))
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < rng.choice([0.01, 0.1, 0.5])), 1)
    assert_matches_lapack(upper + upper.T, count)


@settings(max_examples=40)
@given(seeds)
def test_any_spectrum_is_found_with_multiplicity(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(65, 150))
    basis, _ = np.linalg.qr(rng.standard_normal((n, n)))
    values = rng.choice([-3.0, -1.0, 0.0, 0.5, 2.0, 2.0 - 1e-3], n)
    matrix = basis @ np.diag(values) @ basis.T
    assert_matches_lapack((matrix + matrix.T) / 2)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_equal_components_have_no_gap(copies):
    rng = np.random.default_rng(copies)
    part = rng.random((70, 70)) * (rng.random((70, 70)) < 0.1)
    part = np.triu(part, 1) + np.triu(part, 1).T
    matrix = np.kron(np.eye(copies), part)
    first, second = top(matrix, 2)
    expected = np.linalg.eigvalsh(part)[-1]
    assert first == pytest.approx(expected, rel=1e-9)
    if copies > 1:
        assert second == pytest.approx(first, rel=1e-9)
    else:
        assert second < first - 0.1


@pytest.mark.parametrize("n", [65, 100, 500])
def test_graphs_of_few_eigenvalues(n):
    complete = np.ones((n, n)) - np.eye(n)
    assert top(complete, 2) == pytest.approx([n - 1, -1], rel=1e-9)
    star = np.zeros((n, n))
    star[0, 1:] = star[1:, 0] = 1
    assert top(star, 2) == pytest.approx([math.sqrt(n - 1), 0], rel=1e-9, abs=1e-6)
    assert top(np.zeros((n, n)), 2).tolist() == [0, 0]


def test_the_start_is_the_same_in_every_call():
    matrix = np.diag(np.arange(100.0))
    assert top(matrix, 2).tolist() == top(matrix, 2).tolist()


def test_a_network_matches_scipy():
    masks, wiring = resnet(0.1, size=16, widths=(8, 16), blocks=2, seed=5)
    graph = simple_graph(multipartite(masks, wiring=wiring, encoding="unrolled"), weighted=True)
    product, n = product_of_graph(graph), graph.n_nodes
    found = graph_spectrum(product, n)
    (strengths,) = product(np.ones(n))
    adjacency = LinearOperator((n, n), matvec=lambda x: product(x)[0], dtype=float)
    laplacian = LinearOperator((n, n), matvec=lambda x: strengths * x - product(x)[0], dtype=float)
    start = np.random.default_rng(0).standard_normal(n)
    values = eigsh(adjacency, k=2, which="LA", v0=start, return_eigenvectors=False)
    radius = eigsh(laplacian, k=1, which="LA", v0=start, return_eigenvectors=False)[0]
    assert found.eigenvalue_residual <= 1e-6
    assert found.spectral_gap == pytest.approx(np.ptp(values), abs=1e-6 * values.max())
    assert found.laplacian_radius == pytest.approx(radius, rel=1e-6)


def test_a_pair_of_products_is_two_products_to_the_bit():
    masks, wiring = resnet(0.1, size=8, widths=(8, 16), blocks=1, seed=5)
    graph = simple_graph(multipartite(masks, wiring=wiring, encoding="unrolled"), weighted=True)
    product = product_of_graph(graph)
    vectors = np.random.default_rng(0).standard_normal((2, graph.n_nodes))
    for vector, found in zip(vectors, product(*vectors), strict=True):
        np.testing.assert_array_equal(found, product(vector)[0])


def test_searches_in_step_find_what_each_finds_alone():
    rng = np.random.default_rng(3)
    matrices = [np.diag(rng.random(n)) for n in (300, 70, 40)]
    searches = [search(len(matrix), 2) for matrix in matrices]
    asked_for = []

    def multiply(asked):
        asked_for.append([place for place, _ in asked])
        return [matrices[place] @ vector for place, vector in asked]

    for matrix, found in zip(matrices, run_together(searches, multiply), strict=True):
        np.testing.assert_array_equal(found.values, top(matrix, 2))
    assert asked_for[0] == [0, 1, 2]
    assert len(asked_for[-1]) == 1


def test_graphs_of_no_and_of_one_node():
    nothing = graph_spectrum(lambda *vectors: vectors, 0)
    assert math.isnan(nothing.spectral_gap)
    assert math.isnan(nothing.laplacian_radius)
    alone = graph_spectrum(lambda *vectors: [np.zeros(1) for _ in vectors], 1)
    assert math.isnan(alone.spectral_gap)
    assert alone.laplacian_radius == 0
