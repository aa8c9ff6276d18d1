"""Reachability and sums over paths along a multipartite graph: what the path metrics share."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.graphs.reach import Reach, reach
from masktopo.kernels import paths

__all__ = ["PathSums", "Reach", "log10_sum", "log10_total", "path_sums", "reach"]

Marks = NDArray[np.bool_]


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
        return log10_sum([self.total])


def log10_sum(numbers: Iterable[tuple[float, int]]) -> float:
    """Return the decimal logarithm of a sum of scaled numbers; -inf where it is 0.

    Examples
    --------
    >>> log10_sum([(20.0, 0), (80.0, 0)])
    2.0
    """
    parts = [(mantissa, exponent) for mantissa, exponent in numbers if mantissa != 0]
    if not parts:
        return -math.inf
    top = max(exponent for _, exponent in parts)
    # Two steps down a part is below any digit, and ldexp gives 0.
    total = math.fsum(math.ldexp(m, paths.STEP_BITS * (e - top)) for m, e in parts)
    return math.log10(total) + top * paths.STEP_BITS * math.log10(2)


def path_sums(graph: MultipartiteGraph, kind: str) -> PathSums:
    """Sum the products of edge factors over all paths, forwards and backwards.

    Parameters
    ----------
    graph : MultipartiteGraph
    kind : {"multiplicity", "l1", "l2"}
        The factor of an edge: multiplicities count paths. See `masktopo.graphs.edges.FACTORS`.

    Returns
    -------
    PathSums

    Raises
    ------
    WiringError
        If weights are asked for and unknown.

    Notes
    -----
    Dynamic programming along the data flow, O(nodes + edges).
    """
    forward = _sums(graph, kind, graph.inputs, backward=False)
    backward = _sums(graph, kind, graph.outputs, backward=True)
    return PathSums(forward, backward, paths.total(*forward, graph.outputs))


def log10_total(graph: MultipartiteGraph, kind: str) -> float:
    """Return the decimal logarithm of the sum that `path_sums` gives; -inf without a path.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> layer = LayerMask("fc", np.ones((2, 5), bool))
    >>> log10_total(multipartite(MaskSet([layer])), "multiplicity")
    1.0
    """
    forward = _sums(graph, kind, graph.inputs, backward=False)
    return log10_sum([paths.total(*forward, graph.outputs)])


def _sums(
    graph: MultipartiteGraph, kind: str, ends: Marks, *, backward: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum from the marked ends along the blocks; a set is finished before it is read."""
    mantissa, exponent = ends.astype(np.float64), np.zeros(ends.size, np.int64)
    blocks = [block for block in graph.blocks if block.on_paths]
    for block in reversed(blocks) if backward else blocks:
        left, right = graph.span(block.source), graph.span(block.target)
        read = right if backward else left
        paths.normalise(mantissa[read], exponent[read])
        step = block.edges.pull if backward else block.edges.push
        step(kind, (mantissa[left], exponent[left]), (mantissa[right], exponent[right]))
    paths.normalise(mantissa, exponent)
    return mantissa, exponent
