"""Eigenvalues of the whole network's weighted graph."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.implicit import EdgeMap, ImplicitEdges
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph
from masktopo.graphs.simple import SimpleGraph
from masktopo.kernels import symmetric
from masktopo.metrics.top_eigenvalues import run_together, search
from masktopo.metrics.workspace import SINGLE_EXPONENT

__all__ = ["GraphSpectrum", "graph_spectrum", "product_of_blocks", "product_of_graph"]

Floats = NDArray[np.float64]

Product = Callable[..., Sequence[Floats]]
"""``(*vectors) -> products`` with the adjacency, new arrays, at most two at a time."""


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
        From one or two vectors of length `n` to the adjacency times each.
    n : int
        Number of nodes.
    tolerance : float
        Largest relative residual.

    Notes
    -----
    Some dozens of products for either, more where eigenvalues lie close: those of a network of
    convolutions have neighbours at a relative distance of about one over its positions. Both are
    searched in step, since a pair of products reads the matrix once.

    Examples
    --------
    >>> path = np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1)
    >>> found = graph_spectrum(lambda *vectors: [path @ vector for vector in vectors], 3)
    >>> round(found.spectral_gap**2, 10), round(found.laplacian_radius, 10)
    (2.0, 3.0)
    """
    if n == 0:
        return GraphSpectrum(math.nan, math.nan, 0.0)
    (strengths,) = product(np.ones(n))
    exponent = math.frexp(float(strengths.max()))[1]
    if abs(exponent) <= SINGLE_EXPONENT:
        return _spectrum(product, strengths, tolerance)

    # Norms would leave the range of numbers; scaling by a power of two is exact.
    def scaled(*vectors: Floats) -> Sequence[Floats]:
        return [np.ldexp(found, -exponent) for found in product(*vectors)]

    found = _spectrum(scaled, np.ldexp(strengths, -exponent), tolerance)
    gap, radius = np.ldexp([found.spectral_gap, found.laplacian_radius], exponent).tolist()
    return replace(found, spectral_gap=gap, laplacian_radius=radius)


def _spectrum(product: Product, strengths: Floats, tolerance: float) -> GraphSpectrum:
    """Find the eigenvalues, given the products with ones."""
    n, scratch = strengths.size, np.empty(strengths.size)
    searches = [search(n, 1, tolerance=tolerance)]
    if n > 1:
        searches.append(search(n, 2, tolerance=tolerance))

    def multiply(asked: list[tuple[int, Floats]]) -> Sequence[Floats]:
        products = product(*(vector for _, vector in asked))
        for (place, vector), found in zip(asked, products, strict=True):
            if place == 0:  # the Laplacian
                np.subtract(np.multiply(strengths, vector, out=scratch), found, out=found)
        return products

    top, *pair = run_together(searches, multiply)
    radius = float(top.values[0])
    if not pair:
        return GraphSpectrum(math.nan, radius, top.residual)
    gap = float(pair[0].values[0] - pair[0].values[1])
    return GraphSpectrum(gap, radius, max(pair[0].residual, top.residual))


def product_of_graph(graph: SimpleGraph) -> Product:
    """Return the product with the weighted adjacency of a graph whose edges are listed."""
    weights = graph.weights
    assert weights is not None
    matrix = graph.indptr, graph.indices, weights

    def product(*vectors: Floats) -> Sequence[Floats]:
        found = [np.empty_like(vector) for vector in vectors]
        multiply = symmetric.multiply if len(vectors) == 1 else symmetric.multiply_two
        multiply(*matrix, *vectors, *found)
        return found

    return product


def product_of_blocks(graph: MultipartiteGraph, blocks: Sequence[EdgeBlock]) -> Product:
    """Return the product with the weighted adjacency of some blocks, no edge listed."""

    def product(*vectors: Floats) -> Sequence[Floats]:
        return [_by_blocks(graph, blocks, vector) for vector in vectors]

    return product


def _by_blocks(graph: MultipartiteGraph, blocks: Sequence[EdgeBlock], vector: Floats) -> Floats:
    found = np.zeros_like(vector)
    for block in blocks:
        left, right = graph.span(block.source), graph.span(block.target)
        ahead, back = _both_ways(block.edges, vector[left], vector[right])
        found[right] += ahead
        found[left] += back
    return found


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
