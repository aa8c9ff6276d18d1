"""All epochs of one run: the schedule, the mask hook and the choice of the best epoch."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from masktopo.data.splits import DataSplits
from masktopo.data.torch_random import fenced_torch_rng
from masktopo.masks.maskset import MaskSet
from masktopo.training.config import TrainConfig
from masktopo.training.loop import EpochFigures, accuracy, check_model_fits, train_epoch
from masktopo.training.masked import check_pruned_are_zero, hold_pruned_at_zero, pruned_places

__all__ = ["Fitted", "fit"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What training gave, before the test set was looked at.

    Parameters
    ----------
    state_dict : dict of str to torch.Tensor
        All parameters and buffers after the best epoch, on the CPU.
    best_epoch : int
        The epoch of highest validation accuracy, the earliest of equals; counted from 1.
    validation_accuracy : float
        Of that epoch.
    history : pandas.DataFrame
        A row an epoch, as in `TrainingResult`.
    """

    state_dict: dict[str, torch.Tensor]
    best_epoch: int
    validation_accuracy: float
    history: pd.DataFrame


def fit(
    model: nn.Module,
    masks: MaskSet | None,
    splits: DataSplits,
    config: TrainConfig,
    *,
    seed: int,
    device: torch.device,
    progress: bool = False,
) -> Fitted:
    """Train `model` in place on the training part; the test set is not touched.

    Parameters
    ----------
    model : nn.Module
        Moved to `device`; ends with the weights of the best epoch.
    masks : MaskSet or None
        Weights that it prunes are 0 after every step; None prunes nothing.
    splits : DataSplits
        Kept on `device` as a whole.
    config : TrainConfig
        The protocol.
    seed : int
        Seed of batches, augmentation and the model's own draws.
    device : torch.device
        Where to train.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    DataError
        If the model does not take the samples.
    MaskError
        If the masks do not fit the model.
    TrainingError
        If the loss is not finite, or a pruned weight is not 0 when weights are taken.
    """
    model.to(device)
    training, validation = splits.training_part.to(device), splits.validation_part.to(device)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    pruned = pruned_places(masks, parameters)
    optimizer = _optimizer(model, config)
    rows: list[dict[str, float]] = []
    best = Fitted({}, 0, -1.0, pd.DataFrame())
    with (
        fenced_torch_rng(device),
        _repeatable_algorithms(),
        hold_pruned_at_zero(optimizer, parameters, pruned),
        tqdm(total=config.epochs, unit="epoch", disable=not progress) as bar,
    ):
        check_model_fits(model, training)
        for epoch in range(1, config.epochs + 1):
            start = time.perf_counter()
            figures = train_epoch(model, optimizer, training, config, seed=seed, epoch=epoch)
            validated = accuracy(model, validation)
            rows.append(_row(epoch, config, figures, validated, time.perf_counter() - start))
            if validated > best.validation_accuracy:
                state = _snapshot(model, pruned, when=f"after epoch {epoch}")
                best = Fitted(state, epoch, validated, best.history)
            bar.set_postfix(loss=f"{figures.loss:.3f}", validation=f"{validated:.3f}")
            bar.update()
    model.load_state_dict(best.state_dict)
    return replace(best, history=pd.DataFrame(rows))


def _optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the SGD of section 10; biases and normalisation are treated as weights are."""
    return torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )


@contextmanager
def _repeatable_algorithms() -> Iterator[None]:
    """Let cuDNN choose the same algorithm every time, and give the settings back."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def _snapshot(
    model: nn.Module, pruned: Mapping[str, torch.Tensor], *, when: str
) -> dict[str, torch.Tensor]:
    """Copy the model's state to the CPU, and assert that its pruned weights are 0."""
    state = model.state_dict()
    check_pruned_are_zero(state, pruned, when=when)
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}


def _row(
    epoch: int, config: TrainConfig, figures: EpochFigures, validated: float, seconds: float
) -> dict[str, float]:
    """Return one row of the history."""
    return {
        "epoch": epoch,
        "loss": figures.loss,
        "train_accuracy": figures.accuracy,
        "validation_accuracy": validated,
        "learning_rate": config.rate_at(epoch),
        "seconds": seconds,
    }
