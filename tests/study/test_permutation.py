from itertools import permutations

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


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_all_permutations(method):
    x, y = [1, 2, 3, 4, 5, 6], [2, 1, 4, 6, 3, 5]
    observed = abs(naive.coefficient(method, x, y))
    all_of_them = [naive.coefficient(method, x, list(order)) for order in permutations(y)]
    exact = np.mean(np.abs(all_of_them) >= observed - 1e-12)
    # 20,000 draws have a standard error below 0.0036.
    assert p_value(method, x, y, count=20_000) == pytest.approx(exact, abs=0.012)


def test_far_tail_is_that_of_the_t_test():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(2, 80))
    y = x + noise
    expected = stats.spearmanr(x, y).pvalue
    assert expected < 1e-9
    # The exponent, since the spread of 2,000 permutations is known to a few per cent.
    assert np.log(p_value("spearman", x, y)) == pytest.approx(np.log(expected), rel=0.15)


def test_no_p_value_is_less_than_one_arrangement():
    assert p_value("spearman", range(8), range(8)) >= 1 / 40_320
    assert p_value("spearman", range(8), range(8)) < 1e-3


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
