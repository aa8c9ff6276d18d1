"""The largest eigenvalues of a symmetric operator on long vectors, multiplicity respected."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.kernels import basis as kernels

__all__ = ["TopEigenvalues", "top_eigenvalues"]

Floats = NDArray[np.float64]

DENSE = 64
"""Operators of at most so many rows are written out."""

MOST_ROWS = 12
"""Rows of the space before it is shrunk. More save few products, and cost more to keep apart."""

MOST_STEPS = 500

SCRATCH = 1024

LITTLE = 0.1
"""Length of what is left of a vector, relative to what was taken out, that asks for more."""

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
        Largest residual, relative to the first value.

    Returns
    -------
    TopEigenvalues
        Its residual is above the tolerance where 500 products did not reach that.

    Notes
    -----
    Lanczos with thick restarts, one eigenvector after the other, each from a start of its own
    that is orthogonal to those before: from one start alone, a Krylov space holds every
    eigenvalue once. The starts are the same in every call. A step takes one product and
    O(14 n); the space is kept orthogonal to rounding, since otherwise copies of converged values
    come up. The residuals are those of the final vectors, computed from a further product.

    References
    ----------
    Wu, Simon: *Thick-Restart Lanczos Method for Large Symmetric Eigenvalue Problems*, SIAM J.
    Matrix Anal. Appl. 22, 2000.

    Examples
    --------
    >>> diagonal = np.minimum(np.arange(1000.0), 998)
    >>> top_eigenvalues(lambda vector: vector * diagonal, 1000, 2).values.round(6)
    array([998., 998.])
    """
    if n <= DENSE:
        matrix = np.array([multiply(unit) for unit in np.eye(n)])
        return TopEigenvalues(np.linalg.eigvalsh(matrix)[::-1][:count].copy(), 0.0)
    space = _Space(n, count)
    values, errors = np.array([space.top(multiply, tolerance) for _ in range(count)]).T
    residual = float(errors.max() / space.norm) if space.norm else 0.0
    return TopEigenvalues(np.sort(values)[::-1], residual)


class _Space:
    """Orthonormal rows: eigenvectors found before, then those that span the space.

    The row behind the space is the one by which it grows next.
    """

    def __init__(self, n: int, count: int) -> None:
        self.rows = np.empty((count + MOST_ROWS + 1, n))
        self.matrix = np.zeros((MOST_ROWS, MOST_ROWS))
        self.found = self.size = 0
        self.norm = 0.0
        self.rng = np.random.default_rng(0)

    def top(self, multiply: Callable[[Floats], Floats], tolerance: float) -> tuple[float, float]:
        """Find the largest eigenvalue that is left, and the error of its vector."""
        self._begin()
        for _ in range(MOST_STEPS):
            leaving = self._grow(multiply)
            values, vectors = np.linalg.eigh(self.matrix[: self.size, : self.size])
            self.norm = max(self.norm, abs(values[0]), abs(values[-1]))
            # A little less, since the error that is reported is computed anew, with its rounding.
            if leaving * abs(vectors[-1, -1]) <= 0.9 * tolerance * self.norm:
                break
            if self.size == MOST_ROWS:
                self._shrink(values[::-1], vectors[:, ::-1])
        self._combine(vectors[:, :-3:-1])
        vector = self.rows[self.found]
        self.found += 1
        return float(values[-1]), float(np.linalg.norm(multiply(vector) - values[-1] * vector))

    def _grow(self, multiply: Callable[[Floats], Floats]) -> float:
        """Take the next row in; return the length of what its image has outside the space."""
        image = multiply(self.rows[self.found + self.size])
        self.size += 1
        products = self._orthogonalise(image)[self.found :]
        self.matrix[self.size - 1, : self.size] = products
        self.matrix[: self.size, self.size - 1] = products
        length = float(np.linalg.norm(image))
        if length <= ROUNDING * np.abs(products).max():
            return 0.0  # An invariant space: with its random start it holds every eigenvalue.
        np.divide(image, length, out=self.rows[self.found + self.size])
        return length

    def _shrink(self, values: Floats, vectors: Floats) -> None:
        """Keep the better half of the space."""
        kept = MOST_ROWS // 2
        following = self.rows[self.found + self.size].copy()
        self._combine(vectors[:, :kept])
        self.rows[self.found + kept] = following
        self.matrix[:] = 0.0
        self.matrix[range(kept), range(kept)] = values[:kept]
        self.size = kept

    def _begin(self) -> None:
        """Start at random, and after the first vector at what came next to it as well."""
        n = self.rows.shape[1]
        start = self.rng.standard_normal(n) / np.sqrt(n)
        if self.size > 1:
            start += MEMORY * self.rows[self.found]
        self.size = 0
        self._orthogonalise(start)
        self.rows[self.found] = start / np.linalg.norm(start)

    def _combine(self, vectors: Floats) -> None:
        """Overwrite the first rows of the space by combinations of all."""
        space = self.rows[self.found : self.found + self.size]
        factors = np.ascontiguousarray(vectors.T)
        kernels.combine(space, factors, np.empty((len(factors), SCRATCH)))

    def _orthogonalise(self, vector: Floats) -> Floats:
        """Take all rows out of the vector; return the inner products with them.

        Once more where little of the vector is left, since rounding is relative to what was
        taken out: twice is enough.
        """
        rows = self.rows[: self.found + self.size]
        total = np.zeros(len(rows))
        for _ in range(2):
            products = np.zeros(len(rows))
            kernels.project(rows, vector, products)
            kernels.subtract(rows, products, vector)
            total += products
            if np.linalg.norm(vector) > LITTLE * np.linalg.norm(products):
                break
        return total
