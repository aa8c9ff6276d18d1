import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.study.association import METHODS
from masktopo.study.concordance import concordance
from tests.naive import correlation as naive


def coefficients(method, x, y, counts=None):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    counts = np.ones((1, x.size)) if counts is None else np.asarray(counts, dtype=float)
    found = METHODS[method]
    return found.coefficient(found.scores(x, counts), found.scores(y, counts), counts)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("distinct", [3, 8, 10_000])
def test_agrees_with_scipy_with_and_without_ties(method, distinct):
    rng = np.random.default_rng(distinct)
    x, noise = rng.integers(distinct, size=(2, 60)).astype(float)
    y = np.round((x + noise) / 2)
    expected = naive.coefficient(method, x, y)
    np.testing.assert_allclose(coefficients(method, x, y), [expected], rtol=1e-10)


small = st.integers(-3, 3)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60)
@given(rows=st.lists(st.tuples(small, small, st.integers(0, 3)), min_size=2, max_size=12))
def test_counts_are_repeated_rows(method, rows):
    x, y, counts = np.array(rows).T
    repeated = naive.coefficient(method, np.repeat(x, counts), np.repeat(y, counts))
    found = coefficients(method, x, y, [counts])
    np.testing.assert_allclose(found, [repeated], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_constant_values_have_no_coefficient(method):
    # The mean of 0.1 taken 7 times is not 0.1: only an exact comparison finds the constant.
    x = [0.1] * 7 + [0.4]
    counts = [[1] * 7 + [0], [1] * 8]
    found = coefficients(method, x, range(8), counts)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_pearson_survives_a_far_outlier_that_was_not_drawn():
    x = [1.0, 2.0, 3.0, 1e9]
    y = [2.0, 1.0, 4.0, 5.0]
    found = coefficients("pearson", x, y, [[1, 1, 1, 0]])
    expected = naive.coefficient("pearson", x[:3], y[:3])
    # The scale is that of all values, so that the drawn ones keep half of the digits.
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


@pytest.mark.parametrize("method", ["spearman", "kendall"])
def test_infinite_values_are_ranked(method):
    finite = [0.0, 1.0, 2.0, 3.0, 9.0]
    infinite = [-np.inf, 1.0, 2.0, 3.0, np.inf]
    y = [2.0, 1.0, 3.0, 5.0, 4.0]
    assert coefficients(method, finite, y) == coefficients(method, infinite, y)


@pytest.mark.parametrize("method", METHODS)
def test_perfect_association_is_exactly_one(method):
    x = np.arange(50) * 0.1
    assert coefficients(method, x, x)[0] == 1.0
    assert coefficients(method, x, -x)[0] == -1.0


def test_no_coefficient_exceeds_one():
    rng = np.random.default_rng(5)
    for _ in range(200):
        x = rng.normal(size=7)
        assert 1 - 1e-12 < coefficients("pearson", x, 3 * x)[0] <= 1.0


def test_pearson_of_huge_and_of_tiny_values():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 12))
    expected = coefficients("pearson", x, y)
    for scale in (1e-200, 1e200):
        np.testing.assert_allclose(coefficients("pearson", scale * x, y), expected, rtol=1e-10)


def test_pearson_near_the_largest_float():
    x = np.array([1, -1, 0.5, 0.3, -0.8, 0.9, 0.95, 0.97, 0.99, 1.0])
    y = np.random.default_rng(6).normal(size=10)
    expected = coefficients("pearson", x, y)
    np.testing.assert_allclose(coefficients("pearson", 1e308 * x, y), expected, rtol=1e-10)
    np.testing.assert_allclose(coefficients("pearson", 5e-320 * x, y), expected, rtol=1e-2)


@pytest.mark.parametrize("compiled", [True, False])
def test_concordance_counts_pairs(compiled):
    rng = np.random.default_rng(4)
    x = np.sort(rng.integers(6, size=25))
    y = rng.integers(5, size=(3, 25))
    kernel = concordance if compiled else concordance.py_func
    found = kernel(x, y, np.ones((1, 25), dtype=np.int64), 5)
    assert found.tolist() == [naive.concordance(x, line) for line in y]
