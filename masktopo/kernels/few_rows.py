"""Tasks of a few left nodes with many edges each, such as a language model's degree classes.

Their Gram matrix ``B B^T`` is that of the left nodes. It is added up over blocks of right nodes,
in which the rows are written out with their zeros, so that they meet in vector registers; a sparse
product would look at every pair of edges that share a right node.
"""

import numpy as np

from masktopo._numba import kernel, summing_kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.component import leftover
from masktopo.kernels.gram import multiply_gram
from masktopo.kernels.householder import solve_gram
from masktopo.kernels.union import root_of
from masktopo.kernels.vectors import dot, line, scale
from masktopo.kernels.workspace import FIRST_VECTOR, Pair, Workspace

__all__ = ["are_few_rows", "solve_few_rows"]

WIDTH = 256
"""Right nodes of a block."""

FEW = 64
"""Rows of a task that are few: Householder's n^3 still costs less than forming the matrix."""

GRAMS = 2 * FEW * FEW
"""Place for the Gram matrix and a copy of it; the block lies behind them."""

ROOM = GRAMS + (FEW + 3) * WIDTH
"""Place for all of it: rows are taken four at a time, so three may lie behind the last one."""

FEW_EDGES = 4096


@kernel
def are_few_rows(n_rows: int, edges: int, work: Workspace) -> bool:
    """Whether a task is one of few rows in which at least every fifth place is an edge."""
    return (
        2 <= n_rows <= FEW
        and edges >= FEW_EDGES
        and 5 * edges >= n_rows * work.name.size
        and work.gram.size >= ROOM
    )


@kernel
def solve_few_rows(
    indptr: Ints, indices: Columns, values: Values, rows: Ints, edges: int, work: Workspace
) -> tuple[Pair, int]:
    """Solve a task of few rows, and count the right nodes that it touches.

    Not converged where the rows are not one component by edges that matter, or where the second
    value is too small for a Gram matrix: then the general way must be taken.
    O(rows^2 right nodes).
    """
    n = rows.size
    touched = _fill_row_gram(indptr, indices, values, rows, work)
    trace = 0.0
    for i in range(n):
        trace += work.gram[i * n + i]
    # A pair of rows above this shares an edge pair that `negligible` would not drop: no product
    # of two weights exceeds the trace.
    least = 0.5
    if values.size > 0:
        least = 1e-10 * trace * work.name.size / np.sqrt(float(edges))
    if not _is_joined(work.gram, n, least, work.parent):
        return Pair(0.0, 0.0, 0.0, False), touched
    return _solve_row_gram(n, work), touched


@kernel
def _fill_row_gram(
    indptr: Ints, indices: Columns, values: Values, rows: Ints, work: Workspace
) -> int:
    """Upper triangle of ``B B^T`` of some rows; count the columns they touch. See the head."""
    n, n_right = rows.size, work.name.size
    gram, block = work.gram[: n * n], work.gram[GRAMS:ROOM]
    cursor, weighted = work.indptr, values.size > 0
    gram[:] = 0.0
    touched = 0
    for new in range(n):
        cursor[new] = indptr[rows[new]]
    for start in range(0, n_right, WIDTH):
        block[:] = 0.0
        for new in range(n):
            written = line(block, new, WIDTH)
            slot, end = np.uint64(cursor[new]), np.uint64(indptr[rows[new] + 1])
            while slot < end and indices[slot] < start + WIDTH:
                column = np.int64(indices[slot]) - start
                written[column] = values[slot] if weighted else 1.0
                slot += np.uint64(1)
            cursor[new] = slot
        _add_products(block, n, gram)
        touched += _count_columns(block, n)
    return touched


@summing_kernel
def _add_products(block: Floats, n: int, gram: Floats) -> None:
    """Add the products of all pairs of a block's rows to the upper triangle. O(n^2)."""
    for i in range(n):
        row = line(block, i, WIDTH)
        for j in range(i, n, 4):
            first, second = line(block, j, WIDTH), line(block, j + 1, WIDTH)
            third, fourth = line(block, j + 2, WIDTH), line(block, j + 3, WIDTH)
            a = b = c = d = 0.0
            for place in range(WIDTH):
                a += row[place] * first[place]
                b += row[place] * second[place]
                c += row[place] * third[place]
                d += row[place] * fourth[place]
            gram[i * n + j] += a
            if j + 1 < n:
                gram[i * n + j + 1] += b
            if j + 2 < n:
                gram[i * n + j + 2] += c
            if j + 3 < n:
                gram[i * n + j + 3] += d


@summing_kernel
def _count_columns(block: Floats, n: int) -> int:
    """Count the columns of a block in which any row has an edge; overwrites its first row."""
    total = line(block, 0, WIDTH)
    for i in range(1, n):
        row = line(block, i, WIDTH)
        for place in range(WIDTH):
            total[place] += row[place]
    touched = 0
    for place in range(WIDTH):
        touched += 1 if total[place] > 0.0 else 0
    return touched


@kernel
def _is_joined(gram: Floats, n: int, least: float, parent: Ints) -> bool:
    """Whether pairs of rows with a product above `least` join all rows. O(n^2)."""
    for i in range(n):
        parent[i] = i
    apart = n - 1
    for i in range(n):
        for j in range(i + 1, n):
            if gram[i * n + j] > least:
                low, high = root_of(parent, i), root_of(parent, j)
                apart -= 1 if low != high else 0
                parent[max(low, high)] = min(low, high)
    return apart == 0


@kernel
def _solve_row_gram(n: int, work: Workspace) -> Pair:
    """Two largest singular values from the Gram matrix of the rows, with residuals. O(n^3)."""
    gram, kept = work.gram[: n * n], work.gram[n * n : 2 * n * n]
    kept[:] = gram
    first, second = solve_gram(gram, n, work.basis, work.alpha, work.beta, work.last, work.scratch)
    if second <= 1e-10 * first:
        return Pair(0.0, 0.0, 0.0, False)
    image = work.image[:n]
    first, residual = _gram_residual(kept, line(work.basis, FIRST_VECTOR, n), image)
    second, low_residual = _gram_residual(kept, line(work.basis, FIRST_VECTOR + 1, n), image)
    residual = max(residual / first, low_residual / np.sqrt(first * second))
    return Pair(np.sqrt(first), np.sqrt(second), residual, residual <= 1e-7)


@kernel
def _gram_residual(gram: Floats, vector: Floats, image: Floats) -> tuple[float, float]:
    """Rayleigh quotient of a Gram matrix at `vector`, and the norm of what it leaves. O(n^2)."""
    scale(vector, 1.0 / np.sqrt(dot(vector, vector)))
    multiply_gram(gram, vector, image)
    return leftover(vector, image)
