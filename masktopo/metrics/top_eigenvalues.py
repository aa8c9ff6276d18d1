"""The largest eigenvalues of a symmetric operator on long vectors, multiplicity respected."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from masktopo.kernels import basis as kernels

__all__ = ["Search", "TopEigenvalues", "run_together", "search", "top_eigenvalues"]

Floats = NDArray[np.float64]

DENSE = 64
"""Operators of at most so many rows are written out."""

MOST_STEPS = 500

MOST_BYTES = 1 << 28
"""Memory of a Krylov space before it starts anew."""

LEAST_ROWS = 20

LOOK = 4
"""Steps between two looks at the residual."""

SCRATCH = 1024

ROUNDING = 1e-12
"""Length of a vector of rounding errors, relative to the operator."""

MEMORY = 1.0
"""Length of what an earlier space found next, in a start of which chance has about 1 as well."""


@dataclass(frozen=True)
class TopEigenvalues:
    """The largest eigenvalues, descending.

    Attributes
    ----------
    values : ndarray of float64
    residual : float
        Largest of ``||A x - value x||`` over the unit vectors found, divided by the first
        value; 0 where the operator was written out.
    """

    values: Floats
    residual: float


Search = Generator[Floats, Floats, TopEigenvalues]
"""A search yields vectors, and is sent the operator's products with them."""


def top_eigenvalues(
    multiply: Callable[[Floats], Floats], n: int, count: int, *, tolerance: float = 1e-6
) -> TopEigenvalues:
    """Find the `count` algebraically largest eigenvalues, each as often as it is there.

    Parameters
    ----------
    multiply : callable
        The operator: symmetric, from a vector of length `n` to a new one.
    n : int
        At least `count`.
    count : int
    tolerance : float
        Largest residual, relative to the first value: 1e-6 or more, since the space is kept in
        single precision.

    Returns
    -------
    TopEigenvalues
        Its residual is above the tolerance where 500 products did not reach that.

    Notes
    -----
    Lanczos, one eigenvector after the other, each from a start of its own that is orthogonal to
    those before: from one start alone, a Krylov space holds every eigenvalue once. The starts are
    the same in every call. A step takes one product and O(n): the vectors stay orthogonal by
    themselves until an eigenvector has converged to rounding (Paige), and the iteration ends long
    before. The space is kept in float32, in at most 256 MB or 20 vectors, for the eigenvector,
    which it gives to 1e-7, while the iteration itself is in float64; when it is full, it starts
    anew from the best vector so far. The residuals are those of the final
    vectors, computed from a further product.

    References
    ----------
    Paige: *Accuracy and Effectiveness of the Lanczos Algorithm for the Symmetric Eigenproblem*,
    Linear Algebra Appl. 34, 1980.

    Examples
    --------
    >>> diagonal = np.minimum(np.arange(1000.0), 998)
    >>> top_eigenvalues(lambda vector: vector * diagonal, 1000, 2).values.round(6)
    array([998., 998.])
    """
    (found,) = run_together(
        [search(n, count, tolerance=tolerance)], lambda asked: [multiply(v) for _, v in asked]
    )
    return found


def run_together(
    searches: Sequence[Search],
    multiply: Callable[[list[tuple[int, Floats]]], Sequence[Floats]],
) -> list[TopEigenvalues]:
    """Run searches in step, so that products of one matrix with several vectors can be shared.

    Parameters
    ----------
    searches : sequence of Search
    multiply : callable
        From pairs of a search's place and the vector that it asks for, to the products.
    """
    found: dict[int, TopEigenvalues] = {}
    asked = [(place, next(each)) for place, each in enumerate(searches)]
    while asked:
        products, before, asked = multiply(asked), asked, []
        for (place, _), product in zip(before, products, strict=True):
            try:
                asked.append((place, searches[place].send(product)))
            except StopIteration as end:
                found[place] = end.value
    return [found[place] for place in range(len(searches))]


def search(n: int, count: int, *, tolerance: float = 1e-6) -> Search:
    """Search as `top_eigenvalues` does, asking for products."""
    if n <= DENSE:
        matrix = np.empty((n, n))
        for row, unit in zip(matrix, np.eye(n), strict=True):
            row[:] = yield unit
        values = np.linalg.eigvalsh(matrix)[::-1][:count]
        return TopEigenvalues(values.astype(np.float64), 0.0)
    found = np.empty((count, n))
    rng, memory, norm = np.random.default_rng(0), np.zeros(n), 0.0
    values, errors = np.empty((2, count))
    most = max(MOST_BYTES // (4 * n), LEAST_ROWS)
    rows = np.empty((min(most, MOST_STEPS, n), n), np.float32)
    for which in range(count):
        start = rng.standard_normal(n) / np.sqrt(n) + MEMORY * memory
        space = _Krylov(rows, found[:which], tolerance, norm)
        found[which], memory = yield from space.top(start)
        norm = space.norm
        product = yield found[which]
        values[which] = found[which] @ product
        errors[which] = np.linalg.norm(product - values[which] * found[which])
    residual = float(errors.max() / norm) if norm else 0.0
    return TopEigenvalues(np.sort(values)[::-1], residual)


class _Krylov:
    """Krylov spaces orthogonal to the eigenvectors found before, kept in `rows`."""

    def __init__(
        self, rows: NDArray[np.float32], found: Floats, tolerance: float, norm: float
    ) -> None:
        self.rows, self.found, self.tolerance, self.norm = rows, found, tolerance, norm

    def top(self, start: Floats) -> Generator[Floats, Floats, tuple[Floats, Floats]]:
        """Return the unit vector of the largest eigenvalue, and the one that came next to it."""
        steps, done = 0, False
        while not done:
            weights, done = yield from self._spanned(start)
            steps += weights.shape[1]
            kernels.combine(
                self.rows[: weights.shape[1]], weights, np.empty((len(weights), SCRATCH))
            )
            start = self.rows[0].astype(np.float64)
            start /= np.linalg.norm(start)
            following = self.rows[1].astype(np.float64) if len(weights) > 1 else 0 * start
            done = done or steps >= MOST_STEPS
        return start, following

    def _spanned(self, start: Floats) -> Generator[Floats, Floats, tuple[Floats, bool]]:
        """Span a space; return its two best vectors as weights of the rows, and if it will do."""
        diagonal, beside = np.zeros((2, len(self.rows)))
        self._orthogonalise(start)
        row = before = start
        carry, leaving = 0.0, float(np.linalg.norm(start))
        for size in range(1, len(self.rows) + 1):
            kernels.settle(row, leaving, self.rows[size - 1])
            image = yield row
            diagonal[size - 1] = kernels.recur(image, row, before, carry)
            leaving = kernels.leave(image, row, diagonal[size - 1])
            if len(self.found):
                # Last, since what a row has along them would grow from step to step.
                self._orthogonalise(image)
                leaving = float(np.linalg.norm(image))
            last = size == len(self.rows) or leaving <= ROUNDING * self.norm
            if last or size % LOOK == 0:
                weights, error = self._best(diagonal[:size], beside[: size - 1], leaving)
                # A little less, since the error that is reported is computed anew.
                if last or error <= 0.9 * self.tolerance * self.norm:
                    return weights, size < len(self.rows) or error <= self.tolerance * self.norm
            beside[size - 1] = carry = leaving
            before, row = row, image
        raise AssertionError("a space ends at its last row")

    def _best(self, diagonal: Floats, beside: Floats, leaving: float) -> tuple[Floats, float]:
        """Return weights of the two largest Ritz vectors, and the residual of the first."""
        values, vectors = eigh_tridiagonal(diagonal, beside)
        self.norm = max(self.norm, abs(values[0]), abs(values[-1]))
        return np.ascontiguousarray(vectors[:, :-3:-1].T), leaving * abs(vectors[-1, -1])

    def _orthogonalise(self, vector: Floats) -> None:
        """Take the eigenvectors found before out of the vector."""
        products = np.zeros(len(self.found))
        kernels.project(self.found, vector, products)
        kernels.subtract(self.found, products, vector)
