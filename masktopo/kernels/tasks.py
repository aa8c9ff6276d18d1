"""A task, or one component of it, as a CSR matrix of its own."""

import numpy as np

from masktopo._numba import kernel
from masktopo.kernels.arrays import Columns, Ints, Values
from masktopo.kernels.union import root_of
from masktopo.kernels.workspace import Workspace

__all__ = ["copy_task"]


@kernel
def _tally(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    root: int,
    work: Workspace,
) -> tuple[int, int]:
    """List the rows to copy in ``work.kept`` and right degrees in ``work.name``; count both sides.

    Edges of weight at most `drop` do not count. With `root` at least 0 only rows of that
    component (in ``work.parent``) do. O(nnz + right nodes).
    """
    weighted = values.size > 0
    degrees, kept = work.name, work.kept
    degrees[:] = 0
    n_left = 0
    for row in rows:
        found = False
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            if root >= 0 and not found and root_of(work.parent, int(indices[slot])) != root:
                break
            found = True
            degrees[indices[slot]] += 1
        if found:
            kept[n_left] = row
            n_left += 1
    n_right = 0
    for degree in degrees:
        n_right += 1 if degree > 0 else 0
    return n_left, n_right


@kernel
def copy_task(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    root: int,
    work: Workspace,
) -> tuple[int, int, int]:
    """Copy a task, or one component of it, into the workspace: its longer side as rows.

    `drop` and `root` choose as in `_tally`. Returns rows, columns and edges of the copy, where
    columns ascend within rows. Two passes. O(nnz + right nodes).
    """
    n_left, n_right = _tally(indptr, indices, values, rows, drop, root, work)
    weighted, turned = values.size > 0, n_left < n_right
    name, kept, copy = work.name, work.kept, work.indptr
    touched = edges = 0
    for column in range(name.size):
        degree = name[column]
        name[column] = touched
        if degree > 0:
            if turned:
                copy[touched] = edges
                edges += degree
            touched += 1
    edges = 0
    for new in range(n_left):
        if not turned:
            copy[new] = edges
        for slot in range(np.uint64(indptr[kept[new]]), np.uint64(indptr[kept[new] + 1])):
            if weighted and values[slot] <= drop:
                continue
            column = name[indices[slot]]
            place = edges
            if turned:
                place = copy[column]
                copy[column] += 1
            work.indices[place] = new if turned else column
            if weighted:
                work.values[place] = values[slot]
            edges += 1
    if not turned:
        copy[n_left] = edges
        return n_left, n_right, edges
    for line in range(n_right, 0, -1):
        copy[line] = copy[line - 1]
    copy[0] = 0
    return n_right, n_left, edges


@kernel
def _count_right(indptr: Ints, indices: Columns, rows: Ints, seen: Ints) -> int:
    """Count the right nodes that `rows` touch. O(nnz)."""
    seen[:] = 0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            seen[indices[slot]] = 1
    touched = 0
    for mark in seen:
        touched += mark
    return touched
