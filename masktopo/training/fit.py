"""All epochs of one run: the schedule, the mask hook and the choice of the best epoch."""

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from masktopo.data.splits import DataSplits
from masktopo.data.torch_random import fenced_torch_rng
from masktopo.masks.maskset import MaskSet
from masktopo.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from masktopo.training.config import TrainConfig
from masktopo.training.loop import EpochFigures, accuracy, check_model_fits, train_epoch
from masktopo.training.masked import (
    check_momentum_is_zero,
    check_pruned_are_zero,
    hold_pruned_at_zero,
    pruned_places,
)
from masktopo.training.optimizer import make_optimizer, repeatable_algorithms
from masktopo.training.step import make_step, memory_format

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
    checkpoint: Path | None = None,
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
    checkpoint : Path, optional
        File for the state after every epoch. If it is there, training goes on from it; a run
        that was stopped so ends as one that was not.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    DataError
        If the model does not take the samples.
    MaskError
        If the masks do not fit the model.
    TrainingError
        If the loss is not finite, or a pruned weight or its momentum is not 0 after an epoch.
    RunError
        If `checkpoint` is damaged.
    """
    model.to(device).to(memory_format=memory_format(device))  # type: ignore[call-overload]
    training, validation = splits.training_part.to(device), splits.validation_part.to(device)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    pruned = pruned_places(masks, parameters)
    optimizer = make_optimizer(model, config)
    with (
        fenced_torch_rng(device),
        repeatable_algorithms(),
        hold_pruned_at_zero(optimizer, parameters, pruned),
        tqdm(total=config.epochs, unit="epoch", disable=not progress) as bar,
    ):
        check_model_fits(model, training)
        last = _resumed(model, optimizer, checkpoint)
        bar.update(len(last.rows))
        step = make_step(model, optimizer, training, config)
        for epoch in range(len(last.rows) + 1, config.epochs + 1):
            start = time.perf_counter()
            figures = train_epoch(
                model, optimizer, training, config, seed=seed, epoch=epoch, step=step
            )
            trained = time.perf_counter()
            validated = accuracy(model, validation)
            when = f"after epoch {epoch}"
            check_pruned_are_zero(parameters, pruned, when=when)
            check_momentum_is_zero(optimizer, parameters, pruned, when=when)
            row = _row(epoch, config, figures, validated)
            row["seconds"] = time.perf_counter() - start
            row["images_per_second"] = len(training) / (trained - start)
            last = _advanced(last, model, optimizer, row)
            if checkpoint is not None:
                save_checkpoint(last, checkpoint)
            bar.set_postfix(loss=f"{figures.loss:.3f}", validation=f"{validated:.3f}")
            bar.update()
    model.load_state_dict(last.best_state_dict)
    history = pd.DataFrame(last.rows)
    return Fitted(last.best_state_dict, last.best_epoch, last.validation_accuracy, history)


def _resumed(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path | None) -> Checkpoint:
    """Put model and optimiser into the state of a checkpoint; an empty one where there is none."""
    found = None if path is None else load_checkpoint(path)
    if found is None:
        return Checkpoint({}, {}, {}, 0, -1.0, [])
    model.load_state_dict(found.state_dict)
    optimizer.load_state_dict(found.optimizer)
    return found


def _advanced(
    last: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer, row: dict[str, float]
) -> Checkpoint:
    """Return the state after an epoch; the earliest of equally good epochs stays the best."""
    state = _snapshot(model)
    best = last.best_state_dict, last.best_epoch, last.validation_accuracy
    if row["validation_accuracy"] > last.validation_accuracy:
        best = state, int(row["epoch"]), row["validation_accuracy"]
    return Checkpoint(state, optimizer.state_dict(), *best, [*last.rows, row])


def _snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copy the model's state to the CPU, in the usual order of its elements."""
    plain = torch.contiguous_format
    return {
        name: value.detach().to("cpu", copy=True, memory_format=plain)
        for name, value in model.state_dict().items()
    }


def _row(
    epoch: int, config: TrainConfig, figures: EpochFigures, validated: float
) -> dict[str, float]:
    """Return one row of the history, but for the times."""
    return {
        "epoch": epoch,
        "loss": figures.loss,
        "train_accuracy": figures.accuracy,
        "validation_accuracy": validated,
        "learning_rate": config.rate_at(epoch),
    }
