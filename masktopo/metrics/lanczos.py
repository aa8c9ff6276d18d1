"""The largest eigenvalue of a symmetric operator, with a bound that it does not exceed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAILURE", "Largest", "largest_eigenvalue"]

Floats = NDArray[np.float64]

FAILURE = 1e-12
"""Probability, over the random starts, that an eigenvalue lies above its bound."""

MAX_STEPS = 256
CHECK_EVERY = 8

EPS = float(np.finfo(np.float64).eps)

RUNS = 4
"""Starts in all where the first one's space ends early."""


class Largest(NamedTuple):
    """The largest eigenvalue as found, a bound from above, and the vector found."""

    value: float
    bound: float
    vector: Floats


def largest_eigenvalue(
    multiply: Callable[[Floats], Floats],
    removed: Floats,
    rng: np.random.Generator,
    *,
    norm: float | None = None,
    tolerance: float = 1e-3,
) -> Largest:
    """Run Lanczos with full reorthogonalisation on the complement of one eigenvector.

    Parameters
    ----------
    multiply : callable
        The operator: symmetric, eigenvector `removed`.
    removed : ndarray of float64, shape (n,)
        Unit vector; n is at least 2.
    rng : Generator
        For the normally distributed start, on which the bound rests.
    norm : float, optional
        Bound of the operator's eigenvalues, where the distance to it is what matters too.
    tolerance : float
        Stop when bound and value differ by less, relative to the value and to its distance
        from `norm`.

    Returns
    -------
    Largest

    Notes
    -----
    The value is a Rayleigh quotient and never too large. A residual could only show that *some*
    eigenvalue is near, so the bound comes from the Lanczos polynomial (van Dorsselaer,
    Hochstenbach, van der Vorst, SIAM J. Matrix Anal. Appl. 22, 2001). After k steps with Ritz
    values t_i and coefficients b_i, ``p(x) = prod (x - t_i)`` turns the unit start into a vector
    of length ``prod b_i``. If g is the start's component along the eigenvector of x, it follows
    that ``p(x) <= prod b_i / |g|``, and |g| is below ``f / sqrt(2 n / pi)`` with a probability of
    at most f. A space that ends early, as on operators of few distinct eigenvalues, leaves a
    product of rounding errors over so small a |g|; then several starts are taken, all of which
    are that unlucky only with the product of their probabilities. Memory: at most 257 vectors;
    each step takes one product and O(n k).
    """
    runs = [_run(multiply, removed, rng, norm, tolerance)]
    failure = FAILURE / 2
    if runs[0].ended:
        runs += [_run(multiply, removed, rng, norm, tolerance) for _ in range(RUNS - 1)]
        failure = failure ** (1 / RUNS)
    best = max(runs, key=lambda run: run.ritz[-1])
    bound = max(run.bound(failure) for run in runs)
    return Largest(float(best.ritz[-1]), bound, best.vector)


class Run(NamedTuple):
    """One Krylov space: its Ritz values, and what they say of eigenvalues above them."""

    ritz: Floats
    vector: Floats  # the Ritz vector of the largest
    size: float  # logarithm of the product of the coefficients
    rounding: float
    ended: bool  # whether the space ended before it filled the whole

    def bound(self, failure: float) -> float:
        """Bound the largest eigenvalue but for a probability of `failure`."""
        top, n = float(self.ritz[-1]), self.vector.size
        if self.ritz.size == n - 1:
            return top + self.rounding
        size = self.size - np.log(failure / np.sqrt(2 * n / np.pi))
        return top + _gap(top - self.ritz, size) + self.rounding


def _run(
    multiply: Callable[[Floats], Floats],
    removed: Floats,
    rng: np.random.Generator,
    norm: float | None,
    tolerance: float,
) -> Run:
    from scipy.linalg import eigh_tridiagonal

    n = removed.size
    basis = np.empty((min(MAX_STEPS, n - 1) + 1, n))
    basis[0] = removed
    start = _orthogonal(basis[:1], rng.standard_normal(n))
    basis[1] = start / np.linalg.norm(start)
    diagonal, beside = np.empty(len(basis)), np.empty(len(basis))
    scale = norm or 0.0
    for step in range(1, len(basis)):
        image = multiply(basis[step])
        diagonal[step - 1] = basis[step] @ image
        image = _orthogonal(basis[: step + 1], image)
        beside[step - 1] = np.linalg.norm(image)
        scale = max(scale, abs(diagonal[step - 1]))
        rounding = 4 * n * EPS * scale
        ended = bool(beside[step - 1] <= rounding)
        if ended or step % CHECK_EVERY == 0 or step + 1 == len(basis):
            values, vectors = eigh_tridiagonal(diagonal[:step], beside[: step - 1])
            size = float(np.log(np.maximum(beside[:step], rounding)).sum())
            ritz = np.asarray(values, np.float64)
            run = Run(ritz, vectors[:, -1] @ basis[1 : step + 1], size, rounding, ended)
            gap = run.bound(FAILURE / 2) - ritz[-1]
            wanted = ritz[-1] if norm is None else min(ritz[-1], norm - ritz[-1])
            if ended or gap <= tolerance * wanted:
                break
        if step + 1 < len(basis):
            basis[step + 1] = image / beside[step - 1]
    return run


def _orthogonal(basis: Floats, vector: Floats) -> Floats:
    """Remove the basis from a vector, twice, since once leaves what rounding put there."""
    for _ in range(2):
        vector = vector - (basis @ vector) @ basis
    return vector


def _gap(distances: Floats, size: float) -> float:
    """Solve ``sum log(gap + distances) = size`` from above by bisection on the logarithm."""
    low, high = -100.0, size / distances.size
    for _ in range(60):
        middle = (low + high) / 2
        if np.log(np.exp(middle) + distances).sum() < size:
            low = middle
        else:
            high = middle
    return float(np.exp(high))
