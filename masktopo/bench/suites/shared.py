"""What several suites share: grids, layers that stand for a network, bytes of a graph."""

from collections.abc import Iterable, Sequence

import numpy as np

from masktopo.bench.cases import Grid
from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["DENSITIES", "csr_bytes", "distinct_layers", "grid_of", "layer_label", "spread"]

DENSITIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def grid_of(
    networks: Iterable[str], rules: Iterable[str], densities: Iterable[float]
) -> list[Grid]:
    """Return every combination, network by network."""
    rules, densities = tuple(rules), tuple(densities)
    return [Grid(n, rule, density) for n in networks for rule in rules for density in densities]


def distinct_layers(masks: MaskSet) -> list[LayerMask]:
    """Return the first layer of every shape that has edges, by number of edges."""
    first: dict[tuple[int, ...], LayerMask] = {}
    for layer in masks.values():
        if not layer.is_empty:
            first.setdefault(layer.shape, layer)
    return sorted(first.values(), key=lambda layer: layer.nnz)


def spread(layers: Sequence[LayerMask], most: int) -> list[LayerMask]:
    """Take at most `most` layers, evenly from the smallest to the largest."""
    if len(layers) <= most:
        return list(layers)
    places = np.linspace(0, len(layers) - 1, most).round().astype(int)
    return [layers[place] for place in places]


def layer_label(grid: Grid, layer: LayerMask) -> str:
    """Name a layer of a grid point in a table: network, layer, mask rule, density."""
    return f"{grid.network} {layer.name} {grid.rule} {grid.density:g}"


def csr_bytes(graph: BipartiteGraph, *, weighted: bool) -> int:
    """Return the bytes that one sweep over the graph reads."""
    n_bytes = graph.indptr.nbytes + graph.indices.nbytes
    if weighted and graph.weights is not None:
        n_bytes += graph.weights.nbytes
    return n_bytes
