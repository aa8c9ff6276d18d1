import numpy as np
import pytest

from masktopo.bench.fit import fit_large, fit_power_law


@pytest.mark.parametrize("exponent", [0.5, 1.0, 3.0])
def test_an_exact_power_law_is_found(exponent):
    edges = np.array([10, 100, 1000, 5000])
    law = fit_power_law(edges, 2e-9 * edges.astype(float) ** exponent)
    assert law.exponent == pytest.approx(exponent, rel=1e-10)
    assert law.factor == pytest.approx(2e-9, rel=1e-9)
    assert law.error == pytest.approx(0, abs=1e-7)
    assert law(100) == pytest.approx(2e-9 * 100**exponent, rel=1e-9)


def test_the_error_covers_noise():
    rng = np.random.default_rng(0)
    edges = np.geomspace(100, 1e6, 30)
    hits = []
    for _ in range(50):
        law = fit_power_law(edges, edges**1.2 * rng.lognormal(sigma=0.3, size=30))
        hits.append(abs(law.exponent - 1.2) < 2 * law.error)
    assert 0.85 <= np.mean(hits) < 1


def test_the_error_is_that_of_ordinary_least_squares():
    from scipy.stats import linregress

    rng = np.random.default_rng(1)
    edges = np.geomspace(100, 1e6, 12)
    seconds = edges * rng.lognormal(sigma=0.3, size=12)
    expected = linregress(np.log(edges), np.log(seconds))
    law = fit_power_law(edges, seconds)
    assert law.exponent == pytest.approx(expected.slope, rel=1e-10)
    assert law.error == pytest.approx(expected.stderr, rel=1e-10)


@pytest.mark.parametrize("edges", [[1, 1000], [5, 5, 5, 5], [100, 200, 399], [7, 7, 900]])
def test_too_few_or_too_close_sizes_give_none(edges):
    assert fit_power_law(edges, [1.0] * len(edges)) is None


def test_calls_on_few_edges_do_not_count():
    small = [(10.0, 1.0), (9999.0, 1.0)]
    large = [(edges, 1e-8 * edges) for edges in (10_000.0, 30_000.0, 90_000.0)]
    assert fit_large([*small, *large]).exponent == pytest.approx(1, rel=1e-10)
    assert fit_large([*small, *large[:2]]) is None
    assert fit_large(small) is None
