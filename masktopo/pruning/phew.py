"""PHEW: paths that random walks take, with a preference for large weights."""

import numpy as np
from numpy.typing import NDArray

from masktopo.kernels.walks import biased_walks
from masktopo.pruning.prunable import dense_masks, flat_values, total_size
from masktopo.pruning.scene import Scene
from masktopo.pruning.steps import network_steps

__all__ = ["WALKS_PER_WEIGHT", "phew"]

WALKS_PER_WEIGHT = 1
"""Walks are given up after that many for each prunable weight: the last weights to be found are
so small that nearly no walk takes them."""


def phew(scene: Scene) -> NDArray[np.float64]:
    """Return an order, flat: from 2 down to 1 for weights that walks visited, at most 1 for others.

    A walk begins at a random input and takes each step with probability ``|w|`` over the sum of
    those that leave its node, until it ends at an output. Nodes are channels, as in the encoding
    ``channel``: a step takes one weight of one kernel, an identity skip has weight 1, and a
    weight that is used at many positions is one. Walks go on until they have visited as many
    weights as are to be kept; the last is cut. A walk that ends elsewhere, at weights that are
    all 0, does not count.

    When walks are given up (`WALKS_PER_WEIGHT`), as happens at densities near 1, the rest follows
    by magnitude.

    Cost: the walks, each of a few logarithmic searches, and some 100 bytes for every weight while
    they are prepared.

    References
    ----------
    S. M. Patil, C. Dovrolis, *PHEW: Constructing Sparse Networks that Learn Fast and Generalize
    Well without Training Data*, ICML 2021, section 4.
    """
    assert scene.wiring is not None
    steps = network_steps(dense_masks(scene.network), scene.layers, scene.wiring)
    room = np.array([count for _, count in scene.counts])
    sizes = [span.stop - span.start for span, _ in scene.counts]
    visits = np.zeros(total_size(scene.layers), np.int64)
    biased_walks(
        steps.indptr,
        steps.sums,
        steps.heads,
        steps.owners,
        steps.inputs,
        steps.outputs,
        np.repeat(np.arange(len(sizes), dtype=np.uint16), sizes),
        room,
        WALKS_PER_WEIGHT * visits.size,
        scene.generator,
        np.empty(steps.longest, np.int64),
        visits,
    )
    magnitudes = np.abs(flat_values(scene.weights))
    later = magnitudes / max(magnitudes.max(), np.finfo(np.float64).tiny)
    return np.where(visits > 0, 2 - (visits - 1) / visits.size, later)
