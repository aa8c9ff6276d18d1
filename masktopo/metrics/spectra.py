"""Singular values of layers and of their left-regular subgraphs, on one or several threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_count
from masktopo._threads import map_threads
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.kernels import spectral as kernels
from masktopo.masks.layer import LayerMask
from masktopo.metrics.conventions import Convention
from masktopo.metrics.dense_layers import is_hardly_sparse, solve_dense_layer
from masktopo.metrics.library import prove, solve_by_library
from masktopo.metrics.workspace import Buffers, edge_values, in_range

__all__ = ["DegreeClasses", "LayerSpectrum", "degree_classes", "from_layers", "layer_spectra"]

Result = TypeVar("Result")

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_DEGREE = 3
"""Left-regular subgraphs of a smaller degree are never valid."""


@dataclass(frozen=True, eq=False)
class DegreeClasses:
    """A layer's tasks: the whole graph first, then its left-regular subgraphs by degree.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_left,)
        Left nodes by degree.
    starts, stops : ndarray of int64, shape (n_tasks,)
        ``rows[starts[t]:stops[t]]`` are the left nodes of task t.
    """

    rows: Ints
    starts: Ints
    stops: Ints


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """The two largest singular values of a layer and of its valid left-regular subgraphs.

    Attributes
    ----------
    graph : BipartiteGraph
    n_left, n_right, n_edges : ndarray of int64, shape (1 + n_subgraphs,)
        Sizes without isolated nodes; the whole layer comes first.
    unweighted : ndarray of float64, shape (1 + n_subgraphs, 3)
        ``s1``, ``s2`` and the residual relative to ``s1``, of the 0/1 biadjacency.
    weighted : ndarray of float64, shape (1 + n_subgraphs, 3), or None
        The same of the absolute weights; None where they are unknown.
    """

    graph: BipartiteGraph
    n_left: Ints
    n_right: Ints
    n_edges: Ints
    unweighted: Array
    weighted: Array | None

    @property
    def left_mean(self) -> Array:
        """Mean degree of the left nodes, shape (1 + n_subgraphs,); nan without edges."""
        return self.n_edges / np.where(self.n_left > 0, self.n_left, np.nan)

    @property
    def right_mean(self) -> Array:
        """Mean degree of the right nodes, shape (1 + n_subgraphs,); nan without edges."""
        return self.n_edges / np.where(self.n_right > 0, self.n_right, np.nan)


def degree_classes(graph: BipartiteGraph, convention: Convention) -> DegreeClasses:
    """List the whole layer and its left-regular subgraphs of enough left nodes. O(n_left)."""
    tally = np.zeros(graph.n_right + 2, np.int64)
    order = np.empty(graph.n_left, np.int64)
    isolated = kernels.sort_by_degree(graph.indptr, tally, order)
    counts = np.diff(tally)
    degrees = np.flatnonzero(counts >= convention.least_nodes)
    degrees = degrees[degrees >= LEAST_DEGREE]
    return DegreeClasses(
        rows=order,
        starts=np.concatenate([[isolated], tally[degrees]]),
        stops=np.concatenate([[order.size], tally[degrees] + counts[degrees]]),
    )


def layer_spectra(
    graphs: Sequence[BipartiteGraph],
    convention: Convention,
    *,
    certify: bool = False,
    threads: int = 1,
) -> list[LayerSpectrum]:
    """Solve every task of every layer.

    Parameters
    ----------
    graphs : sequence of BipartiteGraph
    convention : Convention
        Decides which subgraphs are tasks.
    certify : bool
        Prove that the values are the two largest, multiplicity included, by dense linear
        algebra: O(n^3) in the shorter side. Otherwise the kernels' Lanczos is trusted, which
        misses a value in fewer than 1 of 10^4 cases.
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
    solve = _solver(convention, certify, threads)
    return map_threads(solve, graphs, threads, cost=lambda graph: graph.n_edges)


def from_layers(
    finish: Callable[[LayerSpectrum], Result],
    layers: Sequence[LayerMask],
    encoding: str,
    convention: Convention,
    *,
    certify: bool = False,
    threads: int = 1,
) -> list[Result]:
    """Encode layers, solve their tasks, and `finish` each; see `bipartite` and `layer_spectra`.

    A layer is encoded by the thread that solves it, which finds the graph in its cache, and
    threads are started once.
    """
    solve = _solver(convention, certify, threads)
    return map_threads(
        lambda layer: finish(solve(bipartite(layer, encoding))), layers, threads, cost=_cost
    )


def _cost(layer: LayerMask) -> float:
    """Foretell a layer's time, in that of encoding one weight; an edge to solve takes some 300.

    Edges are guessed from some 2,000 places: to count them would take longer than a small layer.
    """
    apart = layer.size // 2048 | 1
    return layer.size + 300 * apart * int(np.count_nonzero(layer.mask.reshape(-1)[::apart]))


def _solver(
    convention: Convention, certify: bool, threads: int
) -> Callable[[BipartiteGraph], LayerSpectrum]:
    """Return a function that solves a layer in buffers that no other thread uses meanwhile."""
    check_count("threads", threads)
    spare: SimpleQueue[Buffers] = SimpleQueue()
    for _ in range(threads):
        spare.put(Buffers())

    def solve(graph: BipartiteGraph) -> LayerSpectrum:
        buffers = spare.get()
        try:
            scaled, exponent = in_range(graph)
            found = _solve_layer(scaled, convention, certify, buffers)
            return _scaled_back(found, graph, exponent) if exponent else found
        finally:
            spare.put(buffers)

    return solve


def _scaled_back(found: LayerSpectrum, graph: BipartiteGraph, exponent: int) -> LayerSpectrum:
    """Turn the spectrum of what `in_range` gave into that of the graph itself."""
    assert found.weighted is not None
    return replace(found, graph=graph, weighted=np.ldexp(found.weighted, [exponent, exponent, 0]))


def _solve_layer(
    graph: BipartiteGraph, convention: Convention, certify: bool, buffers: Buffers
) -> LayerSpectrum:
    """Solve the tasks of one layer, and repair what did not converge."""
    classes = degree_classes(graph, convention)
    n_left = classes.stops - classes.starts
    # A regular layer is its own only class: solve it once.
    distinct = 1 if np.all(n_left == n_left[0]) else n_left.size
    values = edge_values(graph)
    found = np.zeros((n_left.size, 8 if values.size else 4))
    n_right = np.empty(n_left.size, np.int64)
    solved = _solve_whole(graph, found[0], n_right)
    kernels.class_spectra(
        graph.indptr,
        graph.indices,
        values,
        classes.rows,
        classes.starts[:distinct],
        classes.stops[:distinct],
        int(solved),
        *convention.part_edges,
        buffers.workspace(graph),
        n_right[:distinct],
        found[:distinct],
    )
    _repair(graph, classes, found[:distinct], certify)
    found[distinct:], n_right[distinct:] = found[0], n_right[0]
    n_edges = _edges_of(graph, classes)
    per_right, extra = convention.part_edges
    keep = n_edges >= per_right * n_right + extra
    keep[0] = True
    weighted = None
    if graph.weights is not None:
        weighted = found[keep, 4:7] if values.size else np.zeros((1, 3))
    return LayerSpectrum(
        graph, n_left[keep], n_right[keep], n_edges[keep], found[keep, :3], weighted
    )


def _solve_whole(graph: BipartiteGraph, found: Array, n_right: Ints) -> bool:
    """Solve the whole layer by its dense matrix where that pays; say whether it was."""
    if not is_hardly_sparse(graph):
        return False
    for kind in range(found.size // 4):
        pair = solve_dense_layer(graph, weighted=kind == 1)
        if pair is None:
            return False
        found[4 * kind : 4 * kind + 4] = pair
    n_right[0] = graph.n_right
    return True


def _repair(graph: BipartiteGraph, classes: DegreeClasses, found: Array, certify: bool) -> None:
    """Solve with a library what did not converge, and prove the rest where that is asked for.

    Rows of nan are subgraphs that are not valid.
    """
    for kind in range(found.shape[1] // 4):
        part = found[:, 4 * kind : 4 * kind + 4]
        for task in np.flatnonzero(part[:, 0] > 0.0):
            rows = classes.rows[classes.starts[task] : classes.stops[task]]
            if part[task, 3] == 0.0:
                part[task, :3] = solve_by_library(graph, rows, weighted=kind == 1)
            if certify:
                pair = (part[task, 0], part[task, 1], part[task, 2])
                part[task, :3] = prove(graph, rows, pair, weighted=kind == 1)


def _edges_of(graph: BipartiteGraph, classes: DegreeClasses) -> Ints:
    """Count the edges of every task; left nodes of a class have one degree."""
    n_edges = classes.stops - classes.starts
    if graph.n_edges:
        firsts = classes.rows[classes.starts]
        n_edges = n_edges * (graph.indptr[firsts + 1] - graph.indptr[firsts])
    n_edges[0] = graph.n_edges
    return n_edges
