import numpy as np
import pytest

from masktopo.study.association import METHODS
from masktopo.study.bootstrap import draw_clusters, interval, replicates
from masktopo.study.sample import coefficients, make_sample
from tests.naive import correlation as naive


def some_sample(n_parts, crossing, seed=0):
    """60 rows in clusters of 1 to 3 rows, each in one part, or each over several."""
    rng = np.random.default_rng(seed)
    clusters = np.sort(rng.integers(24, size=60))
    parts = np.arange(60) % n_parts if crossing else clusters % n_parts
    x = rng.integers(9, size=60).astype(float)
    y = x + rng.integers(12, size=60)
    return make_sample(x, y, parts, clusters)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_parts", "crossing"), [(1, False), (4, False), (3, True)])
def test_replicates_are_those_of_a_naive_loop(method, n_parts, crossing):
    sample = some_sample(n_parts, crossing)
    counts = draw_clusters(sample, 40, np.random.default_rng(1))
    found = coefficients(sample, METHODS[method], counts[:, sample.clusters])
    picks = [np.repeat(np.arange(sample.n_clusters), line.astype(int)) for line in counts]
    expected = naive.cluster_replicates(
        method, sample.x, sample.y, sample.part_of_row, sample.clusters, picks
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_parts_keep_their_clusters():
    sample = some_sample(4, crossing=False)
    counts = draw_clusters(sample, 50, np.random.default_rng(2))
    for part in sample.parts:
        members = np.unique(sample.clusters[part])
        assert (counts[:, members].sum(axis=1) == members.size).all()


def test_crossing_clusters_are_drawn_from_all():
    sample = some_sample(3, crossing=True)
    counts = draw_clusters(sample, 50, np.random.default_rng(2))
    assert (counts.sum(axis=1) == sample.n_clusters).all()
    rows = counts[:, sample.clusters]
    sizes = np.stack([rows[:, part].sum(axis=1) for part in sample.parts])
    assert len(set(sizes[0])) > 1


def test_every_cluster_is_drawn_as_often():
    sample = some_sample(1, crossing=False)
    mean = draw_clusters(sample, 4000, np.random.default_rng(3)).mean(axis=0)
    # Counts have variance near 1, so a mean of 4000 has a standard error of 0.016.
    np.testing.assert_allclose(mean, 1.0, atol=0.08)


def test_long_runs_are_the_chunks_of_one_stream(monkeypatch):
    sample = some_sample(2, crossing=False)
    monkeypatch.setattr("masktopo.study.sample._CHUNK_CELLS", 30 * 10)
    found = replicates(sample, METHODS["spearman"], 47, np.random.default_rng(5))
    assert found.shape == (47,)
    rng = np.random.default_rng(5)
    counts = np.concatenate([draw_clusters(sample, size, rng) for size in (10, 10, 10, 10, 7)])
    expected = coefficients(sample, METHODS["spearman"], counts[:, sample.clusters])
    np.testing.assert_array_equal(found, expected)


def test_interval_is_percentiles_moved_onto_the_coefficient():
    values = np.tanh(np.linspace(-2, 2, 401))
    low, high = interval(values, np.tanh(0.5), 0.9)
    np.testing.assert_allclose([low, high], np.tanh([-1.3, 2.3]), rtol=1e-10)


def test_interval_stays_within_one():
    values = np.array([0.2, 0.4, 0.9, 1.0, 1.0, 1.0])
    low, high = interval(values, 0.95, 0.5)
    assert -1 <= low < high == 1.0
    assert interval(np.ones(5), 1.0, 0.9) == (1.0, 1.0)


def test_interval_leaves_out_degenerate_resamples():
    values = np.linspace(-0.5, 0.5, 101)
    with_nan = np.concatenate([values, [np.nan] * 5])
    assert interval(with_nan, 0.0, 0.95) == interval(values, 0.0, 0.95)


def interval_of(x, y, clusters, seed):
    sample = make_sample(x, y, np.zeros(x.size, dtype=int), clusters)
    method = METHODS["spearman"]
    found = coefficients(sample, method, np.ones((1, x.size)))[0]
    values = replicates(sample, method, 300, np.random.default_rng(seed))
    return interval(values, found, 0.9)


def test_copies_of_rows_do_not_narrow_a_cluster_interval():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 25))
    once = interval_of(x, y, None, 0)
    x, y, clusters = np.repeat(x, 4), np.repeat(y, 4), np.repeat(np.arange(25), 4)
    clustered, naive_rows = interval_of(x, y, clusters, 0), interval_of(x, y, None, 0)
    assert np.ptp(clustered) == pytest.approx(np.ptp(once), rel=0.1)
    assert np.ptp(naive_rows) < 0.65 * np.ptp(once)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_cover_the_truth(rho):
    rng = np.random.default_rng(7)
    truth = 6 / np.pi * np.arcsin(rho / 2)
    trials, hits = 200, 0
    for trial in range(trials):
        x, noise = rng.normal(size=(2, 30))
        y = rho * x + np.sqrt(1 - rho**2) * noise
        low, high = interval_of(x, y, None, trial)
        hits += low <= truth <= high
    # 0.9 with a standard error of 0.02; three of them, and two for what the method lacks.
    assert 0.80 <= hits / trials <= 0.96
