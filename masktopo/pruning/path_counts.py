"""Paths from the inputs to every channel, counted link by link while masks are still chosen."""

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.channel_edges import channel_edges, operand_channels
from masktopo.graphs.edges import Sums
from masktopo.graphs.wiring import Link, Wiring
from masktopo.kernels import paths
from masktopo.masks.layer import LayerMask

__all__ = ["PathCounts", "push", "relative_paths", "start"]

PathCounts = dict[str, Sums]
"""By node set, the number of paths to each channel: see `masktopo.kernels.paths`."""


def start(wiring: Wiring) -> PathCounts:
    """Return one path to every input channel, and none elsewhere."""
    return {
        nodes.name: (
            np.full(nodes.channels, float(nodes.role == "input")),
            np.zeros(nodes.channels, np.int64),
        )
        for nodes in wiring.nodes
    }


def push(counts: PathCounts, layer: LayerMask | None, link: Link, wiring: Wiring) -> None:
    """Add the paths along one link to its target; `layer` is as the link uses it."""
    if not link.on_paths:
        return
    for source in link.sources:
        paths.normalise(*counts[source])
        edges = channel_edges(layer, link, source, wiring.node_sets)
        edges.push("multiplicity", counts[source], counts[link.target])


def relative_paths(
    counts: PathCounts, link: Link, width: int, wiring: Wiring
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the paths to every input of a link's layer over the most of them, and which have any.

    Ratios below the range of float64 are 0 although there are paths.
    """
    mantissas, exponents = np.zeros(width), np.zeros(width, np.int64)
    for source in link.sources:
        paths.normalise(*counts[source])
        edges = operand_channels(link, source, wiring.node_sets)
        edges.push("multiplicity", counts[source], (mantissas, exponents))
    paths.normalise(mantissas, exponents)
    reached = mantissas > 0
    if not reached.any():
        return mantissas, reached
    steps = np.maximum(exponents - exponents[reached].max(), -4)  # four steps down is below any
    values = np.ldexp(mantissas, paths.STEP_BITS * steps)
    return values / values.max(), reached
