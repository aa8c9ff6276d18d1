"""Large layers that are hardly sparse, such as a language model's at half density.

Their two largest singular values come from products with the dense mask itself: no column
indices are followed, and no copy is made.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph, DenseLayer
from masktopo.kernels import dense
from masktopo.kernels.tridiagonal import EXACT, largest_two, tridiagonal_vector
from masktopo.kernels.union import all_count, is_connected
from masktopo.kernels.vectors import dot, fill_random, orthogonalize, scale, subtract
from masktopo.kernels.workspace import IN_PLACE, MAX_STEPS, SMALL, TOLERANCE

__all__ = ["is_hardly_sparse", "solve_dense_layer"]

Floats = NDArray[np.float64]
Pair = tuple[float, float, float, float]

LEAST_DENSITY = 0.2
"""Density from which reading every byte of the mask beats following indices."""

CHECK_EVERY = 5


def is_hardly_sparse(graph: BipartiteGraph) -> bool:
    """Whether a graph is large, dense enough, and carries its mask in a matrix's order."""
    return (
        graph.dense is not None
        and graph.n_edges > IN_PLACE
        and graph.n_edges >= LEAST_DENSITY * graph.n_left * graph.n_right
        and min(graph.n_left, graph.n_right) > SMALL
    )


def solve_dense_layer(graph: BipartiteGraph, *, weighted: bool) -> Pair | None:
    """Return ``s1``, ``s2``, the relative residual, and 1.0, of a whole layer.

    None where the layer is not one connected component, a weight is negligibly small, or
    Lanczos does not converge: then the general way must be taken.
    """
    if graph.dense is None or not _is_one_piece(graph, weighted):
        return None
    return _top_two(_product(graph.dense, weighted), graph.n_left)


def _is_one_piece(graph: BipartiteGraph, weighted: bool) -> bool:
    """Whether every node has an edge, the graph is connected, and no weight is negligible."""
    if graph.left_degrees.min(initial=1) == 0:
        return False
    parent = np.empty(graph.n_right, np.int64)
    if not is_connected(graph.indptr, graph.indices, graph.n_right, parent):
        return False
    return not weighted or (graph.weights is not None and all_count(graph.weights))


def _product(layer: DenseLayer, weighted: bool) -> Callable[[Floats, Floats], None]:
    """Return the product with ``B B^T``, whose vectors have one entry a left node."""
    if not weighted:
        return lambda x, out: dense.multiply_mask(layer.mask, x, out)
    return lambda x, out: dense.multiply_weights(layer.mask, layer.weight, x, out)


def _top_two(multiply: Callable[[Floats, Floats], None], n: int) -> Pair | None:
    """Run Lanczos with full reorthogonalisation; see `masktopo.kernels.lanczos`."""
    steps = min(MAX_STEPS, n - 1)
    basis = np.empty((steps + 1) * n)
    alpha, beta = np.empty(steps), np.empty(steps)
    vector, scratch = np.empty(steps), np.empty(max(steps, 64))
    fill_random(basis[:n], n)
    _normalize(basis[:n])
    for step in range(steps):
        newest = basis[step * n : (step + 1) * n]
        image = basis[(step + 1) * n : (step + 2) * n]
        multiply(newest, image)
        alpha[step] = dot(newest, image)
        orthogonalize(basis, n, step + 1, image)
        beta[step] = _normalize(image)
        count = step + 1
        if count % CHECK_EVERY == 0:
            values = largest_two(alpha, beta, count, 0.0, 0.0, EXACT, scratch)
            first, second = values
            tridiagonal_vector(alpha, beta, count, second, vector, scratch)
            if second <= 1e-10 * first:
                return None
            goal = 2 * TOLERANCE * np.sqrt(first * second)
            if beta[step] * abs(vector[step]) <= goal:
                return _checked(multiply, basis, n, alpha, beta, count, values)
    return None


def _checked(
    multiply: Callable[[Floats, Floats], None],
    basis: Floats,
    n: int,
    alpha: Floats,
    beta: Floats,
    count: int,
    values: tuple[float, float],
) -> Pair | None:
    """Form both vectors, and return Rayleigh quotients with the residual that they really have."""
    coefficients, scratch, image = np.empty(count), np.empty(count), np.empty(n)
    sigmas, residual = [], 0.0
    for value in values:
        tridiagonal_vector(alpha, beta, count, value, coefficients, scratch)
        found = np.zeros(n)
        for row in range(count):
            subtract(found, -coefficients[row], basis[row * n : (row + 1) * n])
        _normalize(found)
        multiply(found, image)
        quotient = dot(found, image)
        sigmas.append(float(np.sqrt(quotient)))
        subtract(image, quotient, found)
        residual = max(residual, _normalize(image) / sigmas[-1])
    residual /= sigmas[0]
    if residual > 1e-7:
        return None
    return sigmas[0], sigmas[1], residual, 1.0


def _normalize(vector: Floats) -> float:
    """Scale a vector to norm 1 in place, and return the norm that it had.

    By kernels, since a BLAS library would bring threads of its own.
    """
    norm = float(np.sqrt(dot(vector, vector)))
    if norm > 0.0:
        scale(vector, 1.0 / norm)
    return norm
