"""Scratch memory of the spectral kernels, kept from one layer to the next."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.kernels.workspace import IN_PLACE, MAX_STEPS, SMALL, Workspace

__all__ = ["GRAM_SIDE", "SINGLE_EXPONENT", "Buffers", "edge_values", "in_range"]

GRAM_SIDE = 1024
"""Longest shorter side for which a Gram matrix (8 MB here) may be formed."""

SINGLE_EXPONENT = 149
"""Largest absolute exponent of a number in single precision."""


def edge_values(graph: BipartiteGraph) -> NDArray[np.floating]:
    """Return the weights as kernels take them: empty where they are unknown."""
    return np.empty(0, np.float32) if graph.weights is None else graph.weights


def in_range(graph: BipartiteGraph) -> tuple[BipartiteGraph, int]:
    """Return the graph with weights whose fourth powers are in range, and the exponent taken out.

    The largest weight becomes one between 1/2 and 1 unless it is in the range of single precision.
    Division by a power of two is exact. The dense layer is left out: its weights at pruned places
    may be of any size.
    """
    largest = 0.0 if graph.weights is None else float(graph.weights.max(initial=0.0))
    exponent = math.frexp(largest)[1]
    if graph.weights is None or abs(exponent) <= SINGLE_EXPONENT:
        return graph, 0
    return replace(graph, weights=np.ldexp(graph.weights, -exponent), dense=None), exponent


class Buffers:
    """One thread's buffers, which only grow: fresh memory would be paged in for every layer."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, np.dtype[Any] | type], NDArray[Any]] = {}

    def workspace(self, graph: BipartiteGraph) -> Workspace:
        """Return a workspace that is large enough for every task of `graph`."""
        n_left, n_right = graph.n_left, graph.n_right
        in_place = graph.n_edges > IN_PLACE
        side = max(n_right if in_place else min(n_left, n_right), 1)
        gram_side = max(min(side, GRAM_SIDE), SMALL)
        weights = edge_values(graph)
        return Workspace(
            parent=self._take("parent", max(n_left, n_right), np.int64),
            name=self._take("name", n_right, np.int64),
            norms=self._take("norms", n_right, np.float64),
            kept=self._take("kept", n_left, np.int64),
            indptr=self._take("indptr", max(n_left, n_right) + 1, np.int64),
            indices=self._take("indices", graph.n_edges, graph.indices.dtype),
            values=self._take("values", weights.size, weights.dtype),
            start=self._take("start", max(side, n_right), np.float64),
            left=self._take("left", max(n_left, n_right), np.float64),
            image=self._take("image", max(n_left, n_right), np.float64),
            alpha=self._take("alpha", MAX_STEPS, np.float64),
            beta=self._take("beta", MAX_STEPS, np.float64),
            last=self._take("last", MAX_STEPS, np.float64),
            scratch=self._take("scratch", MAX_STEPS, np.float64),
            basis=self._take("basis", (MAX_STEPS + 3) * side, np.float64),
            gram=self._take("gram", gram_side**2, np.float64),
        )

    def _take(self, name: str, size: int, dtype: np.dtype[Any] | type) -> NDArray[Any]:
        """View `size` items of the buffer of that name and type, made larger where it must be."""
        held = self._buffers.get((name, dtype))
        if held is None or held.size < size:
            held = self._buffers[name, dtype] = np.empty(max(size, 8), dtype)
        return held[:size]
