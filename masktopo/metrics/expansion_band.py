"""Solving with the Laplacian ``D - A`` of graphs that are like a path.

Where nodes can be numbered so that all edges join near ones, Gaussian elimination stays within a
narrow band. Such graphs are those on which Lanczos without an inverse needs the most steps, since
their eigenvalues crowd together like those of a path.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.metrics.expansion_sides import Sides

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["band_inverse"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAND_ENTRIES = 2**22
"""Entries of the band up to which it is factored: 32 MB."""


def band_inverse(sides: Sides) -> Callable[[Floats], Floats] | None:
    """Return the inverse of ``D - A`` on vectors of sum 0, up to a multiple of the ones.

    Parameters
    ----------
    sides : Sides
        Of a connected graph.

    Returns
    -------
    callable or None
        Vectors hold left nodes first. None where the band would have over `BAND_ENTRIES`.

    Notes
    -----
    O(n band^2) once, by banded Cholesky in the order of Cuthill and McKee, and O(n band) for
    every product.
    """
    from scipy.linalg import cho_solve_banded, cholesky_banded
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = sides.degrees.size
    # No numbering brings all neighbours of a node nearer than half of them.
    if max(int(sides.degrees.max()) // 2, 1) * n > BAND_ENTRIES:
        return None
    order = reverse_cuthill_mckee(_adjacency(sides), symmetric_mode=True).astype(np.int64)
    low, high = _ends(sides, order)
    width = int((high - low).max())
    if (width + 1) * n > BAND_ENTRIES:
        return None
    # The last node is held at 0, which makes the matrix definite.
    inner = high < n - 1
    band = np.zeros((width + 1, n - 1))
    band[0] = sides.degrees[order[:-1]]
    band[(high - low)[inner], low[inner]] = -1.0
    factor = cholesky_banded(band, lower=True, overwrite_ab=True, check_finite=False)

    def multiply(x: Floats) -> Floats:
        out = np.zeros(n)
        out[order[:-1]] = cho_solve_banded((factor, True), x[order[:-1]], check_finite=False)
        return out

    return multiply


def _adjacency(sides: Sides) -> "csr_array":
    """Both sides together, left first."""
    from scipy.sparse import csr_array

    left, right = sides.by_left, sides.by_right
    indptr = np.concatenate([left.indptr, left.indptr[-1] + right.indptr[1:]])
    indices = np.concatenate([left.indices.astype(np.int64) + sides.n_left, right.indices])
    n = sides.degrees.size
    return csr_array((np.ones(indices.size), indices, indptr), shape=(n, n))


def _ends(sides: Sides, order: Ints) -> tuple[Ints, Ints]:
    """Return the places in an order of every edge's ends, the smaller and the larger."""
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    left = np.repeat(rank[: sides.n_left], sides.by_left.degrees)
    right = rank[sides.n_left :][sides.by_left.indices]
    return np.minimum(left, right), np.maximum(left, right)
