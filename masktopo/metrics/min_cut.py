"""The largest number of paths through a network that share no hidden node, and what limits it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.build import network_graph
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.metrics.dead_ends import owners

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["MinCut", "min_cut"]


Ints = NDArray[np.int64]

Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class MinCut:
    """A minimum cut between the inputs and the outputs of a channel graph.

    Attributes
    ----------
    value : int
        Number of edges and hidden nodes in it; as many paths share no hidden node.
    layer : str or None
        The layer that holds most of the minimum cut nearest the input, the first of several; None
        where no path leads through the network.
    """

    value: int
    layer: str | None


def min_cut(graph: MultipartiteGraph, *, skips: bool = True) -> MinCut:
    """Find the narrowest place between the inputs and the outputs.

    Parameters
    ----------
    graph : MultipartiteGraph
        In another encoding than ``channel``, the channel graph of its masks and wiring is taken.
    skips : bool
        Whether skips carry flow. Attention does in either case: its values are the data flow
        itself. Queries and keys never do, since no path runs along them.

    Returns
    -------
    MinCut

    Notes
    -----
    Inputs and outputs may be used by any number of paths, hidden nodes by one, and so may an
    edge, whatever its multiplicity and however many blocks have it. By Menger's theorem the
    number of paths is that of the nodes and edges of a minimum cut. Of all minimum cuts one is
    nearest the input: what the inputs still reach in the residual network is contained in what
    they reach before any other. A node of it counts for the layer that computes it (see
    `masktopo.metrics.dead_ends.owners`), an edge for its own layer, and a skip's edge for that of
    the node on which it lands.

    Maximum flow by SciPy's Dinic, O(edges sqrt(nodes)).

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> layers = [LayerMask("a", np.ones((3, 2), bool)), LayerMask("b", np.ones((4, 3), bool))]
    >>> min_cut(multipartite(MaskSet(layers)))
    MinCut(value=3, layer='a')
    """
    if graph.encoding != "channel":
        graph = network_graph(graph.masks, graph.wiring, encoding="channel")
    blocks = [block for block in graph.blocks if block.on_paths and (skips or block.mark != "skip")]
    arcs = [_arcs(graph, block) for block in blocks]
    value, reached = _flow(graph, arcs)
    if value == 0:
        return MinCut(0, None)
    places = Counter(_places(graph, blocks, arcs, reached))
    order = dict.fromkeys(link.layer or link.target for link in graph.wiring.links)
    return MinCut(value, max(order, key=lambda name: places[name]))


def _exits(graph: MultipartiteGraph) -> Ints:
    """Return the numbers of nodes as paths leave them; inputs and outputs are not split."""
    nodes = np.arange(graph.n_nodes)
    return np.where(graph.inputs | graph.outputs, nodes, nodes + graph.n_nodes)


def _arcs(graph: MultipartiteGraph, block: EdgeBlock) -> tuple[Ints, Ints]:
    """List the edges of a block as tails and heads."""
    edges = listed(block)
    left, right = graph.span(block.source), graph.span(block.target)
    tails = np.repeat(np.arange(left.start, left.stop), edges.out_degrees)
    return tails, edges.indices.astype(np.int64) + right.start


def _flow(graph: MultipartiteGraph, arcs: Sequence[tuple[Ints, Ints]]) -> tuple[int, Marks]:
    """Return the maximum flow, and what the source still reaches: entries, then exits."""
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    capacities = _capacities(graph, arcs)
    source, sink = 2 * graph.n_nodes, 2 * graph.n_nodes + 1
    found = maximum_flow(capacities, source, sink)
    residual = capacities - found.flow
    residual.eliminate_zeros()
    reached = np.zeros(capacities.shape[0], np.bool_)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return int(found.flow_value), reached


def _capacities(graph: MultipartiteGraph, arcs: Sequence[tuple[Ints, Ints]]) -> "csr_array":
    """Build the flow network: entries, exits, the source, the sink."""
    from scipy.sparse import csr_array

    exits, ends = _exits(graph), (graph.inputs, graph.outputs)
    hidden = np.flatnonzero(exits >= graph.n_nodes)
    inputs, outputs = map(np.flatnonzero, ends)
    source, sink = 2 * graph.n_nodes, 2 * graph.n_nodes + 1
    edges = [(exits[tails], heads) for tails, heads in arcs]
    single = _matrix([*edges, (hidden, exits[hidden])], sink + 1)
    single.data[:] = 1
    free = _matrix(
        [(np.full(inputs.size, source), inputs), (outputs, np.full(outputs.size, sink))], sink + 1
    )
    # SciPy wraps capacities to 31 bits: without limit means more than all edges can carry.
    free.data[:] = single.nnz + 1
    return csr_array(single + free)


def _matrix(arcs: Sequence[tuple[Ints, Ints]], size: int) -> "csr_array":
    from scipy.sparse import coo_array, csr_array

    tails, heads = (np.concatenate(ends) for ends in zip(*arcs, strict=True))
    ones = np.ones(tails.size, np.int32)
    return csr_array(coo_array((ones, (tails, heads)), shape=(size, size)))


def _places(
    graph: MultipartiteGraph,
    blocks: Sequence[EdgeBlock],
    arcs: Sequence[tuple[Ints, Ints]],
    reached: Marks,
) -> Iterator[str]:
    """Name the layer of every node and edge of the cut; an edge of several blocks counts once."""
    exits, owner = _exits(graph), owners(graph)
    cut = reached[: graph.n_nodes] & ~reached[exits]
    for nodes in graph.wiring.nodes:
        place = owner.get(nodes.name, nodes.name)
        yield from [place] * int(np.count_nonzero(cut[graph.span(nodes.name)]))
    seen: set[tuple[int, int]] = set()
    for block, (tails, heads) in zip(blocks, arcs, strict=True):
        crossing = reached[exits[tails]] & ~reached[heads]
        pairs = set(zip(tails[crossing].tolist(), heads[crossing].tolist(), strict=True))
        place = block.layer or owner.get(block.target, block.target)
        yield from [place] * len(pairs - seen)
        seen |= pairs
