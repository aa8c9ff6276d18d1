"""Where the node sets of a graph stand in its picture, and how high the arcs between them go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.graphs.wiring import NodeSet

__all__ = ["Column", "Span", "columns_of", "levels", "short_name"]

MOST_DOTS = 24
"""Dots of a column; more nodes share them."""


@dataclass(frozen=True, eq=False)
class Column:
    """The dots of one node set.

    Attributes
    ----------
    nodes : NodeSet
    x : float
        Depth in the data flow.
    y : ndarray of float
        Height of each dot, from above.
    dots : ndarray of int64
        The dot of each node.
    """

    nodes: NodeSet
    x: float
    y: NDArray[np.float64]
    dots: NDArray[np.int64]

    @property
    def top(self) -> float:
        """Height of the first dot."""
        return float(self.y[0]) if self.y.size else 0.0

    @property
    def bottom(self) -> float:
        """Height of the last dot."""
        return float(self.y[-1]) if self.y.size else 0.0


@dataclass(frozen=True)
class Span:
    """An arc from one column to a later one, over those between."""

    start: float
    end: float


def columns_of(graph: MultipartiteGraph) -> dict[str, Column]:
    """Place every node set: by its longest path from an input, parallel ones above each other."""
    depths = _depths(graph)
    found: dict[str, Column] = {}
    for depth in sorted(set(depths.values())):
        stack = [nodes for nodes in graph.wiring.nodes if depths[nodes.name] == depth]
        found |= {column.nodes.name: column for column in _stacked(stack, depth)}
    return found


def _depths(graph: MultipartiteGraph) -> dict[str, int]:
    depths = dict.fromkeys(graph.wiring.node_sets, 0)
    for block in graph.blocks:
        depths[block.target] = max(depths[block.target], depths[block.source] + 1)
    return depths


def _stacked(stack: Sequence[NodeSet], depth: int) -> Iterable[Column]:
    """Stand node sets above each other around height 0, with room for the names between."""
    counts = [min(nodes.channels, MOST_DOTS) for nodes in stack]
    gaps = [_room_for_name(nodes.name) for nodes in stack[:-1]]
    y = (sum(counts) - 1 + sum(gaps)) / 2
    for nodes, count, gap in zip(stack, counts, [*gaps, 0], strict=True):
        dots = np.arange(nodes.channels) * count // max(nodes.channels, 1)
        yield Column(nodes, float(depth), y - np.arange(float(count)), dots)
        y -= count + gap


def _room_for_name(name: str) -> float:
    return 2 + 0.55 * len(short_name(name))


def short_name(name: str, most: int = 20) -> str:
    """Keep the end of a long name, which tells layers apart."""
    return name if len(name) <= most else "…" + name[-most + 1 :]


def levels(spans: Mapping[int, Span]) -> dict[int, int]:
    """Give each arc a level, so that one over another is higher and neighbours share a level.

    Examples
    --------
    >>> levels({0: Span(0, 6), 1: Span(0, 2), 2: Span(2, 4)})
    {1: 0, 2: 0, 0: 1}
    """
    found: dict[int, int] = {}
    for key, span in sorted(spans.items(), key=lambda item: item[1].end - item[1].start):
        below = [
            found[other] + 1
            for other in found
            if spans[other].start < span.end and span.start < spans[other].end
        ]
        found[key] = max(below, default=0)
    return found
