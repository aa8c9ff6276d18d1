"""Eigenvalues and vectors of symmetric tridiagonal matrices."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Floats
from masktopo.kernels.vectors import dot, scale

__all__ = ["COARSE", "EXACT", "largest_two", "tridiagonal_vector"]

EXACT, COARSE = 4e-16, 1e-11
"""Widths of bisection's brackets: of final values, and where only convergence is judged."""

SECTIONS = 8
"""Points that one round of bisection tries at once, a multiple of the vector width."""


@kernel
def largest_two(
    alpha: Floats,
    beta: Floats,
    n: int,
    least: float,
    second_least: float,
    precision: float,
    scratch: Floats,
) -> tuple[float, float]:
    """Return the two largest eigenvalues of a positive semidefinite tridiagonal matrix.

    Bisection by Sturm counts, with `SECTIONS` points for either value in every round, until the
    brackets are `precision` of the largest value wide. `least` and `second_least` are lower
    bounds; where they are known the first round's points crowd towards them, since Ritz values
    creep upwards. O(n log(1 / precision)).
    """
    if n == 1:
        return alpha[0], 0.0
    high = 0.0
    for j in range(n):
        reach = alpha[j] + (abs(beta[j]) if j < n - 1 else 0.0) + (abs(beta[j - 1]) if j else 0.0)
        high = max(high, reach)
    low1, high1 = least, high * (1 + 1e-15)
    low2, high2 = second_least, high1
    points = scratch[: 2 * SECTIONS]
    pivots = scratch[2 * SECTIONS : 4 * SECTIONS]
    above = scratch[4 * SECTIONS : 6 * SECTIONS]
    floor = high * 1e-300 + 1e-300
    crowd = second_least > 0.0
    for _ in range(40):
        for s in range(SECTIONS):
            share = 10.0 ** (s - SECTIONS) if crowd else (s + 1) / (SECTIONS + 1)
            points[s] = low1 + (high1 - low1) * share
            points[SECTIONS + s] = low2 + (high2 - low2) * share
        crowd = False
        for s in range(2 * SECTIONS):
            pivots[s] = alpha[0] - points[s]
            above[s] = 1.0 if pivots[s] > 0.0 else 0.0
        for j in range(1, n):
            square = beta[j - 1] * beta[j - 1]
            for s in range(2 * SECTIONS):
                pivot = pivots[s]
                pivot = pivot if abs(pivot) > floor else -floor
                pivot = (alpha[j] - points[s]) - square / pivot
                pivots[s] = pivot
                above[s] += 1.0 if pivot > 0.0 else 0.0
        for s in range(SECTIONS):
            if above[s] >= 1.0:
                low1 = max(low1, points[s])
            else:
                high1 = min(high1, points[s])
            if above[SECTIONS + s] >= 2.0:
                low2 = max(low2, points[SECTIONS + s])
            else:
                high2 = min(high2, points[SECTIONS + s])
        if max(high1 - low1, high2 - low2) <= precision * high:
            break
    return 0.5 * (low1 + high1), 0.5 * (low2 + high2)


@kernel
def tridiagonal_vector(
    alpha: Floats, beta: Floats, n: int, value: float, out: Floats, pivots: Floats
) -> None:
    """Eigenvector of a tridiagonal matrix by twisted factorisation, of norm 1. O(n)."""
    tiny = 1e-290 + 1e-18 * abs(value)
    pivots[0] = alpha[0] - value
    for j in range(1, n):
        pivot = pivots[j - 1] if abs(pivots[j - 1]) > tiny else tiny
        pivots[j] = (alpha[j] - value) - beta[j - 1] * beta[j - 1] / pivot
    back = alpha[n - 1] - value
    twist, least = n - 1, abs(pivots[n - 1])
    out[n - 1] = back
    for j in range(n - 2, -1, -1):
        pivot = back if abs(back) > tiny else tiny
        back = (alpha[j] - value) - beta[j] * beta[j] / pivot
        out[j] = back
        gamma = abs(pivots[j] + back - (alpha[j] - value))
        if gamma < least:
            twist, least = j, gamma
    for j in range(twist + 1, n):
        pivot = out[j] if abs(out[j]) > tiny else tiny
        out[j] = -beta[j - 1] / pivot * (1.0 if j == twist + 1 else out[j - 1])
    out[twist] = 1.0
    for j in range(twist - 1, -1, -1):
        pivot = pivots[j] if abs(pivots[j]) > tiny else tiny
        out[j] = -beta[j] / pivot * out[j + 1]
    scale(out[:n], 1.0 / np.sqrt(dot(out[:n], out[:n])))
