"""The two eigenvalues behind the expansion of a connected graph, bounded on the safe side.

With B the biadjacency and D the degrees: t2, the second singular value of
``DL^-1/2 B DR^-1/2``, and a2, the second eigenvalue of ``D - A``. Both eliminate the longer side:
the Gram matrix ``G = B^T D_long^-1 B`` of the shorter one gives t2 after scaling, and
``D_short - G`` is the Schur complement that solves with ``D - A``. Where the shorter side is too
long for that, graphs that are like a path are solved by a banded factor of ``D - A`` itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo._random import stream
from masktopo.metrics.expansion_sides import Rows, Sides
from masktopo.metrics.lanczos import largest_eigenvalue

__all__ = ["Mode", "laplacian_mode", "normalised_mode", "short_gram"]

Floats = NDArray[np.float64]
Product = Callable[[Floats], Floats]

DENSE_SIDE = 1024
"""Shorter sides up to this size are solved with a dense Gram matrix."""

DENSE_WORK = 3e10
"""Multiplications up to which the Gram matrix is formed."""

DENSE_NODES = 512
"""Graphs of up to as many nodes have ``D - A`` solved as a dense matrix."""

BLOCK = 2**21
"""Entries of the dense block of rows from which the Gram matrix is summed."""

TIGHT = 1e-6
"""How near a bound from an inverse shall be, where a product costs little."""

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Mode:
    """An eigenvalue, what is certain of it, and the order of nodes that its vector gives.

    Attributes
    ----------
    value : float
        As computed.
    bound : float
        Not below the true t2, or not above the true a2.
    certain : bool
        Whether the bound is proved but for rounding, which it allows for. Otherwise it comes
        from a Lanczos run and fails for one random start in 10^12.
    scores : ndarray of float64, shape (n_left + n_right,)
        Entries of the vector, for t2 divided by the square roots of the degrees.
    """

    value: float
    bound: float
    certain: bool
    scores: Floats


def _long_short(sides: Sides) -> tuple[Rows, Rows]:
    """Return the graph seen from its longer side and from its shorter side."""
    if sides.n_left >= sides.n_right:
        return sides.by_left, sides.by_right
    return sides.by_right, sides.by_left


def _left_first(sides: Sides, on_long: Floats, on_short: Floats) -> Floats:
    parts = (on_long, on_short) if sides.n_left >= sides.n_right else (on_short, on_long)
    return np.concatenate(parts)


def short_gram(sides: Sides) -> Floats | None:
    """Return ``B^T D_long^-1 B`` on the shorter side, or None where it would cost too much.

    O(n_long n_short^2) in BLAS, by blocks of rows of at most 16 MB.
    """
    rows, turned = _long_short(sides)
    n_long, n_short = rows.degrees.size, turned.degrees.size
    if n_short > DENSE_SIDE or float(n_long) * n_short**2 > DENSE_WORK:
        return None
    gram = np.zeros((n_short, n_short))
    height = max(BLOCK // n_short, 1)
    for start in range(0, n_long, height):
        degrees = rows.degrees[start : start + height]
        columns = rows.indices[rows.indptr[start] : rows.indptr[start + degrees.size]]
        block = np.zeros((degrees.size, n_short))
        places = np.repeat(np.arange(degrees.size), degrees)
        block[places, columns] = np.repeat(degrees**-0.5, degrees)
        gram += block.T @ block
    return gram


def normalised_mode(sides: Sides, gram: Floats | None, inverse: Product | None, seed: int) -> Mode:
    """Find t2 of a connected graph and a bound from above.

    Parameters
    ----------
    sides : Sides
    gram : ndarray or None
        What `short_gram` gave; None chooses Lanczos.
    inverse : callable or None
        What `band_inverse` gave: without a Gram matrix, Lanczos runs on this inverse if it can.
    seed : int

    Returns
    -------
    Mode
    """
    if gram is None and inverse is not None:
        return _inverted_mode(sides, inverse, seed)
    long, short = _long_short(sides)
    roots = np.sqrt(short.degrees)
    first = roots / np.sqrt(sides.n_edges)
    if gram is not None:
        value, bound, vector = _dense_normalised(gram, roots, first, long.degrees.size)
    else:
        product = _normalised_product(long, short)
        value, bound, vector = largest_eigenvalue(product, first, stream(seed, 0), norm=1.0)
    t2, t2_bound = np.sqrt(max(value, 0.0)), min(np.sqrt(max(bound, 0.0)), 1.0)
    on_short = vector / roots
    on_long = long.times(on_short) / long.degrees
    # The singular vector of the other side is the image divided by t2, unless that is rounding.
    on_long = on_long / t2 if t2 > 1e-7 else np.zeros_like(on_long)
    scores = _left_first(sides, on_long, on_short)
    return Mode(float(t2), float(t2_bound), gram is not None, scores)


def _inverted_mode(sides: Sides, inverse: Product, seed: int) -> Mode:
    """Find t2 by Lanczos on the inverse of the normalised Laplacian, whose second is 1 - t2."""
    roots = np.sqrt(sides.degrees)
    first = roots / np.sqrt(2 * sides.n_edges)
    largest = largest_eigenvalue(
        lambda x: roots * inverse(roots * x), first, stream(seed, 0), tolerance=TIGHT
    )
    # Backward stable: rounding moves 1 - t2 by a small multiple of n eps.
    bound = 1 - 1 / largest.bound + 8 * roots.size * EPS
    t2 = max(1 - 1 / largest.value, 0.0)
    return Mode(t2, min(bound, 1.0), False, largest.vector / roots)


def _dense_normalised(
    gram: Floats, roots: Floats, first: Floats, n_long: int
) -> tuple[float, float, Floats]:
    from scipy.linalg import eigh

    n = roots.size
    matrix = gram / np.outer(roots, roots) - np.outer(first, first)
    values, vectors = eigh(matrix, subset_by_index=[n - 1, n - 1], overwrite_a=True)
    # Sums of n_long positive terms err by n_long eps relative to a matrix of norm 1, and a
    # backward stable solver by a small multiple of n eps (Weyl).
    return values[0], values[0] + 8 * (n_long + n) * EPS, vectors[:, 0]


def _normalised_product(long: Rows, short: Rows) -> Product:
    roots = np.sqrt(short.degrees)

    def multiply(x: Floats) -> Floats:
        return short.times(long.times(x / roots) / long.degrees) / roots

    return multiply


def laplacian_mode(sides: Sides, gram: Floats | None, inverse: Product | None, seed: int) -> Mode:
    """Find a2 of a connected graph, a bound from below, and its Fiedler vector.

    Small graphs are solved as dense matrices. Others by Lanczos: on the inverse of ``D - A``,
    where few steps suffice, if there is a Gram matrix or a band; else on ``c - (D - A)``.
    Parameters and result are those of `normalised_mode`.
    """
    long, short = _long_short(sides)
    n = sides.degrees.size
    # Eigenvalues of D - A are at most the largest sum of an edge's two degrees.
    norm = float(long.degrees.max() + short.degrees.max())
    ones, rng = np.full(n, n**-0.5), stream(seed, 1)
    if n <= DENSE_NODES:
        value, vector = _dense_laplacian(long, short, norm)
        bound = value
    elif gram is not None:
        largest = largest_eigenvalue(_inverse_product(long, short, gram), ones, rng)
        value, bound, vector = 1 / largest.value, 1 / largest.bound, largest.vector
    elif inverse is not None:
        largest = largest_eigenvalue(inverse, ones, rng, tolerance=TIGHT)
        value, bound, vector = 1 / largest.value, 1 / largest.bound, largest.vector
    else:
        product = _flipped_product(long, short, norm)
        largest = largest_eigenvalue(product, ones, rng, norm=norm)
        value, bound, vector = norm - largest.value, norm - largest.bound, largest.vector
    # All routes are backward stable: rounding moves a2 by a small multiple of n eps norm.
    bound = max(float(bound) - 8 * n * EPS * norm, 0.0)
    if n <= DENSE_NODES or gram is not None or inverse is None:
        vector = _left_first(sides, *np.split(vector, [long.degrees.size]))
    return Mode(float(value), bound, n <= DENSE_NODES, vector)


def _dense_laplacian(long: Rows, short: Rows, norm: float) -> tuple[float, Floats]:
    from scipy.linalg import eigh

    n_long = long.degrees.size
    matrix = np.diag(np.concatenate([long.degrees, short.degrees]).astype(np.float64))
    places = np.repeat(np.arange(n_long), long.degrees)
    columns = n_long + long.indices.astype(np.int64)
    matrix[places, columns] = matrix[columns, places] = -1.0
    # The constant vector, whose eigenvalue is 0, is moved beyond all others.
    matrix += norm / len(matrix)
    values, vectors = eigh(matrix, subset_by_index=[0, 0], overwrite_a=True)
    return values[0], vectors[:, 0]


def _inverse_product(long: Rows, short: Rows, gram: Floats) -> Product:
    """Return the inverse of ``D - A`` on vectors of sum 0, up to a multiple of the ones."""
    from scipy.linalg import cho_factor, cho_solve

    n_long = long.degrees.size
    schur = np.diag(short.degrees.astype(np.float64)) - gram
    # The constant vector alone is in its kernel, and right-hand sides have sum 0.
    schur += short.degrees.mean() / short.degrees.size
    factor = cho_factor(schur, lower=True, overwrite_a=True)

    def multiply(x: Floats) -> Floats:
        on_long, on_short = x[:n_long], x[n_long:]
        on_short = cho_solve(factor, on_short + short.times(on_long / long.degrees))
        return np.concatenate([(on_long + long.times(on_short)) / long.degrees, on_short])

    return multiply


def _flipped_product(long: Rows, short: Rows, norm: float) -> Product:
    """Return ``norm - (D - A)``, which has the eigenvalues of ``D - A`` in reverse order."""
    n_long = long.degrees.size
    left_over = norm - np.concatenate([long.degrees, short.degrees])

    def multiply(x: Floats) -> Floats:
        across = np.concatenate([long.times(x[n_long:]), short.times(x[:n_long])])
        return np.asarray(left_over * x + across, np.float64)

    return multiply
