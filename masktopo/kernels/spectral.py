"""The two largest singular values of bipartite graphs, one layer and all its degree classes.

A *task* is a set of left nodes with all their edges. It is split into connected components
first, since the largest singular value of a connected graph is simple (Perron-Frobenius): a
repeated one, which a Krylov space cannot show, then comes from two components. A component is
copied into a small CSR matrix whose rows are its longer side, and solved on its shorter side

- by Householder and bisection on the Gram matrix, where that side has at most `SMALL` nodes
  (where these are left nodes with many edges, without a copy: see `few_rows`);
- else by Lanczos on ``B^T B`` with full reorthogonalisation, which moves on to a dense Gram
  matrix when that makes the remaining steps cheaper.

Residuals are computed from the vectors, not estimated. A second value below 1e-5 of the first is
refined on the deflated matrix, since a Gram matrix cannot resolve it.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Floats, Ints, Values
from masktopo.kernels.component import solve_component
from masktopo.kernels.few_rows import are_few_rows, solve_few_rows
from masktopo.kernels.tasks import _count_right, copy_task
from masktopo.kernels.union import is_connected, join_right, negligible, root_of, weight_range
from masktopo.kernels.vectors import fill_random
from masktopo.kernels.workspace import IN_PLACE, Pair, Workspace

__all__ = ["class_spectra", "solve_components", "sort_by_degree"]


@kernel
def solve_components(
    indptr: Ints, indices: Columns, values: Values, rows: Ints, work: Workspace
) -> Pair:
    """Two largest singular values of a task over all its components.

    Components come in the order of their Frobenius norms, which bound their singular values,
    until none can change the result. Weights too small to move a singular value by 1e-10 of the
    largest weight (Weyl) join no components, since a link so weak hides a repeated value. In a
    large layer a component of most edges is solved where it lies: the start vector is zero
    outside of it, and so are all its images.
    """
    drop = negligible(indptr, values, rows)
    weighted = values.size > 0
    parent, norms = work.parent[: work.name.size], work.norms
    components, edges = join_right(indptr, indices, values, rows, drop, parent, norms)
    in_place = edges == indices.size and edges > IN_PLACE
    total = np.sum(norms)
    first = second = residual = 0.0
    converged = True
    for _ in range(components):
        root = int(np.argmax(norms))
        if np.sqrt(norms[root]) <= second:
            break
        if in_place and 2 * norms[root] > total:
            fill_random(work.start[: parent.size], edges)
            for column in range(parent.size):
                if parent[column] < 0 or root_of(parent, column) != root:
                    work.start[column] = 0.0
            pair = solve_component(indptr, indices, values, parent.size, work)
        else:
            n_rows, n, size = copy_task(indptr, indices, values, rows, drop, root, work)
            fill_random(work.start[:n], size)
            copy, columns = work.indptr[: n_rows + 1], work.indices[:size]
            kept = work.values[: size if weighted else 0]
            pair = solve_component(copy, columns, kept, n, work)
        norms[root] = 0.0
        second = max(second, min(first, pair.first), pair.second)
        first = max(first, pair.first)
        residual = max(residual, pair.residual)
        converged = converged and pair.converged
    return Pair(first, second, residual, converged)


@kernel
def sort_by_degree(indptr: Ints, tally: Ints, order: Ints) -> int:
    """List left nodes by degree. O(left nodes).

    `tally` has room for every degree and the next, and starts as zeros; it ends as the place in
    `order` where every degree begins. Returns the number of left nodes without edges.
    """
    for row in range(indptr.size - 1):
        tally[indptr[row + 1] - indptr[row] + 1] += 1
    for degree in range(tally.size - 1):
        tally[degree + 1] += tally[degree]
    for row in range(indptr.size - 1):
        degree = indptr[row + 1] - indptr[row]
        order[tally[degree]] = row
        tally[degree] += 1
    for degree in range(tally.size - 1, 0, -1):
        tally[degree] = tally[degree - 1]
    tally[0] = 0
    return int(tally[1])


@kernel
def _store(pair: Pair, out: Floats) -> None:
    """Write a pair as two values, the residual, and 1.0 if it converged."""
    out[0] = pair.first
    out[1] = pair.second
    out[2] = pair.residual
    out[3] = 1.0 if pair.converged else 0.0


@kernel
def _solve_copied(
    n_rows: int, n: int, edges: int, weights: bool, work: Workspace, out: Floats
) -> tuple[bool, bool]:
    """Solve the task that was copied, mask and weights, where it is one component.

    Returns which of the two were solved.
    """
    indptr, columns = work.indptr[: n_rows + 1], work.indices[:edges]
    none, kept = work.values[:0], work.values[: edges if weights else 0]
    if not is_connected(indptr, columns, none, -1.0, n, work.parent):
        return False, False
    fill_random(work.start[:n], edges)
    if edges == n_rows * n:
        _store(Pair(np.sqrt(float(edges)), 0.0, 0.0, True), out)
    else:
        _store(solve_component(indptr, columns, none, n, work), out)
    if not weights:
        return True, False
    least, drop = weight_range(kept)
    if least <= drop and not is_connected(indptr, columns, kept, drop, n, work.parent):
        return True, False
    _store(solve_component(indptr, columns, kept, n, work), out[4:])
    return True, True


@kernel
def class_spectra(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    starts: Ints,
    stops: Ints,
    first_task: int,
    per_right: int,
    extra: int,
    work: Workspace,
    n_right: Ints,
    out: NDArray[np.float64],
) -> None:
    """Two largest singular values of many tasks: ``rows[starts[t]:stops[t]]`` is task t.

    Tasks before `first_task` are left alone.

    `n_right` receives the right nodes that every task touches. A task but number 0 is solved
    only if it has at least ``per_right * n_right + extra`` edges; otherwise its row is nan. Row
    t of `out` receives both values, the residual and 1.0 if it converged, for the 0/1 matrix
    and, where there are `values`, behind them for the weights.
    """
    none = values[:0]
    for task in range(first_task, starts.size):
        part = rows[starts[task] : stops[task]]
        n_edges = 0
        for row in part:
            n_edges += indptr[row + 1] - indptr[row]
        n_right[task] = 0
        unweighted = weighted = False
        few = are_few_rows(part.size, n_edges, work)
        if few:
            pair, n_right[task] = solve_few_rows(indptr, indices, none, part, n_edges, work)
        elif n_edges > IN_PLACE:
            n_right[task] = _count_right(indptr, indices, part, work.name)
        elif n_edges > 0:
            n_rows, n, edges = copy_task(indptr, indices, values, part, -1.0, -1, work)
            n_right[task] = n_rows + n - part.size
        if task > 0 and n_edges < per_right * n_right[task] + extra:
            out[task] = np.nan
            continue
        if few:
            _store(pair, out[task])
            unweighted = pair.converged
            if values.size:
                pair, _ = solve_few_rows(indptr, indices, values, part, n_edges, work)
                _store(pair, out[task, 4:])
                weighted = pair.converged
        elif 0 < n_edges <= IN_PLACE:
            unweighted, weighted = _solve_copied(n_rows, n, edges, values.size > 0, work, out[task])
        if not unweighted:
            _store(solve_components(indptr, indices, none, part, work), out[task])
        if values.size and not weighted:
            _store(solve_components(indptr, indices, values, part, work), out[task, 4:])
