import numpy as np
import pytest
from scipy.sparse import block_diag, coo_array, csr_array

from masktopo.bench.bandwidth import Pass, bound_seconds, measure_bandwidth
from masktopo.bench.steps import lanczos_steps

RATES = {"read": {1000: 100.0, 10000: 10.0}, "copy": {1000: 50.0, 10000: 5.0}}


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (Pass("read", 1000), 10),
        (Pass("read", 1001), 100.1),
        (Pass("read", 500, 4), 20),
        (Pass("copy", 50000), 10000),
    ],
)
def test_a_pass_goes_at_the_rate_of_the_cache_that_holds_it(step, seconds):
    assert bound_seconds([step], RATES) == pytest.approx(seconds, rel=1e-12)


def test_every_size_is_measured():
    found = measure_bandwidth([2**12, 2**14], budget=1e-4)
    assert {kind: list(rates) for kind, rates in found.items()} == {
        "read": [2**12, 2**14],
        "copy": [2**12, 2**14],
    }
    assert all(rate > 1e6 for rates in found.values() for rate in rates.values())


def test_steps_are_those_that_a_spectrum_needs():
    rng = np.random.default_rng(0)
    far = np.linalg.qr(rng.standard_normal((100, 100)))[0] * np.r_[10, 5, np.full(98, 0.01)]
    near = np.linalg.qr(rng.standard_normal((100, 100)))[0] * np.linspace(1, 1.1, 100)
    assert lanczos_steps(csr_array(far)) < 8 < 20 < lanczos_steps(csr_array(near)) <= 100


def test_small_sides_are_read_once_and_both_ways_round_take_the_same():
    wide = csr_array(np.random.default_rng(0).random((70, 300)) * (1 + np.arange(70))[:, None])
    assert lanczos_steps(wide) == lanczos_steps(wide.T.tocsr()) > 1
    assert lanczos_steps(wide[:64]) == 1


def test_an_exhausted_space_ends_the_count():
    assert lanczos_steps(csr_array(np.ones((90, 80)))) <= 2
    assert lanczos_steps(csr_array(np.eye(80))) == 1
    twins = csr_array(block_diag([coo_array(np.ones((40, 40)))] * 2))
    assert lanczos_steps(twins) < 10
