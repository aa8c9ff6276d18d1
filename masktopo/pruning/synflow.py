"""SynFlow: how much of the network's synaptic flow passes through a weight."""

import numpy as np
import torch
from numpy.typing import NDArray

from masktopo.errors import PruningError
from masktopo.pruning.gradients import check_reached, gradients_of
from masktopo.pruning.prunable import flat_values
from masktopo.pruning.scene import Scene

__all__ = ["synflow"]


def synflow(scene: Scene) -> NDArray[np.float64]:
    """Return ``w * dR/dw``, flat, with `R` the sum of outputs for an input of ones.

    All parameters and buffers are replaced by their absolute values and the network runs in
    float64 and eval mode, since products over many layers leave the range of float32.

    Cost: one forward and one backward pass of a single sample.

    References
    ----------
    H. Tanaka, D. Kunin, D. Yamins, S. Ganguli, *Pruning neural networks without any data by
    iteratively conserving synaptic flow*, NeurIPS 2020, algorithm 1.
    """
    assert scene.input_shape is not None
    network = scene.network.double().eval()
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.abs_()
    weights = scene.weights
    ones = torch.ones((1, *scene.input_shape), dtype=torch.float64, device=weights[0].device)
    try:
        flow = network(ones).sum()
    except Exception as error:  # a model's own code may raise anything
        raise PruningError(
            f"the model fails on an input of shape {tuple(ones.shape)}: {error}"
        ) from error
    check_reached(flow, "the output")
    gradients = gradients_of(flow, weights, "the output")
    return np.abs(flat_values(gradients) * flat_values(weights))
