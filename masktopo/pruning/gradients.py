"""Losses and their gradients, one mini-batch after the other."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from masktopo.errors import PruningError
from masktopo.pruning.batches import Batches

__all__ = [
    "batch_gradients",
    "batch_losses",
    "check_reached",
    "gradients_of",
    "summed_gradients",
]


def summed_gradients(
    network: nn.Module,
    weights: Sequence[nn.Parameter],
    batches: Batches,
    *,
    temperature: float = 1.0,
) -> list[torch.Tensor]:
    """Add up `batch_gradients` in the order of the batches.

    Returns
    -------
    list of torch.Tensor
        One gradient for each of `weights`, of its shape, dtype and device.
    """
    totals = [torch.zeros_like(weight) for weight in weights]
    for gradients in batch_gradients(network, weights, batches, temperature=temperature):
        for total, gradient in zip(totals, gradients, strict=True):
            total += gradient
    return totals


def batch_gradients(
    network: nn.Module,
    weights: Sequence[nn.Parameter],
    batches: Batches,
    *,
    temperature: float = 1.0,
) -> Iterator[list[torch.Tensor]]:
    """Yield the gradients of `batch_losses`."""
    losses = batch_losses(network, weights, batches, temperature=temperature)
    for place, loss in enumerate(losses):
        yield gradients_of(loss, weights, f"the loss in batch {place} of {batches.data.name}")


def gradients_of(
    value: torch.Tensor, weights: Sequence[nn.Parameter], what: str, *, create_graph: bool = False
) -> list[torch.Tensor]:
    """Return the gradient of a number for each weight, 0 for those that it does not depend on.

    Raises
    ------
    PruningError
        If an operation of the model has no derivative, or one that fails; `what` is named.
    """
    try:
        found = torch.autograd.grad(
            value, weights, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
    except RuntimeError as error:
        raise PruningError(f"{what} has no gradient: {error}") from error
    return list(found)


def batch_losses(
    network: nn.Module,
    weights: Sequence[nn.Parameter],
    batches: Batches,
    *,
    temperature: float = 1.0,
) -> Iterator[torch.Tensor]:
    """Yield every batch's loss.

    The loss is the cross-entropy of the logits over `temperature`, summed over the batch and
    divided by the size of a full batch: the mean for full batches, while a smaller last one
    counts by its samples. So all samples weigh the same however they are cut into batches.

    Raises
    ------
    PruningError
        If the network does not take a batch, or its loss is not finite or depends on no weight;
        the batch is named.
    """
    for place, (inputs, labels) in enumerate(batches):
        inputs, labels = inputs.to(weights[0]), labels.to(weights[0].device)
        where = f"batch {place} of {len(batches)} of {batches.data.name}"
        loss = _loss(network, inputs, labels, temperature, where) / batches.size
        if not torch.isfinite(loss):
            raise PruningError(f"the loss is {loss.item()} in {where}")
        check_reached(loss, f"the loss in {where}")
        yield loss


def check_reached(value: torch.Tensor, what: str) -> None:
    """Raise unless a gradient of `value` can reach the weights."""
    if not value.requires_grad:
        raise PruningError(
            f"{what} depends on no prunable weight: the model's output does not come from them, "
            "or it is computed without gradients (torch.no_grad, detach)"
        )


def _loss(
    network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, temperature: float, where: str
) -> torch.Tensor:
    """Return the cross-entropy summed over one batch."""
    try:
        return cross_entropy(network(inputs) / temperature, labels, reduction="sum")
    except Exception as error:  # a model's own code may raise anything
        raise PruningError(
            f"the model fails on {where}, inputs of shape {tuple(inputs.shape)}: {error}"
        ) from error
