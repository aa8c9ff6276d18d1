"""All epochs of one run: the schedule, the mask hook and the choice of the best epoch."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from masktopo.data.splits import DataSplits
from masktopo.data.torch_random import fenced_rng
from masktopo.masks.maskset import MaskSet
from masktopo.monitor import MonitorSettings
from masktopo.training.checkpoint import Checkpoint, advance, copied, resume, save_checkpoint
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DynamicSparsity
from masktopo.training.epochs import Epochs
from masktopo.training.evolution import Evolution, masks_from
from masktopo.training.folder import CHECKPOINT_FILE, UPDATES_FOLDER
from masktopo.training.loop import AfterStep, check_model_fits, steps_per_epoch
from masktopo.training.masked import HeldWeights, pruned_places
from masktopo.training.optimizer import make_optimizer, repeatable_algorithms
from masktopo.training.step import memory_format
from masktopo.training.watch import watch_run

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
    masks : MaskSet or None
        The masks of these weights; without dynamic sparse training, those that were given.
    topology : pandas.DataFrame or None
        The history of the monitor, where there was one.
    """

    state_dict: dict[str, torch.Tensor]
    best_epoch: int
    validation_accuracy: float
    history: pd.DataFrame
    masks: MaskSet | None
    topology: pd.DataFrame | None


def fit(
    model: nn.Module,
    masks: MaskSet | None,
    splits: DataSplits,
    config: TrainConfig,
    *,
    seed: int,
    device: torch.device,
    dynamic: DynamicSparsity | None = None,
    folder: Path | None = None,
    monitor: MonitorSettings | None = None,
    after_step: AfterStep | None = None,
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
        Seed of batches, augmentation, growth and the model's own draws.
    device : torch.device
        Where to train.
    dynamic : DynamicSparsity, optional
        How masks change; they stay as they are by default.
    folder : Path, optional
        Folder for the state after every epoch, for the masks of every update and for what is
        monitored. If a state is there, training goes on from it; a run that was stopped so ends
        as one that was not.
    monitor : MonitorSettings, optional
        What is measured on the way.
    after_step : callable, optional
        See `train`; called after the masks were updated.
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
        If the checkpoint is damaged.
    """
    model.to(device).to(memory_format=memory_format(device))  # type: ignore[call-overload]
    training, validation = splits.training_part.to(device), splits.validation_part.to(device)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    optimizer = make_optimizer(model, config)
    held = HeldWeights(optimizer, parameters, pruned_places(masks, parameters))
    steps = config.epochs * steps_per_epoch(len(training), config.batch_size)
    evolution = _evolution(masks, dynamic, held, seed, steps, folder)
    watch = watch_run(monitor, model, masks, held, folder)
    hooks = [hook for hook in (evolution, watch, after_step) if hook is not None]
    checkpoint = None if folder is None else folder / CHECKPOINT_FILE
    with (
        fenced_rng(device),
        repeatable_algorithms(),
        held.hold(),
        nullcontext() if watch is None else watch.monitor,
        tqdm(total=config.epochs, unit="epoch", disable=not progress) as bar,
    ):
        check_model_fits(model, training)
        last = resume(model, optimizer, checkpoint)
        if evolution is not None:
            evolution.begin(last.kept, last.explored)
        if watch is not None:
            watch.begin(len(last.rows) * steps // config.epochs)
        bar.update(len(last.rows))
        epochs = Epochs(model, optimizer, held, training, validation, config, seed, hooks)
        for epoch in range(len(last.rows) + 1, config.epochs + 1):
            (row,) = epochs.train(epoch)
            if evolution is not None:
                row["explored"] = evolution.explored_ratio
            masked = ({}, {}) if evolution is None else evolution.state()
            state = copied(model.state_dict()), optimizer.state_dict()
            last = advance(last, *state, row, *masked)
            if watch is not None:
                watch.save()
            if checkpoint is not None:
                save_checkpoint(last, checkpoint)
            bar.set_postfix(_shown(row, masks))
            bar.update()
    model.load_state_dict(last.best_state_dict)
    return Fitted(
        last.best_state_dict,
        last.best_epoch,
        last.validation_accuracy,
        pd.DataFrame(last.rows),
        _best_masks(masks, last),
        None if watch is None else watch.history(),
    )


def _evolution(
    masks: MaskSet | None,
    dynamic: DynamicSparsity | None,
    held: HeldWeights,
    seed: int,
    steps: int,
    folder: Path | None,
) -> Evolution | None:
    """Return the masks that change, where they do."""
    if masks is None or dynamic is None:
        return None
    updates = None if folder is None else folder / UPDATES_FOLDER
    return Evolution(masks, dynamic, held, seed, steps, updates)


def _best_masks(masks: MaskSet | None, last: Checkpoint) -> MaskSet | None:
    """Return the masks of the best epoch's weights."""
    if masks is None or not last.best_kept:
        return masks
    origin = f"dynamic sparse training, epoch {last.best_epoch}"
    return masks_from(masks, last.best_kept, origin=origin)


def _shown(row: dict[str, float], masks: MaskSet | None) -> dict[str, str]:
    """Return what the bar says of an epoch; it adds the time left by itself."""
    shown = {"loss": f"{row['loss']:.3f}", "validation": f"{row['validation_accuracy']:.3f}"}
    return shown if masks is None else {**shown, "nnz": f"{masks.nnz:,}"}
