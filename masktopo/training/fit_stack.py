"""All epochs of several runs of one network at once."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from masktopo.data.splits import DataSplits
from masktopo.data.torch_random import fenced_rng
from masktopo.masks.maskset import MaskSet
from masktopo.training.checkpoint import Checkpoint, advance, copied, save_checkpoint
from masktopo.training.config import TrainConfig
from masktopo.training.epochs import Epochs
from masktopo.training.fit import Fitted
from masktopo.training.folder import CHECKPOINT_FILE
from masktopo.training.loop import check_model_fits
from masktopo.training.masked import HeldWeights, pruned_places
from masktopo.training.optimizer import make_optimizer, repeatable_algorithms
from masktopo.training.stack import join_states, split_state, stack_networks
from masktopo.training.step import memory_format

__all__ = ["fit_stack"]

_TRIED = 4
"""Samples that a stack is tried with."""


def fit_stack(
    networks: Sequence[nn.Module],
    masks: Sequence[MaskSet | None],
    splits: DataSplits,
    config: TrainConfig,
    *,
    seed: int,
    device: torch.device,
    folders: Sequence[Path | None],
    lasts: Sequence[Checkpoint],
    progress: bool = False,
) -> list[Fitted]:
    """Train networks of one shape side by side, each as `fit` would train it alone.

    They share batches and augmentation, and nothing else: weights, momenta, batch statistics and
    the best epoch are each one's own. Sums are made in another order than in `fit`, so digits
    differ as they do between devices.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        In the states of `lasts`, or in those to start from; end with those of their best epochs.
    masks, folders, lasts : sequences
        As in `fit`, one a network. The checkpoints, empty ones for a start, are of one epoch.
        What is written into the folders is what `fit` writes, so that either goes on there.
    splits, config, seed, device, progress
        As in `fit`.

    Raises
    ------
    ArgumentError
        If the networks do not stack.
    DataError, TrainingError
        As in `fit`.
    """
    training, validation = splits.training_part.to(device), splits.validation_part.to(device)
    with fenced_rng(device):
        check_model_fits(networks[0].to(device), training)
        # Tried on the CPU: rounding of a GPU's convolutions could pass for mixed-up members.
        tried = training.normalised(training.inputs[:_TRIED]).cpu()
        stack = stack_networks([network.cpu() for network in networks], tried)
    stack.to(device).to(memory_format=memory_format(device))  # type: ignore[call-overload]
    parameters = dict(stack.network.named_parameters(remove_duplicate=False))
    optimizer = make_optimizer(stack, config)
    held = HeldWeights(optimizer, parameters, _stacked_places(networks, masks, device))
    lasts = list(lasts)
    done = len(lasts[0].rows)
    if done:
        optimizer.load_state_dict(join_states([last.optimizer for last in lasts]))
    with (
        fenced_rng(device),
        repeatable_algorithms(),
        held.hold(),
        tqdm(total=config.epochs, initial=done, unit="epoch", disable=not progress) as bar,
    ):
        epochs = Epochs(stack, optimizer, held, training, validation, config, seed)
        for epoch in range(done + 1, config.epochs + 1):
            rows = epochs.train(epoch)
            states = split_state(copied(stack.network.state_dict()), stack.members)
            momenta = split_state(optimizer.state_dict(), stack.members)
            lasts = [advance(*each) for each in zip(lasts, states, momenta, rows, strict=True)]
            for last, folder in zip(lasts, folders, strict=True):
                if folder is not None:
                    save_checkpoint(last, folder / CHECKPOINT_FILE)
            mean = sum(row["validation_accuracy"] for row in rows) / stack.members
            bar.set_postfix(members=stack.members, validation=f"{mean:.3f}")
            bar.update()
    return [
        _fitted(network.to(device), last, chosen)
        for network, last, chosen in zip(networks, lasts, masks, strict=True)
    ]


def _stacked_places(
    networks: Sequence[nn.Module], masks: Sequence[MaskSet | None], device: torch.device
) -> dict[str, torch.Tensor]:
    """Return where the stack's parameters are pruned, of all that any mask names."""
    own = []
    for network, chosen in zip(networks, masks, strict=True):
        parameters = dict(network.named_parameters(remove_duplicate=False))
        own.append((parameters, pruned_places(chosen, parameters)))
    named = dict.fromkeys(name for _, places in own for name in places)
    return {
        name: torch.cat(
            [
                places[name] if name in places else torch.zeros_like(parameters[name]).bool()
                for parameters, places in own
            ]
        ).to(device)
        for name in named
    }


def _fitted(network: nn.Module, last: Checkpoint, masks: MaskSet | None) -> Fitted:
    """Return what one member's training gave."""
    network.load_state_dict(last.best_state_dict)
    return Fitted(
        last.best_state_dict,
        last.best_epoch,
        last.validation_accuracy,
        pd.DataFrame(last.rows),
        masks,
        None,
    )
