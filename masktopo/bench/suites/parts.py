"""The parts of the suite `pipeline`: CSR, degree classes, and the solution of all problems."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Implementation, Task, largest_difference
from masktopo.bench.problems import class_sizes, problem_matrices, solve_problems
from masktopo.bench.suites.shared import csr_bytes
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.spectra import DegreeClasses, LayerSpectrum, degree_classes, layer_spectra

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["CLASSES", "CSR", "SOLVE", "build_graphs", "csr_passes", "solve_passes"]

Array = NDArray[np.float64]
Graphs = Sequence[BipartiteGraph]
RULE = CONVENTIONS["pags23"]


def build_graphs(masks: MaskSet) -> list[BipartiteGraph]:
    """Encode every layer (rolled)."""
    return [bipartite(layer) for layer in masks.values()]


def _scipy_graphs(masks: MaskSet) -> list["csr_array"]:
    """Build every layer's CSR of absolute weights; a kept weight of 0 stays an entry."""
    from scipy.sparse import csr_array

    found = []
    for layer in masks.values():
        assert layer.weight is not None
        mask, weight = (a.reshape(layer.shape[0], -1).T for a in (layer.mask, layer.weight))
        pattern = csr_array(mask)
        values = np.abs(weight[mask])
        found.append(csr_array((values, pattern.indices, pattern.indptr), shape=mask.shape))
    return found


def _flat(indptr: Iterable[NDArray[Any]], indices: Iterable[Any], values: Iterable[Any]) -> Array:
    return np.concatenate([*indptr, *indices, *values]).astype(np.float64)


def _flat_graphs(graphs: Graphs) -> Array:
    weights = [g.weights for g in graphs if g.weights is not None]
    return _flat([g.indptr for g in graphs], [g.indices for g in graphs], weights)


def _flat_matrices(graphs: Sequence["csr_array"]) -> Array:
    return _flat([g.indptr for g in graphs], [g.indices for g in graphs], [g.data for g in graphs])


def _classes(graphs: Graphs) -> list[tuple[BipartiteGraph, DegreeClasses]]:
    return [(graph, degree_classes(graph, RULE)) for graph in graphs]


def _class_sizes(found: Sequence[tuple[BipartiteGraph, DegreeClasses]]) -> Array:
    """Left nodes and degree of every class; the first task is the whole layer."""
    tables = [
        np.column_stack(
            [(c.stops - c.starts)[1:], graph.left_degrees[c.rows[c.starts[1:]]]],
        )
        for graph, c in found
    ]
    return np.concatenate(tables).astype(np.float64)


def _numpy_classes(graphs: Graphs) -> Array:
    return np.concatenate([class_sizes(graph) for graph in graphs]).astype(np.float64)


def _spectrum_values(found: Sequence[LayerSpectrum]) -> Array:
    tables = [
        table[:, :2] for s in found for table in (s.unweighted, s.weighted) if table is not None
    ]
    return np.concatenate(tables)


def _spectrum_difference(own: Array, other: Array) -> float:
    if own.shape != other.shape:
        return float("inf")
    scale = np.maximum(own[:, :1], np.finfo(np.float64).tiny)  # a layer without edges has zeros
    return float((np.abs(own - other) / scale).max(initial=0.0))


def csr_passes(masks: MaskSet) -> Iterator[Pass]:
    """Masks are read once, weights where a cache line has a kept one, and the CSR is written."""
    for layer in masks.values():
        assert layer.weight is not None
        yield Pass("read", layer.mask.nbytes)
        per_line = 64 // layer.weight.itemsize
        flat = layer.mask.reshape(-1)
        starts = np.arange(0, flat.size, per_line)
        touched = np.logical_or.reduceat(flat, starts)
        yield Pass("read", 64 * float(np.count_nonzero(touched)))
        yield Pass("copy", csr_bytes(bipartite(layer), weighted=True))


def _class_passes(graphs: Graphs) -> Iterator[Pass]:
    """Row pointers are read once, and the sorted left nodes written."""
    for graph in graphs:
        yield Pass("read", graph.indptr.nbytes)
        yield Pass("copy", graph.indptr.nbytes)


def solve_passes(graphs: Graphs) -> Iterator[Pass]:
    """Every problem's edges are read once a step: a column, and a value where there are weights."""
    from masktopo.bench.steps import lanczos_steps

    for graph in graphs:
        value = 0 if graph.weights is None else graph.weights.itemsize
        for weighted in (False, True):
            per_edge = graph.indices.itemsize + value * weighted
            for matrix in problem_matrices(graph, weighted=weighted):
                n_bytes = matrix.nnz * per_edge + 8 * matrix.shape[0]
                yield Pass("read", n_bytes, lanczos_steps(matrix))


CSR = Task(
    "part: dense to CSR",
    {
        "masktopo": Implementation(build_graphs, _flat_graphs, tolerance=0),
        "scipy csr_array": Implementation(
            _scipy_graphs, _flat_matrices, work=lambda masks: masks.size, tolerance=0
        ),
    },
    largest_difference,
    csr_passes,
)

CLASSES = Task(
    "part: degree classes",
    {
        "masktopo": Implementation(_classes, _class_sizes, tolerance=0),
        "numpy unique": Implementation(
            _numpy_classes, work=lambda graphs: sum(g.n_left for g in graphs), tolerance=0
        ),
    },
    largest_difference,
    _class_passes,
)

SOLVE = Task(
    "part: classes and all singular values",
    {
        "masktopo, 1 thread": Implementation(
            lambda graphs: layer_spectra(graphs, RULE), _spectrum_values
        ),
        "masktopo, 2 threads": Implementation(
            lambda graphs: layer_spectra(graphs, RULE, threads=2), _spectrum_values, tolerance=0
        ),
        "scipy svds or Gram": Implementation(
            solve_problems, work=lambda graphs: sum(g.n_edges for g in graphs), tolerance=1e-6
        ),
    },
    _spectrum_difference,
    solve_passes,
)
