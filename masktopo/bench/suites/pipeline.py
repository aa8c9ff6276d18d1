"""Suite `pipeline`: dense weights and masks of a network to all four coordinates of all layers.

Everything is included: encoding, degree classes, component split, safe stop and residuals. Three
further tasks time its parts: CSR, classes, and the solution of all problems (which lists the
classes once more).
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from masktopo.bench import gram, solvers
from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Suite, Task, largest_difference
from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.bench.suites.parts import (
    CLASSES,
    CSR,
    SOLVE,
    build_graphs,
    csr_passes,
    solve_passes,
)
from masktopo.bench.suites.shared import DENSITIES, grid_of
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.spectral import Coordinates, coordinates

__all__ = ["SUITE"]

Array = NDArray[np.float64]


def _values(found: Coordinates) -> Array:
    return found.values


def _by_adjacency(masks: MaskSet) -> Array:
    """Whole layers only, by ARPACK on the adjacency: two of the four coordinates."""
    from scipy.sparse import csr_array

    found = []
    for layer in masks.values():
        mask, weights = gram.dense_matrices(layer)
        gap = gram.whole_layer_gap(mask, solvers.adjacency_eigsh(csr_array(mask.astype(float)))[1])
        first, second = solvers.adjacency_eigsh(csr_array(weights.astype(float)))
        found.append([gap, first - second if np.isfinite(gap) else np.nan])
    return np.array(found)


def _coordinate_difference(own: Array, other: Array) -> float:
    """Compare the coordinates that both have."""
    return largest_difference(own[:, : other.shape[1]], other)


def _passes(masks: MaskSet) -> Iterator[Pass]:
    yield from csr_passes(masks)
    yield from solve_passes(build_graphs(masks))


def _edges_and_nodes(masks: MaskSet) -> float:
    return float(sum(layer.nnz + 8 * layer.size // layer.shape[0] for layer in masks.values()))


PIPELINE = Task(
    "all four coordinates of all layers",
    {
        "masktopo, 1 thread": Implementation(coordinates, _values),
        "masktopo, 2 threads": Implementation(
            partial(coordinates, threads=2), _values, tolerance=0
        ),
        "eigsh, whole layers only": Implementation(
            _by_adjacency, work=_edges_and_nodes, tolerance=1e-6
        ),
        "LAPACK, dense Gram": Implementation(
            gram.gram_coordinates, work=gram.gram_coordinates_work, tolerance=1e-5
        ),
    },
    _coordinate_difference,
    _passes,
)


def _plan(quick: bool) -> list[Grid]:
    if quick:
        return grid_of(["resnet18"], ["erk", "snip"], [0.01, 0.03, 0.1])
    return [
        *grid_of(["wrn-28-2"], ["erk", "snip"], [0.01, 0.1]),
        *grid_of(["resnet18"], ["erk", "snip"], DENSITIES),
        *grid_of(["resnet34", "vgg16"], ["erk", "snip"], [0.01, 0.1]),
        *grid_of(["vit-b"], ["2:4"], [0.5]),
        *grid_of(["decoder-7b"], ["erk"], [0.5]),
    ]


def _masks(grid: Grid) -> MaskSet:
    """Of the decoder one layer of 11008 x 4096 only."""
    shapes = shapes_of(grid.network)
    if grid.network == "decoder-7b":
        shapes = tuple(layer for layer in shapes if layer.name == "mlp.gate_proj")
    return make_masks(shapes, grid.rule, grid.density)


def _cases(grid: Grid, quick: bool) -> Iterator[Case]:
    masks = _masks(grid)
    layer = f" {next(iter(masks))}" if len(masks) == 1 else ""
    label = f"{grid.network}{layer} {grid.rule} {grid.density:g}"
    for task in (PIPELINE, CSR):
        yield Case(task, label, grid, masks.nnz, masks)
    graphs = build_graphs(masks)
    for task in (CLASSES, SOLVE):
        yield Case(task, label, grid, masks.nnz, graphs)


SUITE = Suite("dense weights and masks of whole networks to all coordinates", _plan, _cases)
