"""Reachability and sums over paths along a multipartite graph: what the path metrics share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.kernels import paths

__all__ = ["PathSums", "Reach", "path_sums", "reach"]

Marks = NDArray[np.bool_]
Factors = Sequence[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Reach:
    """Which nodes the inputs reach, and which nodes reach an output.

    Attributes
    ----------
    forward, backward : ndarray of bool, shape (n_nodes,)
        Inputs count as reached, outputs as reaching.
    """

    forward: Marks
    backward: Marks

    @property
    def live(self) -> Marks:
        """Nodes on at least one path from an input to an output."""
        return self.forward & self.backward


@dataclass(frozen=True, eq=False)
class PathSums:
    """Sums over paths of products of edge factors, each number ``mantissa * 2**(512 exponent)``.

    Attributes
    ----------
    forward, backward : tuple of ndarray, each of shape (n_nodes,)
        Mantissas (float64) and exponents (int64): over paths from the inputs to each node, and
        from each node to the outputs.
    total : tuple of float and int
        Over all paths from an input to an output.
    """

    forward: tuple[NDArray[np.float64], NDArray[np.int64]]
    backward: tuple[NDArray[np.float64], NDArray[np.int64]]
    total: tuple[float, int]

    @property
    def log10(self) -> float:
        """Decimal logarithm of the total; -inf without a path."""
        mantissa, exponent = self.total
        if mantissa == 0:
            return -math.inf
        return math.log10(mantissa) + exponent * paths.STEP_BITS * math.log10(2)


def reach(graph: MultipartiteGraph) -> Reach:
    """Mark the nodes that the inputs reach and those that reach an output. O(edges)."""
    forward, backward = graph.inputs, graph.outputs
    for block in graph.blocks:
        source, target = graph.span(block.source), graph.span(block.target)
        paths.reach_forward(block.indptr, block.indices, forward[source], forward[target])
    for block in reversed(graph.blocks):
        source, target = graph.span(block.source), graph.span(block.target)
        paths.reach_backward(block.indptr, block.indices, backward[source], backward[target])
    return Reach(forward, backward)


def path_sums(graph: MultipartiteGraph, factors: Factors) -> PathSums:
    """Sum the products of edge factors over all paths, forwards and backwards.

    Parameters
    ----------
    graph : MultipartiteGraph
    factors : sequence of ndarray
        Not negative; one array a block, one number an edge: multiplicities count paths.

    Returns
    -------
    PathSums

    Notes
    -----
    Dynamic programming along the data flow, O(nodes + edges).
    """
    forward = _sums(graph, factors, graph.inputs, backward=False)
    backward = _sums(graph, factors, graph.outputs, backward=True)
    return PathSums(forward, backward, paths.total(*forward, graph.outputs))


def _sums(
    graph: MultipartiteGraph, factors: Factors, ends: Marks, *, backward: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum from the marked ends along the blocks; a set is finished before it is read."""
    mantissa, exponent = ends.astype(np.float64), np.zeros(ends.size, np.int64)
    add = paths.pull_backward if backward else paths.push_forward
    steps = list(zip(graph.blocks, factors, strict=True))
    for block, factor in reversed(steps) if backward else steps:
        left, right = graph.span(block.source), graph.span(block.target)
        read = right if backward else left
        paths.normalise(mantissa[read], exponent[read])
        sums = mantissa[left], exponent[left], mantissa[right], exponent[right]
        add(block.indptr, block.indices, factor, *sums)
    paths.normalise(mantissa, exponent)
    return mantissa, exponent
