import numpy as np
import pytest

from masktopo.errors import ArgumentError
from masktopo.graphs.bipartite import bipartite
from masktopo.metrics import library
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.spectra import layer_spectra
from tests import bigraphs as named
from tests.naive import spectral as naive


def random_graph(seed, shape=(60, 45), density=0.15):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < density
    weights = rng.standard_normal(shape).astype(np.float32)
    return bipartite(named.layer_of(mask, weights)), mask, np.abs(weights * mask)


@pytest.fixture(params=["dense", "counted"])
def route(request, monkeypatch):
    """Take either way of proving, whatever the size."""
    if request.param == "counted":
        monkeypatch.setattr(library, "DENSE_SIDE", 0)
    return request.param


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("seed", range(10))
def test_certified_values_are_those_of_lapack(seed):
    graph, mask, weights = random_graph(seed)
    found = layer_spectra([graph], CONVENTIONS["mge24"], certify=True)[0]
    np.testing.assert_allclose(found.unweighted[0, :2], naive.top_two(mask), atol=1e-7 * 10)
    np.testing.assert_allclose(found.weighted[0, :2], naive.top_two(weights), atol=1e-7 * 10)


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize(
    ("matrix", "first", "second"),
    [
        (named.heawood(), 3, np.sqrt(2)),
        (named.complete(40, 50), np.sqrt(2000), 0),
        (named.disjoint(named.complete(7, 7), named.complete(7, 7)), 7, 7),
        (np.eye(9, dtype=int), 1, 1),
        (named.complete(1, 1), 1, 0),
    ],
)
def test_certified_closed_forms(matrix, first, second):
    graph = bipartite(named.layer_of(matrix))
    found = layer_spectra([graph], CONVENTIONS["pags23"], certify=True)[0]
    np.testing.assert_allclose(found.unweighted[0, :2], [first, second], atol=2e-7 * first)


def test_a_missed_value_is_found(monkeypatch):
    """The third value passed off as the second, as a Krylov space may do, is set right."""
    monkeypatch.setattr(library, "DENSE_SIDE", 0)
    graph, mask, _ = random_graph(3)
    values = np.linalg.svd(mask.astype(float), compute_uv=False)
    rows = np.arange(graph.n_left)
    proved = library.prove(graph, rows, (values[0], values[2], 1e-9), weighted=False)
    np.testing.assert_allclose(proved[:2], values[:2], rtol=1e-9)


def test_a_value_that_stays_wrong_is_an_error(monkeypatch):
    monkeypatch.setattr(library, "DENSE_SIDE", 0)
    wrong = (5.0, 1.0, 0.0)
    monkeypatch.setattr(library, "solve_by_library", lambda *_, **__: wrong)
    graph, _, _ = random_graph(3)
    with pytest.raises(ArgumentError, match="'layer': the second singular value is not certain"):
        library.prove(graph, np.arange(graph.n_left), wrong, weighted=False)


def test_too_large_a_layer_cannot_be_certified(monkeypatch):
    monkeypatch.setattr(library, "DENSE_SIDE", 0)
    monkeypatch.setattr(library, "COUNTED_SIDE", 10)
    graph, _, _ = random_graph(3)
    with pytest.raises(ArgumentError, match="'layer': certify=True needs a dense matrix of side"):
        layer_spectra([graph], CONVENTIONS["pags23"], certify=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_arpack_route_agrees_with_lapack(monkeypatch, weighted):
    graph, mask, weights = random_graph(5)
    monkeypatch.setattr(library, "DENSE_SIDE", 0)
    rows = np.arange(graph.n_left)
    found = library.solve_by_library(graph, rows, weighted=weighted)
    np.testing.assert_allclose(found[:2], naive.top_two(weights if weighted else mask), rtol=1e-9)
    assert found[2] < 1e-9
