"""How many layers the paths of a network pass."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.edges import Sums
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph
from masktopo.kernels import paths
from masktopo.metrics.flow import log10_sum

__all__ = ["PathLengths", "path_lengths"]


Lengths = dict[int, Sums]
"""Sums over the paths from the inputs to every node of a set, by the paths' length."""


@dataclass(frozen=True, eq=False)
class PathLengths:
    """The distribution of the paths over their lengths, in layers.

    Attributes
    ----------
    lengths : ndarray of int64
        Ascending; only those that some path has.
    log10_paths : ndarray of float64
        Decimal logarithm of the number of paths of each length, multiplicities counted.
    """

    lengths: NDArray[np.int64]
    log10_paths: NDArray[np.float64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the paths of each length; 1 in all."""
        if not self.lengths.size:
            return np.empty(0)
        parts = 10.0 ** (self.log10_paths - self.log10_paths.max())
        return np.asarray(parts / parts.sum(), np.float64)

    @property
    def mean(self) -> float:
        """Mean length; nan without a path."""
        return float(self.shares @ self.lengths) if self.lengths.size else math.nan

    @property
    def shortest(self) -> float:
        """Least length; nan without a path."""
        return int(self.lengths[0]) if self.lengths.size else math.nan

    @property
    def longest(self) -> float:
        """Greatest length; nan without a path."""
        return int(self.lengths[-1]) if self.lengths.size else math.nan


def path_lengths(graph: MultipartiteGraph) -> PathLengths:
    """Count the paths of each length from the inputs to the outputs.

    Parameters
    ----------
    graph : MultipartiteGraph

    Returns
    -------
    PathLengths

    Notes
    -----
    A path's length is the number of layers on it: skips and attention count 0, and a layer that
    it passes twice counts twice. Dynamic programming over nodes and lengths, O(edges) for every
    length that paths to a node set have; a set's sums are dropped once the last link has read it.
    Sums carry their own exponents, so that no count overflows.

    Examples
    --------
    >>> from masktopo import LayerMask, MaskSet, multipartite
    >>> layers = [LayerMask(name, np.ones((3, 3), bool)) for name in "ab"]
    >>> found = path_lengths(multipartite(MaskSet(layers)))
    >>> found.lengths, found.log10_paths.round(4)
    (array([2]), array([1.4314]))
    """
    nodes = graph.wiring.node_sets
    sums: dict[str, Lengths] = {name: {} for name in nodes}
    for name, found in nodes.items():
        if found.role == "input":
            size = graph.span(name).stop - graph.span(name).start
            sums[name][0] = np.ones(size), np.zeros(size, np.int64)
    blocks = [block for block in graph.blocks if block.on_paths]
    last_read = {block.source: place for place, block in enumerate(blocks)}
    for place, block in enumerate(blocks):
        _push(block, graph.span(block.target), sums[block.source], sums[block.target])
        if last_read[block.source] == place and nodes[block.source].role != "output":
            del sums[block.source]
    return _counted(sums[name] for name, found in nodes.items() if found.role == "output")


def _push(block: EdgeBlock, span: slice, left: Lengths, right: Lengths) -> None:
    """Lead all paths on along the edges of a block."""
    size = span.stop - span.start
    for length, sums in left.items():
        paths.normalise(*sums)
        if sums[0].any():
            after = length + (block.layer is not None)
            target = right.setdefault(after, (np.zeros(size), np.zeros(size, np.int64)))
            block.edges.push("multiplicity", sums, target)


def _counted(ends: Iterable[Lengths]) -> PathLengths:
    totals: dict[int, list[tuple[float, int]]] = {}
    for sums in ends:
        for length, (mantissa, exponent) in sums.items():
            paths.normalise(mantissa, exponent)
            total = paths.total(mantissa, exponent, np.ones(mantissa.size, np.bool_))
            totals.setdefault(length, []).append(total)
    logarithms = {length: log10_sum(totals[length]) for length in sorted(totals)}
    counted = {length: log for length, log in logarithms.items() if log > -math.inf}
    return PathLengths(np.array([*counted], np.int64), np.array([*counted.values()], np.float64))
