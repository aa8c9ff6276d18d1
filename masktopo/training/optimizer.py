"""The optimiser of the protocol, and the settings that make its steps repeatable."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from masktopo.errors import ArgumentError
from masktopo.training.config import TrainConfig

__all__ = ["make_optimizer", "repeatable_algorithms"]


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the SGD of `config`; biases and normalisation are treated as weights are.

    Raises
    ------
    ArgumentError
        If the model has no parameter that can be trained.
    """
    trained = next((each for each in model.parameters() if each.requires_grad), None)
    if trained is None:
        raise ArgumentError(f"{type(model).__name__} has no parameter that can be trained")
    on_gpu = trained.device.type == "cuda"
    return torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
        # One kernel for all parameters; on the CPU torch's own choice stays.
        fused=True if on_gpu else None,
    )


@contextmanager
def repeatable_algorithms() -> Iterator[None]:
    """Let cuDNN choose the same algorithm every time, and give the settings back."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before
