"""What the spectral kernels share: scratch arrays, limits, and their answer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktopo.kernels.arrays import Columns, Floats, Ints

__all__ = ["FIRST_VECTOR", "IN_PLACE", "MAX_STEPS", "SMALL", "TOLERANCE", "Pair", "Workspace"]

SMALL = 32
"""Shorter sides up to this size are solved directly."""

MAX_STEPS = 320
"""Rows of the Lanczos basis; a task that needs more is reported as not converged."""

TOLERANCE = 1e-8
"""Residual, relative to the larger singular value, at which Lanczos stops."""

FIRST_VECTOR = MAX_STEPS + 1
"""Row of the basis that holds the first singular vector; the second one follows."""

IN_PLACE = 2**20
"""Edges from which a component that spans most of a layer is not copied."""


class Workspace(NamedTuple):
    """Scratch arrays of one thread, sized for its largest task."""

    parent: Ints  # longer side: union-find
    name: Ints  # right nodes: their number within the component
    norms: Floats  # right nodes: squared Frobenius norm of a component, at its root
    kept: Ints  # left nodes of the component
    indptr: Ints  # longer side + 1
    indices: Columns  # edges
    values: NDArray[np.floating]  # edges; empty where there are no weights
    start: Floats  # shorter side
    left: Floats  # longer side
    image: Floats  # longer side
    alpha: Floats  # MAX_STEPS: diagonal of a tridiagonal matrix
    beta: Floats  # MAX_STEPS: beside the diagonal
    last: Floats  # MAX_STEPS: an eigenvector of it
    scratch: Floats  # MAX_STEPS
    basis: Floats  # MAX_STEPS + 3 rows of the shorter side, flat
    gram: Floats  # square of the shorter side, flat, where a Gram matrix is allowed


class Pair(NamedTuple):
    """The two largest singular values of a task, with what is known of their error."""

    first: float
    second: float
    residual: float  # the larger of both residuals, relative to `first`
    converged: bool
