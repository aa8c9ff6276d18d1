"""Eigenvalues of the whole network's weighted graph."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.implicit import EdgeMap, ImplicitEdges
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph
from masktopo.graphs.simple import SimpleGraph
from masktopo.kernels import symmetric
from masktopo.metrics.top_eigenvalues import top_eigenvalues

__all__ = ["GraphSpectrum", "graph_spectrum", "product_of_blocks", "product_of_graph"]

Floats = NDArray[np.float64]

Product = Callable[[Floats], Floats]


@dataclass(frozen=True)
class GraphSpectrum:
    """Extreme eigenvalues of a weighted undirected graph.

    Attributes
    ----------
    spectral_gap : float
        ``lambda_1 - lambda_2`` of the adjacency, the two algebraically largest eigenvalues with
        multiplicity; nan for fewer than two nodes.
    laplacian_radius : float
        Largest eigenvalue of the Laplacian; nan without nodes.
    eigenvalue_residual : float
        Largest of the three residuals ``||A x - lambda x||``, relative to the largest eigenvalue.
    """

    spectral_gap: float
    laplacian_radius: float
    eigenvalue_residual: float


def graph_spectrum(product: Product, n: int, *, tolerance: float = 1e-6) -> GraphSpectrum:
    """Find the extreme eigenvalues of a graph from products with its adjacency.

    Parameters
    ----------
    product : callable
        From a vector of length `n` to the adjacency times it.
    n : int
        Number of nodes.
    tolerance : float
        Largest relative residual.

    Notes
    -----
    Some dozens of products for either, more where eigenvalues lie close: those of a network of
    convolutions have neighbours at a relative distance of about one over its positions.

    Examples
    --------
    >>> path = np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1)
    >>> found = graph_spectrum(lambda vector: path @ vector, 3)
    >>> round(found.spectral_gap**2, 10), round(found.laplacian_radius, 10)
    (2.0, 3.0)
    """
    if n == 0:
        return GraphSpectrum(math.nan, math.nan, 0.0)
    strengths, scratch = product(np.ones(n)), np.empty(n)

    def laplacian(vector: Floats) -> Floats:
        found = product(vector)
        return np.subtract(np.multiply(strengths, vector, out=scratch), found, out=found)

    top = top_eigenvalues(laplacian, n, 1, tolerance=tolerance)
    radius = float(top.values[0])
    if n == 1:
        return GraphSpectrum(math.nan, radius, top.residual)
    pair = top_eigenvalues(product, n, 2, tolerance=tolerance)
    gap = float(pair.values[0] - pair.values[1])
    return GraphSpectrum(gap, radius, max(pair.residual, top.residual))


def product_of_graph(graph: SimpleGraph) -> Product:
    """Return the product with the weighted adjacency of a graph whose edges are listed."""
    weights = graph.weights
    assert weights is not None

    def product(vector: Floats) -> Floats:
        found = np.empty_like(vector)
        symmetric.multiply(graph.indptr, graph.indices, weights, vector, found)
        return found

    return product


def product_of_blocks(graph: MultipartiteGraph, blocks: Sequence[EdgeBlock]) -> Product:
    """Return the product with the weighted adjacency of some blocks, no edge listed."""

    def product(vector: Floats) -> Floats:
        found = np.zeros_like(vector)
        for block in blocks:
            left, right = graph.span(block.source), graph.span(block.target)
            ahead, back = _both_ways(block.edges, vector[left], vector[right])
            found[right] += ahead
            found[left] += back
        return found

    return product


def _both_ways(edges: EdgeMap, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    if isinstance(edges, ImplicitEdges):
        return edges.forward(left, "l1"), edges.adjoint(right, "l1")
    ahead, back = np.zeros_like(right), np.zeros_like(left)
    edges.push("l1", _plain(left), _plain(ahead))
    edges.pull("l1", _plain(back), _plain(right))
    return ahead, back


def _plain(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Take numbers as sums of paths, all of one scale."""
    return values, np.zeros(values.size, np.int64)
