"""Score of magnitude pruning: ``|w|``."""

import numpy as np
from numpy.typing import NDArray

from masktopo.pruning.prunable import flat_values
from masktopo.pruning.scene import Scene

__all__ = ["magnitude"]


def magnitude(scene: Scene) -> NDArray[np.float64]:
    """Return the absolute weights, flat.

    References
    ----------
    S. Han et al., *Learning both Weights and Connections for Efficient Neural Networks*,
    NeurIPS 2015.
    """
    return np.abs(flat_values(scene.weights))
