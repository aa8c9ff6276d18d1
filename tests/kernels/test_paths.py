from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.kernels import paths

jit = pytest.mark.parametrize("compiled", [True, False], ids=["jit", "python"])
seeds = st.integers(0, 2**32)


def pick(kernel, compiled):
    """Choose the compiled kernel or the Python function behind it (alike where JIT is off)."""
    return kernel if compiled else getattr(kernel, "py_func", kernel)


def random_block(seed):
    """Draw a CSR block of 5 by 4 nodes with factors between 1 and 9."""
    rng = np.random.default_rng(seed)
    mask = rng.random((5, 4)) < 0.5
    indptr = np.concatenate([[0], np.cumsum(mask.sum(1))])
    indices = np.nonzero(mask)[1].astype(np.uint32)
    factors = np.zeros((5, 4), np.int64)
    factors[mask] = rng.integers(1, 10, indices.size)
    return indptr, indices, factors[mask].astype(np.uint32), factors


def scaled(values):
    """Turn exact integers into normalised mantissas and exponents."""
    mantissa, exponent = np.zeros(len(values)), np.zeros(len(values), np.int64)
    for index, value in enumerate(values):
        steps = 0
        while value >= 2**256:
            value, steps = Fraction(value, 2**512), steps + 1
        mantissa[index], exponent[index] = float(value), steps
    return mantissa, exponent


def exact(mantissa, exponent):
    """Turn mantissas and exponents into exact fractions."""
    return [
        Fraction(float(m)) * Fraction(2) ** (512 * int(e))
        for m, e in zip(mantissa, exponent, strict=True)
    ]


def assert_close(found, expected):
    for value, target in zip(exact(*found), expected, strict=True):
        assert abs(value - target) <= target * Fraction(1, 10**14)


numbers = st.lists(
    st.one_of(st.just(0), st.integers(1, 2**53), st.integers(0, 4000).map(lambda bits: 2**bits)),
    min_size=5,
    max_size=5,
)


@jit
@settings(max_examples=60)
@given(seed=seeds, left=numbers, old=numbers)
def test_push_forward_adds_exact_integers(compiled, seed, left, old):
    indptr, indices, factor, dense = random_block(seed)
    right = scaled(old[:4])
    pick(paths.push_forward, compiled)(indptr, indices, factor, *scaled(left), *right)
    pick(paths.normalise, compiled)(*right)
    sums = [sum(left[i] * int(dense[i, j]) for i in range(5)) for j in range(4)]
    assert_close(right, [a + b for a, b in zip(old[:4], sums, strict=True)])


@jit
@settings(max_examples=60)
@given(seed=seeds, right=numbers, old=numbers)
def test_pull_backward_adds_exact_integers(compiled, seed, right, old):
    indptr, indices, factor, dense = random_block(seed)
    left = scaled(old)
    pick(paths.pull_backward, compiled)(indptr, indices, factor, *left, *scaled(right[:4]))
    pick(paths.normalise, compiled)(*left)
    sums = [sum(right[j] * int(dense[i, j]) for j in range(4)) for i in range(5)]
    assert_close(left, [a + b for a, b in zip(old, sums, strict=True)])


@jit
def test_normalise_keeps_values_and_bounds_mantissas(compiled):
    mantissa = np.array([0.0, 1.0, 2.0**256, 2.0**1000, 2.0**-256, 2.0**-257, 5e-324, np.inf])
    exponent = np.array([7, -3, 0, 2, 0, 0, 0, 1])
    before = exact(mantissa[:-1], exponent[:-1])
    pick(paths.normalise, compiled)(mantissa, exponent)
    assert exact(mantissa[:-1], exponent[:-1]) == before
    assert np.all(mantissa[1:-1] >= 2.0**-256)
    assert np.all(mantissa[1:-1] < 2.0**256)
    assert (mantissa[0], exponent[0]) == (0, 0)
    assert mantissa[-1] == np.inf


@jit
@pytest.mark.parametrize("bits", [(255, 256), (255, 767), (255, 768), (767, 768), (0, 1024)])
@pytest.mark.parametrize("turned", [False, True])
def test_sums_across_the_steps_of_the_exponent(compiled, bits, turned):
    values = [2**bit for bit in (bits[::-1] if turned else bits)]
    found = pick(paths.total, compiled)(*scaled(values), np.ones(2, bool))
    assert_close(([found[0]], [found[1]]), [sum(values)])


@jit
@settings(max_examples=60)
@given(values=numbers, seed=seeds)
def test_total_adds_the_chosen(compiled, values, seed):
    chosen = np.random.default_rng(seed).random(5) < 0.5
    mantissa, exponent = pick(paths.total, compiled)(*scaled(values), chosen)
    expected = sum(value for value, wanted in zip(values, chosen, strict=True) if wanted)
    assert_close(([mantissa], [exponent]), [expected])


@jit
@settings(max_examples=60)
@given(seed=seeds, left=numbers, right=numbers)
def test_path_centrality_is_an_exact_ratio(compiled, seed, left, right):
    indptr, indices, factor, dense = random_block(seed)
    products = [
        left[i] * int(dense[i, j]) * right[j] for i in range(5) for j in range(4) if dense[i, j]
    ]
    if not sum(products):
        return
    (mantissa,), (exponent,) = scaled([sum(products)])
    found = np.full(len(products), np.nan)
    ends = (*scaled(left), *scaled(right[:4]))
    pick(paths.path_centrality, compiled)(
        indptr, indices, factor, *ends, mantissa, int(exponent), found
    )
    expected = [float(Fraction(product, sum(products))) for product in products]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)


@jit
@settings(max_examples=60)
@given(seed=seeds)
def test_reachability_and_live_counts(compiled, seed):
    indptr, indices, factor, dense = random_block(seed)
    rng = np.random.default_rng([seed, 1])
    left, right = rng.random(5) < 0.4, rng.random(4) < 0.4
    reached, reaching = right.copy(), left.copy()
    pick(paths.reach_forward, compiled)(indptr, indices, left, reached)
    pick(paths.reach_backward, compiled)(indptr, indices, reaching, right)
    assert reached.tolist() == (right | (dense[left] > 0).any(0)).tolist()
    assert reaching.tolist() == (left | (dense[:, right] > 0).any(1)).tolist()
    count = pick(paths.count_live, compiled)(indptr, indices, factor, left, right)
    assert count == dense[np.ix_(left, right)].sum()


@jit
def test_live_counts_beyond_32_bits(compiled):
    multiplicity = np.full(3, 2**32 - 1, np.uint32)
    live = np.ones(3, bool)
    indptr, indices = np.arange(4), np.arange(3, dtype=np.uint32)
    count = pick(paths.count_live, compiled)(indptr, indices, multiplicity, live, live)
    assert count == 3 * (2**32 - 1)
