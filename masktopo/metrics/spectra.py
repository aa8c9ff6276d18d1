"""Singular values of layers and of their left-regular subgraphs, on one or several threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_count
from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.kernels import spectral as kernels
from masktopo.metrics.conventions import Convention
from masktopo.metrics.fallback import solve_by_library
from masktopo.metrics.workspace import Buffers, edge_values

__all__ = ["DegreeClasses", "LayerSpectrum", "degree_classes", "layer_spectra"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DegreeClasses:
    """A layer's tasks: the whole graph first, then its valid left-regular subgraphs.

    Attributes
    ----------
    rows : ndarray of int64
        Left nodes, task after task.
    bounds : ndarray of int64, shape (n_tasks + 1,)
        ``rows[bounds[t]:bounds[t + 1]]`` are the left nodes of task t.
    n_left, n_right, n_edges : ndarray of int64, shape (n_tasks,)
        Sizes without isolated nodes.
    """

    rows: Ints
    bounds: Ints
    n_left: Ints
    n_right: Ints
    n_edges: Ints

    @property
    def left_mean(self) -> Array:
        """Mean degree of the left nodes of every task; nan without edges."""
        return self.n_edges / np.where(self.n_left > 0, self.n_left, np.nan)

    @property
    def right_mean(self) -> Array:
        """Mean degree of the right nodes of every task; nan without edges."""
        return self.n_edges / np.where(self.n_right > 0, self.n_right, np.nan)


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """The two largest singular values of every task of a layer.

    Attributes
    ----------
    graph : BipartiteGraph
    classes : DegreeClasses
    unweighted : ndarray of float64, shape (n_tasks, 3)
        ``s1``, ``s2`` and the residual relative to ``s1``, of the 0/1 biadjacency.
    weighted : ndarray of float64, shape (n_tasks, 3), or None
        The same of the absolute weights; None where they are unknown.
    """

    graph: BipartiteGraph
    classes: DegreeClasses
    unweighted: Array
    weighted: Array | None


def degree_classes(graph: BipartiteGraph, convention: Convention) -> DegreeClasses:
    """List the whole layer and its valid left-regular subgraphs. O(edges)."""
    degrees = graph.left_degrees
    order = np.argsort(degrees, kind="stable")
    ordered = degrees[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(starts, append=ordered.size)
    large = (ordered[starts] >= 3) & (counts >= convention.least_nodes)
    starts, counts = starts[large], counts[large]
    active = order[np.searchsorted(ordered, 1) :]
    rows = np.concatenate(
        [active, *(order[a : a + n] for a, n in zip(starts, counts, strict=True))]
    )
    bounds = np.concatenate([[0, active.size], active.size + np.cumsum(counts)])
    n_left = np.diff(bounds)
    n_edges = np.concatenate([[graph.n_edges], counts * ordered[starts]])
    n_right = np.empty_like(n_left)
    seen = np.full(graph.n_right, -1, np.int64)
    kernels.count_right(graph.indptr, graph.indices, rows, bounds, seen, n_right)
    found = DegreeClasses(rows, bounds, n_left, n_right, n_edges)
    keep = convention.part_valid(found.left_mean, found.right_mean)
    keep[0] = True
    return _select(found, keep)


def _select(classes: DegreeClasses, keep: NDArray[np.bool_]) -> DegreeClasses:
    """Keep some of the tasks."""
    sizes = classes.n_left[keep]
    return DegreeClasses(
        rows=classes.rows[np.repeat(keep, classes.n_left)],
        bounds=np.concatenate([[0], np.cumsum(sizes)]),
        n_left=sizes,
        n_right=classes.n_right[keep],
        n_edges=classes.n_edges[keep],
    )


def layer_spectra(
    graphs: Sequence[BipartiteGraph], convention: Convention, *, threads: int = 1
) -> list[LayerSpectrum]:
    """Solve every task of every layer.

    Parameters
    ----------
    graphs : sequence of BipartiteGraph
    convention : Convention
        Decides which subgraphs are tasks.
    threads : int
        Python threads that share the work; kernels release the GIL. The result does not depend
        on their number.

    Returns
    -------
    list of LayerSpectrum
        In the order of `graphs`. Absolute error at most 1e-7 of ``s1``.

    Notes
    -----
    O(steps * edges) with some 10 to 60 steps a task. Peak memory beside the graphs is one
    workspace a thread, sized for the largest layer.
    """
    check_count("threads", threads)
    tasks = [degree_classes(graph, convention) for graph in graphs]
    order = sorted(range(len(graphs)), key=lambda number: -tasks[number].n_edges.sum())
    spare: SimpleQueue[Buffers] = SimpleQueue()
    for _ in range(threads):
        spare.put(Buffers())

    def solve(number: int) -> LayerSpectrum:
        buffers = spare.get()
        try:
            return _solve_tasks(graphs[number], tasks[number], buffers)
        finally:
            spare.put(buffers)

    if threads == 1:
        solved = dict(zip(order, map(solve, order), strict=True))
    else:
        with ThreadPoolExecutor(threads) as pool:
            solved = dict(zip(order, pool.map(solve, order), strict=True))
    return [solved[number] for number in range(len(graphs))]


def _solve_tasks(graph: BipartiteGraph, classes: DegreeClasses, buffers: Buffers) -> LayerSpectrum:
    """Solve the tasks of one layer, and repair what did not converge."""
    n_tasks = classes.n_left.size
    kinds = (False,) if graph.weights is None else (False, True)
    found = np.zeros((n_tasks, 4 * len(kinds)))
    # A regular layer is its own only class: solve it once.
    distinct = 1 if np.all(classes.n_left == classes.n_left[0]) else n_tasks
    kernels.class_spectra(
        graph.indptr,
        graph.indices,
        edge_values(graph),
        classes.rows,
        classes.bounds[: distinct + 1],
        buffers.workspace(graph),
        found[:distinct],
    )
    for kind in kinds:
        part = found[:distinct, 4 * kind : 4 * kind + 4]
        for task in np.flatnonzero(part[:, 3] == 0.0):
            rows = classes.rows[classes.bounds[task] : classes.bounds[task + 1]]
            if rows.size:
                part[task, :3] = solve_by_library(graph, rows, weighted=kind)
    found[distinct:] = found[0]
    weighted = found[:, 4:7] if graph.weights is not None else None
    return LayerSpectrum(graph, classes, found[:, :3], weighted)
