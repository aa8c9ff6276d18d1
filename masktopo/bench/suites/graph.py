"""Suite `graph`: dense masks to graphs, one layer (rolled) and a network end to end.

Chains are joined by the order of their layers (channel), traced networks position by position
(unrolled); for the latter, what is measured of the graph is timed as well.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Suite, Task
from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.bench.suites import network_cases
from masktopo.bench.suites.edge_lists import (
    Ints,
    different_pairs,
    igraph_of,
    networkx_of,
    pairs_of_igraph,
    pairs_of_network,
    pairs_of_networkx,
    sorted_pairs,
)
from masktopo.bench.suites.shared import (
    DENSITIES,
    csr_bytes,
    distinct_layers,
    grid_of,
    layer_label,
    spread,
)
from masktopo.bench.traced import TRACED
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SUITE"]

CHAINS = ("tiny-mlp", "mlp", "vgg16")
"""Networks whose wiring follows from the order of their layers."""


# --- answers ---------------------------------------------------------------------------------


def _pairs_of_graph(graph: BipartiteGraph) -> Ints:
    rows = np.repeat(np.arange(graph.n_left), graph.left_degrees)
    return sorted_pairs(rows, graph.indices.astype(np.int64) + graph.n_left)


def _pairs_of_biadjacency(matrix: "csr_array") -> Ints:
    rows, columns = matrix.nonzero()
    return sorted_pairs(rows, columns + matrix.shape[0])


# --- one layer -------------------------------------------------------------------------------


def _left_by_right(layer: LayerMask) -> NDArray[np.bool_]:
    return layer.mask.reshape(layer.shape[0], -1).T


def _layer_to_scipy(layer: LayerMask) -> "csr_array":
    from scipy.sparse import csr_array

    return csr_array(_left_by_right(layer))


def _layer_edges(layer: LayerMask) -> tuple[int, Ints]:
    mask = _left_by_right(layer)
    edges = np.argwhere(mask)
    edges[:, 1] += mask.shape[0]
    return sum(mask.shape), edges


# --- a network -------------------------------------------------------------------------------


def _network_parts(masks: MaskSet) -> Iterator["csr_array"]:
    """Yield every layer's channel biadjacency, nonzeros of a kernel counted."""
    from scipy.sparse import csr_array

    for layer in masks.values():
        counts = layer.mask.reshape(*layer.shape[:2], -1).sum(axis=2)
        yield csr_array(counts.T)


def _network_to_scipy(masks: MaskSet) -> "csr_array":
    from scipy.sparse import block_array, csr_array

    parts = list(_network_parts(masks))
    grid: list[list[csr_array | None]] = [[None] * (len(parts) + 1) for _ in range(len(parts) + 1)]
    for place, part in enumerate(parts):
        grid[place][place + 1] = part
    # A block of nothing gives the first column and the last row their sizes.
    grid[0][0] = csr_array((parts[0].shape[0],) * 2, dtype=parts[0].dtype)
    grid[-1][-1] = csr_array((parts[-1].shape[1],) * 2, dtype=parts[0].dtype)
    return block_array(grid, format="csr")


def _network_edges(masks: MaskSet) -> tuple[int, Ints]:
    offset, found = 0, []
    for layer in masks.values():
        joined = layer.mask.reshape(*layer.shape[:2], -1).any(axis=2).T
        inputs = joined.shape[0]
        found.append(np.argwhere(joined) + np.array([offset, offset + inputs]))
        offset += inputs
    return offset + joined.shape[1], np.concatenate(found)


# --- both ------------------------------------------------------------------------------------


def _layer_passes(layer: LayerMask) -> Iterable[Pass]:
    graph = bipartite(layer)
    return [Pass("read", layer.mask.nbytes), Pass("copy", csr_bytes(graph, weighted=False))]


def _network_passes(masks: MaskSet) -> Iterable[Pass]:
    for layer in masks.values():
        written = layer.shape[0] + 8 * bipartite(layer, "channel").n_edges
        yield Pass("read", layer.mask.nbytes)
        yield Pass("copy", written)


LAYER = Task(
    "one layer's mask to a graph",
    {
        "masktopo": Implementation(bipartite, _pairs_of_graph, tolerance=0),
        "scipy csr_array": Implementation(
            _layer_to_scipy, _pairs_of_biadjacency, work=lambda layer: layer.size, tolerance=0
        ),
        "igraph": Implementation(
            lambda layer: igraph_of(*_layer_edges(layer)),
            pairs_of_igraph,
            work=lambda layer: layer.size / 100 + layer.nnz,
            tolerance=0,
        ),
        "networkx": Implementation(
            lambda layer: networkx_of(*_layer_edges(layer)),
            pairs_of_networkx,
            work=lambda layer: layer.size / 100 + layer.nnz,
            tolerance=0,
        ),
    },
    different_pairs,
    _layer_passes,
)

NETWORK = Task(
    "a network's channel graph, end to end",
    {
        "masktopo": Implementation(multipartite, pairs_of_network, tolerance=0),
        "scipy block_array": Implementation(
            _network_to_scipy,
            lambda matrix: sorted_pairs(*matrix.nonzero()),
            work=lambda masks: masks.size,
            tolerance=0,
        ),
        "igraph": Implementation(
            lambda masks: igraph_of(*_network_edges(masks)),
            pairs_of_igraph,
            work=lambda masks: masks.size / 100 + masks.nnz,
            tolerance=0,
        ),
        "networkx": Implementation(
            lambda masks: networkx_of(*_network_edges(masks)),
            pairs_of_networkx,
            work=lambda masks: masks.size / 100 + masks.nnz,
            tolerance=0,
        ),
    },
    different_pairs,
    _network_passes,
)


def _plan(quick: bool) -> list[Grid]:
    if quick:
        return [
            *grid_of(["tiny-mlp", "mlp", "resnet18"], ["erk"], [0.01, 0.1]),
            *grid_of(["tiny-resnet", "resnet20"], ["uniform"], [0.02]),
        ]
    return [
        *grid_of(["tiny-mlp"], ["erk"], [0.1]),
        *grid_of(["mlp", "wrn-28-2", "resnet34"], ["erk"], [0.01, 0.1]),
        *grid_of(["resnet18", "vgg16"], ["erk", "snip"], DENSITIES),
        *grid_of(["vit-b", "decoder-7b"], ["2:4"], [0.5]),
        *grid_of(["tiny-resnet", "resnet20"], ["uniform"], [0.02, 0.1]),
        *grid_of(["resnet50"], ["uniform"], [0.1]),
    ]


def _cases(grid: Grid, quick: bool) -> Iterator[Case]:
    if grid.network in TRACED:
        yield from network_cases.cases(grid)
        return
    masks = make_masks(shapes_of(grid.network), grid.rule, grid.density).with_weights(None)
    for layer in spread(distinct_layers(masks), 3 if quick else 4):
        yield Case(LAYER, layer_label(grid, layer), grid, layer.nnz, layer)
    if grid.network in CHAINS:
        label = f"{grid.network} {grid.rule} {grid.density:g}"
        edges = multipartite(masks).n_edges
        yield Case(NETWORK, label, grid, edges, masks)


SUITE = Suite("dense masks to graphs, one layer and end to end, and their metrics", _plan, _cases)
