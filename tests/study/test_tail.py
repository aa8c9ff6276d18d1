import numpy as np
import pytest
from scipy import integrate, special, stats

from masktopo.study.association import METHODS
from masktopo.study.permutation import _as_far, _permuted, _tail, permute_rows
from masktopo.study.sample import coefficients, make_sample
from masktopo.study.tail import _sphere, _sphere_means, _uniform, tail_bound
from tests.study.arrangements import all_arrangements

DESIGNS = {
    "rows": (np.arange(6), np.zeros(6)),
    "pairs": (np.repeat(np.arange(5), 2), np.zeros(10)),
    "unlike": (np.array([0, 1, 2, 3, 4, 4, 5, 5, 6, 6]), np.zeros(10)),
    "two groups": (np.array([0, 0, 1, 1, 2, 2, 3, 4, 5]), np.repeat([0, 1], [6, 3])),
    "crossing": (np.tile(np.arange(6), 2), np.repeat([0, 1], 6)),
    "crossing pairs": (
        np.concatenate([np.repeat(np.arange(5), 2), np.arange(5)]),
        [0] * 10 + [1] * 5,
    ),
    "crossing, unlike": (np.array([0, 1, 2, 3, 4, 0, 1, 2, 5, 6, 7]), np.repeat([0, 1], [5, 6])),
}


def some_values(clusters, rng):
    """Values from independent to nearly equal, within clusters and between them."""
    x = rng.normal(size=clusters.max() + 1)[clusters]
    x = x + rng.choice([0.01, 0.3, 2]) * rng.normal(size=x.size)
    y = rng.choice([0, 1, -1]) * x + rng.choice([0.001, 0.1, 1]) * rng.normal(size=x.size)
    return (x, stats.rankdata(y) // 2) if rng.random() < 0.3 else (x, y)


@pytest.mark.parametrize("method", ["spearman", "pearson"])
@pytest.mark.parametrize("design", DESIGNS)
def test_no_bound_is_below_the_share_of_all_arrangements(method, design):
    clusters, parts = map(np.asarray, DESIGNS[design])
    rng = np.random.default_rng(0)
    for _ in range(12):
        sample = make_sample(*some_values(clusters, rng), parts.astype(int), clusters)
        found = coefficients(sample, METHODS[method], np.ones((1, clusters.size)))[0]
        permuted = _permuted(sample, METHODS[method], all_arrangements(sample))
        exact = _as_far(permuted, found).mean()
        assert exact * (1 - 1e-9) <= _tail(sample, METHODS[method], found)


@pytest.mark.parametrize("design", DESIGNS)
def test_arrangements_are_those_that_are_drawn(design):
    clusters, parts = map(np.asarray, DESIGNS[design])
    values = np.arange(clusters.size)
    sample = make_sample(values, values, parts.astype(int), clusters)
    every = set(map(tuple, all_arrangements(sample).tolist()))
    drawn = permute_rows(sample, 300, np.random.default_rng(0))
    assert every.issuperset(map(tuple, drawn.tolist()))


@pytest.mark.parametrize("n", [5, 6, 12, 45, 400])
def test_sphere_means_are_never_beyond_the_exact_ones(n):
    points = np.linspace(-9, 9, 20_001)
    norm = stats.chi(n - 1).mean()
    for rank in {n // 2 + 1, (3 * n) // 4, n - 1, n}:
        density = stats.beta(rank, n + 1 - rank).pdf(stats.norm.cdf(points))
        values = points * density * stats.norm.pdf(points)
        exact = integrate.trapezoid(values, points) / norm
        found = _sphere_means(n)[rank - 1]
        assert found <= exact + 1e-12
        assert found == pytest.approx(exact, rel=0.03, abs=0.01)


@pytest.mark.parametrize("n", [5, 10, 45, 200])
@pytest.mark.parametrize("slope", [0.1, 1.0, 10.0, 100.0, 1000.0])
def test_sphere_bounds_the_moments_of_a_coordinate(n, slope):
    order = (n - 1) / 2 - 1
    bessel = np.log(special.ive(order, slope)) + slope
    exact = special.gammaln(order + 1) + order * np.log(2 / slope) + bessel
    assert exact - 1e-12 <= _sphere(slope, n) <= 1.5 * exact


def test_uniform_moments_without_loss_of_digits():
    slopes = np.array([0.0, 1e-3, -0.5, 30.0, 1e6])
    expected = [0, 1e-6 / 6, np.log(np.sinh(0.5) / 0.5), 30 - np.log(60), 1e6 - np.log(2e6)]
    np.testing.assert_allclose(_uniform(slopes), expected, rtol=1e-6, atol=1e-15)


def test_one_group_on_the_sphere_has_the_cap_as_bound():
    found = tail_bound([lambda slope: _sphere(slope, 30)], 0.7)
    assert found == pytest.approx(2 * (1 - 0.7**2) ** 14, rel=1e-6)


def test_untied_kendall_comes_down_to_its_last_arrangement():
    codes = np.arange(12.0)[:, np.newaxis]
    found = tail_bound([METHODS["kendall"].log_moments(codes, codes)], 1.0)
    assert found == pytest.approx(2 / special.factorial(12), rel=1e-6)
