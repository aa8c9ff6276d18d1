"""Large layers that are hardly sparse, such as a language model's at half density.

Their two largest singular values come from products with the dense mask itself: no column
indices are followed, and no copy is made. Most products are in single precision, which halves
their time; what they find is judged by products in double precision.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph, DenseLayer
from masktopo.kernels import dense
from masktopo.kernels.tridiagonal import EXACT, largest_two, tridiagonal_vector
from masktopo.kernels.union import is_connected, weight_range
from masktopo.kernels.vectors import dot, fill_random, orthogonalize, scale, subtract
from masktopo.kernels.workspace import IN_PLACE, MAX_STEPS, SMALL, TOLERANCE

__all__ = ["is_hardly_sparse", "solve_dense_layer"]

Floats = NDArray[np.float64]
Pair = tuple[float, float, float, float]
Product = Callable[[Floats, Floats], None]

LEAST_DENSITY = 0.2
"""Density from which reading every byte of the mask beats following indices."""

FIRST_CHECK = 16

PRECISE_STEPS = 6
"""First steps, in double precision: they find the first vector, whose value is far the largest.

Afterwards rounding is relative to the second value, in whose eyes 1e-7 of the first is much.
"""

SINGLE_RANGE = 1e9
"""Largest weights up to this, and down to its inverse, have squares and sums in single range."""


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

    None where the layer is not one connected component by weights that are not negligible, or
    Lanczos does not converge: then the general way must be taken.
    """
    if graph.dense is None or not _is_one_piece(graph, weighted):
        return None
    precise = _product(graph.dense, weighted)
    found = None
    if not weighted or _fits_single(graph):
        found = _top_two(precise, _in_single(precise), graph.n_left)
    return found or _top_two(precise, precise, graph.n_left)


def _is_one_piece(graph: BipartiteGraph, weighted: bool) -> bool:
    """Whether every node has an edge, and edges that are not negligible connect the graph."""
    if graph.left_degrees.min(initial=1) == 0:
        return False
    weights, drop = np.empty(0, np.float32), -1.0
    if weighted:
        if graph.weights is None:
            return False
        weights, drop = graph.weights, weight_range(graph.weights)[1]
    parent = np.empty(graph.n_right, np.int64)
    return is_connected(graph.indptr, graph.indices, weights, drop, graph.n_right, parent)


def _product(layer: DenseLayer, weighted: bool) -> Callable[[Any, Any], None]:
    """Return the product with ``B B^T``, whose vectors have one entry a left node."""
    if not weighted:
        return lambda x, out: dense.multiply_mask(layer.mask, x, out)
    return lambda x, out: dense.multiply_weights(layer.mask, layer.weight, x, out)


def _fits_single(graph: BipartiteGraph) -> bool:
    """Whether weights are of single precision, and their products with vectors may be."""
    if graph.weights is None or graph.weights.dtype != np.float32:
        return False
    largest = float(graph.weights.max())
    return 1 / SINGLE_RANGE < largest < SINGLE_RANGE


def _in_single(multiply: Callable[[Any, Any], None]) -> Product:
    """Return the same product with its vectors in single precision."""

    def product(x: Floats, out: Floats) -> None:
        image = np.empty(out.size, np.float32)
        multiply(x.astype(np.float32), image)
        out[:] = image

    return product


def _top_two(precise: Product, quick: Product, n: int) -> Pair | None:
    """Run Lanczos with full reorthogonalisation; see `masktopo.kernels.lanczos`.

    `quick` makes the later products; the two vectors found are judged by `precise`.
    """
    steps = min(MAX_STEPS, n - 1)
    basis = np.empty((steps + 1) * n)
    alpha, beta = np.empty(steps), np.empty(steps)
    vector, scratch = np.empty(steps), np.empty(max(steps, 64))
    fill_random(basis[:n], n)
    _normalize(basis[:n])
    for step in range(steps):
        newest = basis[step * n : (step + 1) * n]
        image = basis[(step + 1) * n : (step + 2) * n]
        multiply = precise if step < PRECISE_STEPS else quick
        multiply(newest, image)
        alpha[step] = dot(newest, image)
        orthogonalize(basis, n, step + 1, image)
        beta[step] = _normalize(image)
        count = step + 1
        if count >= min(FIRST_CHECK, steps):
            values = largest_two(alpha, beta, count, 0.0, 0.0, EXACT, scratch)
            first, second = values
            if second <= 1e-10 * first:
                return None
            tridiagonal_vector(alpha, beta, count, second, vector, scratch)
            goal = 2 * TOLERANCE * np.sqrt(first * second)
            if beta[step] * abs(vector[step]) <= goal:
                return _checked(precise, basis, n, alpha, beta, count, values)
    return None


def _checked(
    multiply: Product,
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
        if quotient <= 1e-10 * values[0]:
            return None
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
