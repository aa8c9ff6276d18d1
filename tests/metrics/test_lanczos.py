import numpy as np
import pytest

from masktopo.metrics import lanczos
from masktopo.metrics.lanczos import largest_eigenvalue


def operator_of(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues beside the removed vector's, and that vector."""
    rng = np.random.default_rng(seed)
    n = len(eigenvalues) + 1
    vectors, _ = np.linalg.qr(rng.standard_normal((n, n)))
    matrix = (vectors * np.append(eigenvalues, 5.0)) @ vectors.T
    return lambda x: matrix @ x, vectors[:, -1], vectors[:, np.argmax(eigenvalues)]


SPECTRA = {
    "spread": np.linspace(0, 1, 300),
    "clustered at the top": 1 - np.linspace(0, 1, 300) ** 4,
    "one apart": np.append(np.linspace(0, 0.5, 299), 0.9),
    "rank one": np.append(np.zeros(80), 0.3),
    "all zero": np.zeros(40),
    "negative too": np.linspace(-2, 1, 150),
    "of one vector": np.array([0.7]),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("seed", range(5))
def test_value_and_bound_enclose_the_largest_eigenvalue(name, seed):
    eigenvalues = SPECTRA[name]
    multiply, removed, vector = operator_of(eigenvalues, seed)
    rng = np.random.default_rng(seed)
    found = largest_eigenvalue(multiply, removed, rng, norm=2.0)
    truth = eigenvalues.max()
    assert found.value <= truth + 1e-12
    assert truth <= found.bound <= truth * (1 + 2e-3) + 1e-8
    assert found.vector @ removed == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-12)
    if name in ("one apart", "rank one", "of one vector"):
        assert abs(found.vector @ vector) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("steps", [2, 5, 12])
def test_bound_holds_long_before_the_value_converges(monkeypatch, steps):
    monkeypatch.setattr(lanczos, "MAX_STEPS", steps)
    eigenvalues = SPECTRA["clustered at the top"]
    for seed in range(20):
        multiply, removed, _ = operator_of(eigenvalues, seed)
        found = largest_eigenvalue(multiply, removed, np.random.default_rng(seed))
        assert found.value < 1 - 1e-4, "the bound has nothing to do"
        assert found.bound >= 1


def test_the_bound_sees_an_eigenvalue_that_the_start_nearly_misses(monkeypatch):
    # 1 lies well apart from the rest, and 10^-9 of the start points to it. Three steps cannot
    # find it, though the residual of what they find is small.
    eigenvalues = np.append(np.full(50, 0.5), 1.0)

    class Biased:
        def standard_normal(self, n):
            start = np.full(n, 1.0)
            start[-2] = 1e-9
            return start

    matrix = np.diag(np.append(eigenvalues, 5.0))
    removed = np.eye(52)[-1]
    monkeypatch.setattr(lanczos, "MAX_STEPS", 1)
    found = largest_eigenvalue(lambda x: matrix @ x, removed, Biased())
    assert found.value == pytest.approx(0.5)
    assert found.bound >= 1
