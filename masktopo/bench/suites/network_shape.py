"""Part of the suite `graph`: the undirected simple graph of an unrolled graph.

Every library starts from its own graph, which is there already. masktopo's first row gives all
connectivity metrics, and builds its simple graph for them; its second gives only what the others
do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Implementation, Task, largest_difference
from masktopo.bench.suites.edge_lists import Ints, igraph_of, networkx_of
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.graphs.simple import SimpleGraph, simple_graph
from masktopo.metrics.connectivity import connectivity_metrics
from masktopo.metrics.graph_spectrum import GraphSpectrum, graph_spectrum, product_of_graph
from masktopo.metrics.motifs import motifs4
from masktopo.metrics.structure import core_numbers, joints

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["EIGENVALUES", "MOTIFS", "SHAPE", "Undirected", "undirected"]

Array = NDArray[np.float64]

EIGENVALUE_TOLERANCE = 1e-6
"""Largest relative residual of eigenvalues, for masktopo and for ARPACK."""


@dataclass(frozen=True, eq=False)
class Undirected:
    """A network's simple graph, and the same one in igraph and SciPy."""

    graph: MultipartiteGraph
    simple: SimpleGraph
    edges: Ints
    igraph: Any
    adjacency: "csr_array"


def undirected(graph: MultipartiteGraph) -> Undirected:
    """Build the simple graph, once a library."""
    from scipy.sparse import csr_array, triu

    simple = simple_graph(graph, weighted=True)
    assert simple.weights is not None
    arrays = (simple.weights.astype(np.float64), simple.indices.astype(np.int32), simple.indptr)
    adjacency = csr_array(arrays, shape=(graph.n_nodes, graph.n_nodes))
    edges = np.column_stack(triu(adjacency).nonzero()).astype(np.int64)
    return Undirected(graph, simple, edges, igraph_of(graph.n_nodes, edges), adjacency)


def _shape(subject: Undirected) -> Array:
    found = connectivity_metrics(subject.graph, motifs=False, eigenvalues=False)
    return _answer_of_shape(found.mean_core * found.nodes, found)


def _shape_alone(subject: Undirected) -> Array:
    return _answer_of_shape(core_numbers(subject.simple).sum(), joints(subject.simple))


def _answer_of_shape(cores: float, found: Any) -> Array:
    return np.array([cores, found.bridges, found.articulation_points, found.components])


def _shape_by_igraph(subject: Undirected) -> Array:
    graph = subject.igraph
    joints = (graph.bridges(), graph.articulation_points(), graph.connected_components())
    return np.array([sum(graph.coreness()), *map(len, joints)])


def _shape_by_networkx(subject: Undirected) -> Array:
    import networkx

    graph = networkx_of(subject.simple.n_nodes, subject.edges)
    joints = (networkx.bridges(graph), networkx.articulation_points(graph))
    counts = [sum(1 for _ in found) for found in joints]
    cores = sum(networkx.core_number(graph).values())
    return np.array([cores, *counts, networkx.number_connected_components(graph)])


def _spectrum(subject: Undirected) -> GraphSpectrum:
    product = product_of_graph(subject.simple)
    return graph_spectrum(product, subject.simple.n_nodes, tolerance=EIGENVALUE_TOLERANCE)


def _spectrum_by_scipy(subject: Undirected) -> Array:
    from scipy.sparse.csgraph import laplacian
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(subject.simple.n_nodes)
    top = partial(eigsh, which="LA", v0=start, tol=EIGENVALUE_TOLERANCE, return_eigenvectors=False)
    second, first = sorted(top(subject.adjacency, k=2))
    return np.array([first - second, top(laplacian(subject.adjacency), k=1)[0]])


def _answer_of_spectrum(found: GraphSpectrum) -> Array:
    return np.array([found.spectral_gap, found.laplacian_radius])


def _simple_passes(subject: Undirected) -> Iterator[Pass]:
    """Neighbours are read once."""
    yield Pass("read", subject.simple.indptr.nbytes + subject.simple.indices.nbytes)


def _spectrum_passes(subject: Undirected) -> Iterator[Pass]:
    """One product, neighbours and weights, of the some hundred that it takes."""
    yield from _simple_passes(subject)
    assert subject.simple.weights is not None
    yield Pass("read", subject.simple.weights.nbytes)


def _edges_of_simple(subject: Undirected) -> float:
    return subject.simple.n_edges


SHAPE = Task(
    "cores, bridges, articulation points, components",
    {
        "masktopo, all connectivity": Implementation(_shape),
        "masktopo, the answer alone": Implementation(_shape_alone),
        "igraph": Implementation(_shape_by_igraph, work=_edges_of_simple),
        "networkx, with its build": Implementation(_shape_by_networkx, work=_edges_of_simple),
    },
    largest_difference,
    _simple_passes,
)

MOTIFS = Task(
    "connected sets of four nodes",
    {
        "masktopo": Implementation(lambda subject: [motifs4(subject.simple)], tolerance=0),
        "igraph": Implementation(
            lambda subject: [subject.igraph.motifs_randesu_no(4)],
            work=lambda subject: float(motifs4(subject.simple)),
            tolerance=0,
        ),
    },
    largest_difference,
    _simple_passes,
)

EIGENVALUES = Task(
    "spectral gap and Laplacian radius",
    {
        "masktopo": Implementation(_spectrum, _answer_of_spectrum),
        "scipy eigsh": Implementation(
            _spectrum_by_scipy, work=_edges_of_simple, tolerance=10 * EIGENVALUE_TOLERANCE
        ),
    },
    largest_difference,
    _spectrum_passes,
)
