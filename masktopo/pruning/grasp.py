"""GraSP: how much the gradient's norm would lose if a connection were removed."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel

from masktopo.pruning.batches import Batches
from masktopo.pruning.gradients import batch_losses, gradients_of
from masktopo.pruning.prunable import flat_values
from masktopo.pruning.scene import Scene

__all__ = ["TEMPERATURE", "grasp"]

TEMPERATURE = 200.0
"""What logits are divided by, as in the paper's code: all classes then count nearly alike."""


def grasp(scene: Scene) -> NDArray[np.float64]:
    """Return ``w * Hg``, flat, with gradient `g` and Hessian `H` of the loss over all batches.

    To first order, removing a weight lowers ``||g||^2`` by ``2 w Hg``: the weights without which
    least gradient would flow are kept. The paper writes ``-w * Hg`` and removes the highest.

    Cost: two passes over the batches, since each batch's part of ``Hg`` needs the whole `g`; in
    all three to four times the time of SNIP. Memory: that of training on one batch, about twice,
    since the second pass differentiates the backward pass; gradients and sums are two vectors of
    all weights. In training mode, dropout differs from pass to pass.

    References
    ----------
    C. Wang, G. Zhang, R. Grosse, *Picking Winning Tickets Before Training by Preserving Gradient
    Flow*, ICLR 2020, equation 8 and algorithm 2.
    """
    assert scene.batches is not None
    products = _hessian_products(scene, scene.batches, scene.gradients)
    return flat_values(scene.weights) * flat_values(products)


def _hessian_products(
    scene: Scene, batches: Batches, vectors: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Return the Hessian of the loss times `vectors`, summed in the order of the batches."""
    weights, temperature = scene.weights, scene.temperature
    totals = [torch.zeros_like(weight) for weight in weights]
    with sdpa_kernel(SDPBackend.MATH):  # the fused attentions have no second derivative
        for loss in batch_losses(scene.network, weights, batches, temperature=temperature):
            gradients = gradients_of(loss, weights, "the loss", create_graph=True)
            inner = torch.stack(
                [(g * v).sum() for g, v in zip(gradients, vectors, strict=True)]
            ).sum()
            products = gradients_of(inner, weights, "the gradient of the loss")
            for total, product in zip(totals, products, strict=True):
                total += product
    return totals
