from itertools import permutations
from math import comb

import numpy as np
import pytest
from scipy import stats

from masktopo.study.association import METHODS
from masktopo.study.permutation import exchangeable, permutation_p, permute_rows
from masktopo.study.sample import coefficients, make_sample
from tests.naive import correlation as naive


def p_value(method, x, y, clusters=None, count=2000, seed=0, parts=None):
    parts = np.zeros(len(x), dtype=int) if parts is None else parts
    sample = make_sample(np.asarray(x, float), np.asarray(y, float), parts, clusters)
    found = coefficients(sample, METHODS[method], np.ones((1, len(x))))[0]
    return permutation_p(sample, METHODS[method], found, count, np.random.default_rng(seed))


def exact_p(method, x, y):
    every = np.array(list(permutations(y)), dtype=float)
    scores = METHODS[method].scores
    once = np.ones((1, len(x)))
    left = scores(np.asarray(x, float), once)
    right = np.concatenate([scores(line, once) for line in every])
    found = METHODS[method].coefficient(left, right, once)
    observed = abs(naive.coefficient(method, x, y))
    return np.mean(np.abs(found) >= observed - 1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [720, 20_000])
def test_few_permutations_are_all_taken(method, count):
    x, y = [1, 2, 3, 4, 5, 6], [2, 1, 4, 6, 3, 5]
    expected = pytest.approx(exact_p(method, x, y), rel=1e-12)
    assert p_value(method, x, y, count=count) == expected


@pytest.mark.parametrize("method", METHODS)
def test_more_permutations_than_asked_for_are_drawn(method):
    x, y = [1, 2, 3, 4, 5, 6, 7], [2, 1, 4, 6, 3, 5, 7]
    # 5,000 draws of 5,040 have a standard error below 0.007.
    found = p_value(method, x, y, count=5000)
    assert found == pytest.approx(exact_p(method, x, y), abs=0.02)


SMALL = {
    "perfect": (range(7), range(7)),
    "nearly": (range(7), [1, 0, 2, 3, 4, 5, 6]),
    "halves": (range(7), [0, 0, 0, 1, 1, 1, 1]),
    "ties": ([0, 0, 1, 2, 2, 3, 4], [0, 1, 1, 2, 2, 3, 3]),
    "outlier": ([0, 1, 0, 1, 0, 1, 90], [0, 0, 1, 1, 2, 2, 80]),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", SMALL)
def test_no_p_value_of_few_rows_is_below_the_exact_one(method, case):
    x, y = SMALL[case]
    exact = exact_p(method, x, y)
    for seed in range(10):
        # So few draws reach the exact value seldom, and leave it to the tail.
        assert p_value(method, x, y, count=30, seed=seed) >= min(exact, 1 / 31) * (1 - 1e-9)
        found = p_value(method, x, y, count=4000, seed=seed)
        assert exact / 3 <= found <= max(3 * exact, 3 / 4001)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [14, 16, 18, 20])
def test_two_halves_have_no_smaller_p_value_than_all_their_arrangements(method, n):
    exact = 2 / comb(n, n // 2)
    for seed in range(6):
        found = p_value(method, np.arange(n), np.arange(n) >= n // 2, seed=seed)
        assert found >= exact * (1 - 1e-9)


USUAL = {
    "spearman": lambda x, y: stats.spearmanr(x, y).pvalue,
    "kendall": lambda x, y: stats.kendalltau(x, y, method="exact").pvalue,
    "pearson": lambda x, y: stats.pearsonr(x, y).pvalue,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "slope"), [(45, 2.0), (200, 0.7), (1000, 0.3)])
def test_many_rows_have_small_p_values_that_are_not_too_small(method, n, slope):
    rng = np.random.default_rng(n)
    x, noise = rng.normal(size=(2, n))
    y = slope * x + noise
    expected = USUAL[method](x, y)
    assert expected < 1e-9
    # A bound loses part of the exponent, not most of it.
    assert np.log(expected) < np.log(p_value(method, x, y)) < 0.5 * np.log(expected)
    assert p_value(method, x, np.round(y, 1)) < 1e-6


def test_groups_add_up_in_the_tail():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(2, 120))
    y = x + noise
    parts = np.arange(120) % 4
    assert p_value("spearman", x, y, parts=parts) < 1e-7
    assert p_value("spearman", x[:40], y[:40], parts=parts[:40]) > 1e-6


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_many_clusters_have_small_p_values(method):
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(60), 3)
    parts = clusters % 4
    x, noise = rng.normal(size=(2, 60))
    y = x + 0.5 * noise
    x, y = (side[clusters] + 0.3 * rng.normal(size=180) for side in (x, y))
    found = p_value(method, x, y, clusters, parts=parts)
    assert 1e-30 < found < 1e-5
    assert found > p_value(method, x, y, parts=parts)


def test_clusters_have_no_tail_of_kendalls_tau():
    clusters = np.repeat(np.arange(20), 2)
    assert p_value("kendall", range(40), range(40), clusters) == 1 / 2001


@pytest.mark.parametrize("method", METHODS)
def test_one_permutation_that_is_not_associated_at_all(method):
    x, y = [0, 0, 1, 1, 0, 0, 1, 1], range(8)
    assert {p_value(method, x, y, count=1, seed=seed) for seed in range(60)} == {0.5, 1.0}


def test_no_coefficient_has_no_p_value():
    sample = make_sample(np.ones(8), np.arange(8.0), np.zeros(8, dtype=int), None)
    rng = np.random.default_rng(0)
    assert np.isnan(permutation_p(sample, METHODS["spearman"], np.nan, 20, rng))


def test_no_association_at_all_has_p_value_one():
    assert p_value("spearman", [1, 2, 3, 4, 5], [2, 3, 1, 3, 2]) == 1.0


def test_null_p_values_are_uniform():
    rng = np.random.default_rng(2)
    found = [p_value("spearman", *rng.normal(size=(2, 15)), count=199) for _ in range(300)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_null_p_values_of_clusters_are_uniform_and_those_of_rows_are_not():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(12), 3)
    clustered, by_rows = [], []
    for _ in range(200):
        x, y = np.repeat(rng.normal(size=(2, 12)), 3, axis=1) + 0.2 * rng.normal(size=(2, 36))
        clustered.append(p_value("spearman", x, y, clusters, count=199))
        by_rows.append(p_value("spearman", x, y, None, count=199))
    assert stats.kstest(clustered, "uniform").pvalue > 0.01
    assert np.mean(np.array(by_rows) < 0.05) > 0.15


def test_clusters_stay_whole_and_parts_closed():
    clusters = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5, 5])
    parts = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    x = np.arange(10.0)
    sample = make_sample(x, x, parts, clusters)
    moved = permute_rows(sample, 200, np.random.default_rng(4))
    assert (np.sort(moved, axis=1) == np.arange(10)).all()
    assert (sample.part_of_row[moved] == sample.part_of_row).all()
    origin = sample.clusters[moved]
    same = sample.clusters[:, None] == sample.clusters
    assert (origin[:, :, None] == origin[:, None, :])[:, same].all()
    assert len(np.unique(moved, axis=0)) > 50


def test_crossing_clusters_move_in_all_their_parts_together():
    clusters = np.tile(np.arange(4), 3)
    parts = np.repeat(np.arange(3), 4)
    x = np.arange(12.0)
    sample = make_sample(x, x, parts, clusters)
    moved = permute_rows(sample, 30, np.random.default_rng(5))
    origins = sample.clusters[moved].reshape(30, 3, 4)
    assert (origins == origins[:, :1]).all()


def test_odd_clusters_have_nothing_to_change_places_with():
    clusters = np.repeat(np.arange(4), [1, 1, 2, 3])
    sample = make_sample(np.arange(7.0), np.arange(7.0), np.zeros(7, dtype=int), clusters)
    assert exchangeable(sample) == 2
