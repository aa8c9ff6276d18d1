"""The four coordinates of PAGS23 by dense linear algebra, straight from their definitions.

Independent of masktopo's graphs and kernels: NumPy and LAPACK on dense matrices, from dense
weights and masks. It is the alternative of the suite `pipeline` and its ground truth.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["dense_matrices", "gram_coordinates", "gram_coordinates_work", "whole_layer_gap"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


def dense_matrices(layer: LayerMask) -> tuple[Bools, NDArray[np.floating]]:
    """Return mask and absolute weights, left by right, of a plain linear or convolution layer."""
    assert layer.weight is not None
    mask = layer.mask.reshape(layer.shape[0], -1).T
    weights = np.where(mask, np.abs(layer.weight).reshape(layer.shape[0], -1).T, 0)
    return mask, weights


def gram_coordinates(masks: MaskSet) -> Array:
    """Return the four coordinates of every layer, shape ``(n_layers, 4)``, nan where invalid."""
    return np.array([_coordinate(*dense_matrices(layer)) for layer in masks.values()])


def whole_layer_gap(mask: Bools, second: float) -> float:
    """Return the Ramanujan gap of a whole layer, nan where PAGS23 holds it for invalid."""
    left, right, edges = _sizes(mask)
    if edges == 0 or edges / right < 3 or edges <= left:
        return float("nan")
    return float(np.sqrt(edges / left - 1) + np.sqrt(edges / right - 1) - second)


def _coordinate(mask: Bools, weights: NDArray[np.floating]) -> list[float]:
    gap = whole_layer_gap(mask, _two_largest(mask)[1])
    first, second = _two_largest(weights)
    weighted = first - second if np.isfinite(gap) else np.nan
    parts = [_part(mask[rows], weights[rows]) for rows in _classes(mask)]
    kept = [part for part in parts if part is not None]
    means = np.mean(kept, axis=0).tolist() if kept else [np.nan, np.nan]
    return [gap, weighted, *means]


def _classes(mask: Bools) -> Iterator[NDArray[np.int64]]:
    degrees = mask.sum(axis=1)
    for degree in np.unique(degrees[degrees >= 3]):
        rows = np.flatnonzero(degrees == degree)
        if rows.size >= 2:
            yield rows


def _part(mask: Bools, weights: NDArray[np.floating]) -> tuple[float, float] | None:
    """Return the factor times both gaps of a left-regular subgraph; None if it is invalid."""
    left, right, edges = _sizes(mask)
    if edges <= right:
        return None
    used = mask.any(axis=0)
    factor = max(left, right) / (left + right - 1)
    bound = np.sqrt(edges / left - 1) + np.sqrt(edges / right - 1)
    first, second = _two_largest(weights[:, used])
    return factor * (bound - _two_largest(mask[:, used])[1]), factor * (first - second)


def _sizes(mask: Bools) -> tuple[int, int, int]:
    """Left nodes, right nodes and edges, isolated nodes left out."""
    return int(mask.any(axis=1).sum()), int(mask.any(axis=0).sum()), int(mask.sum())


def _two_largest(matrix: NDArray[np.generic]) -> Array:
    from scipy.linalg import eigh

    dense = matrix.astype(np.float64)
    gram = dense @ dense.T if dense.shape[0] < dense.shape[1] else dense.T @ dense
    side = gram.shape[0]
    values = eigh(gram, eigvals_only=True, subset_by_index=[max(side - 2, 0), side - 1])
    largest = np.sqrt(np.maximum(values[::-1], 0.0))
    return np.pad(largest, (0, 2 - largest.size))


def gram_coordinates_work(masks: MaskSet) -> float:
    """Return the work of all layers: products and eigenvalues of the whole, and all classes.

    ``(m + n) n^2`` multiplications in BLAS and LAPACK, of which some 400 take as long as the
    classes take for every weight. Small networks spend their time on classes.
    """
    sides = [(layer.shape[0], layer.size // layer.shape[0]) for layer in masks.values()]
    return float(sum(sum(pair) * min(pair) ** 2 / 400 + np.prod(pair) for pair in sides))
