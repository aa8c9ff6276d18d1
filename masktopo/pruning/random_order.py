"""Random pruning: a seeded order of the weights stands in for a score."""

import numpy as np
from numpy.typing import NDArray

from masktopo.pruning.prunable import total_size
from masktopo.pruning.scene import Scene

__all__ = ["random_order"]


def random_order(scene: Scene) -> NDArray[np.float64]:
    """Return independent uniform numbers from [0, 1), flat."""
    return scene.generator.random(total_size(scene.layers))
