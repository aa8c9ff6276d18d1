"""Part of the suite `graph`: the unrolled graph of a traced network, listed and matrix-free.

The alternatives to building it are handed its edges as a list, which is the easier part of the
work: masktopo finds them from the masks, and takes the weights along.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Task, largest_difference
from masktopo.bench.suites import network_metrics
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
from masktopo.bench.traced import masks_of, traced_wiring
from masktopo.graphs.build import network_graph
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["cases"]


@dataclass(frozen=True, eq=False)
class Network:
    """Masks with their wiring, and the number of edges that these make."""

    masks: MaskSet
    wiring: Wiring
    n_edges: int


@dataclass(frozen=True, eq=False)
class ListedNetwork(Network):
    """A network with the edges that it makes, as pairs of node numbers."""

    n_nodes: int
    pairs: Ints


def _unrolled(network: Network, representation: str = "explicit") -> MultipartiteGraph:
    return network_graph(
        network.masks, network.wiring, encoding="unrolled", representation=representation
    )


def _scipy_of(network: ListedNetwork) -> "csr_array":
    from scipy.sparse import csr_array

    ones = np.ones(len(network.pairs), np.uint8)
    shape = (network.n_nodes, network.n_nodes)
    return csr_array((ones, (network.pairs[:, 0], network.pairs[:, 1])), shape=shape)


def _measured(network: Network, representation: str) -> NDArray[np.float64]:
    """Build the graph, and measure what needs no list of edges."""
    graph = _unrolled(network, representation)
    return network_metrics.without_list(graph)


def _masks_read(network: Network) -> Iterator[Pass]:
    for layer in network.masks.values():
        yield Pass("read", layer.mask.nbytes)


def _build_passes(network: ListedNetwork) -> Iterable[Pass]:
    """Masks are read once; a column and a weight an edge, and a pointer a node, are written."""
    yield from _masks_read(network)
    yield Pass("copy", 8 * len(network.pairs) + 8 * network.n_nodes)


def _n_edges(network: Network) -> float:
    return network.n_edges


BUILD = Task(
    "a network's unrolled graph, edges listed",
    {
        "masktopo, from the masks": Implementation(_unrolled, pairs_of_network, tolerance=0),
        "scipy csr_array, edges given": Implementation(
            _scipy_of,
            lambda matrix: sorted_pairs(*matrix.nonzero()),
            work=_n_edges,
            tolerance=0,
        ),
        "igraph, edges given": Implementation(
            lambda network: igraph_of(network.n_nodes, network.pairs),
            pairs_of_igraph,
            work=_n_edges,
            tolerance=0,
        ),
        "networkx, edges given": Implementation(
            lambda network: networkx_of(network.n_nodes, network.pairs),
            pairs_of_networkx,
            work=_n_edges,
            tolerance=0,
        ),
    },
    different_pairs,
    _build_passes,
)

WITHOUT_LIST = Task(
    "from masks to paths, effective counts, degrees, strengths, dead ends",
    {
        "masktopo, matrix-free": Implementation(lambda network: _measured(network, "matrix-free")),
        "masktopo, edges listed": Implementation(
            lambda network: _measured(network, "explicit"), work=_n_edges
        ),
    },
    largest_difference,
    _masks_read,
)


def cases(grid: Grid) -> Iterator[Case]:
    """Yield the cases of a traced network; those that need a list only where there is one."""
    wiring = traced_wiring(grid.network)
    masks = masks_of(wiring, grid.rule, grid.density)
    graph = network_graph(masks, wiring, encoding="unrolled")
    label = f"{grid.network} {grid.rule} {grid.density:g}"
    if graph.is_explicit:
        pairs = pairs_of_network(graph)
        listed = ListedNetwork(masks, wiring, len(pairs), graph.n_nodes, pairs)
        yield Case(BUILD, label, grid, len(pairs), listed)
        for task, edges, subject in network_metrics.tasks_of(graph):
            yield Case(task, label, grid, edges, subject)
    yield Case(WITHOUT_LIST, label, grid, graph.n_edges, Network(masks, wiring, graph.n_edges))
