"""SNIP: how much the loss would change if a connection were removed."""

import numpy as np
from numpy.typing import NDArray

from masktopo.pruning.prunable import flat_values
from masktopo.pruning.scene import Scene

__all__ = ["snip"]


def snip(scene: Scene) -> NDArray[np.float64]:
    """Return ``|g * w|``, flat, with `g` the gradient summed over the batches.

    The absolute value is taken after the sum. Cost: a forward and a backward pass a batch.

    References
    ----------
    N. Lee, T. Ajanthan, P. Torr, *SNIP: Single-shot Network Pruning based on Connection
    Sensitivity*, ICLR 2019, equations 4 to 6. In rounds: P. de Jorge et al., *Progressive
    Skeletonization: Trimming more fat from a network at initialization*, ICLR 2021, section 4.
    """
    # In float64 the product of two float32 numbers is exact, so rounding makes no ties.
    return np.abs(flat_values(scene.gradients) * flat_values(scene.weights))
