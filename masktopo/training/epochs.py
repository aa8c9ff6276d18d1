"""Epochs of one network or of a stack: trained, validated, checked and written down as rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.training.config import TrainConfig
from masktopo.training.loop import AfterStep, EpochFigures, accuracies, train_epoch_of_all
from masktopo.training.masked import HeldWeights
from masktopo.training.step import Step, make_step

__all__ = ["Epochs"]


@dataclass(frozen=True, eq=False)
class Epochs:
    """What every epoch of a run is trained with.

    Parameters
    ----------
    model : nn.Module
        A network, or a `Stack` of several; on the device of the data.
    optimizer : torch.optim.Optimizer
    held : HeldWeights
        Checked after every epoch.
    training, validation : TensorData
    config : TrainConfig
    seed : int
        Seed of the run.
    hooks : sequence of callables
        Called after every step.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    held: HeldWeights
    training: TensorData
    validation: TensorData
    config: TrainConfig
    seed: int
    hooks: Sequence[AfterStep] = ()

    @cached_property
    def _step(self) -> Step:
        return make_step(self.model, self.optimizer, self.training, self.config)

    def train(self, epoch: int) -> list[dict[str, float]]:
        """Train and validate one epoch; return a row of the history for every member.

        Times are those of the stack over its members; a network alone is one.

        Raises
        ------
        TrainingError
            If the loss is not finite, or a pruned weight or its momentum is not 0.
        """
        begun = time.perf_counter()
        figures = train_epoch_of_all(
            self.model,
            self.optimizer,
            self.training,
            self.config,
            seed=self.seed,
            epoch=epoch,
            step=self._step,
            after_step=self.hooks,
        )
        trained = time.perf_counter()
        validated = accuracies(self.model, self.validation)
        self.held.check(f"after epoch {epoch}")
        seconds = (time.perf_counter() - begun) / len(figures)
        speed = len(figures) * len(self.training) / (trained - begun)
        return [
            _row(epoch, self.config, *each, seconds, speed)
            for each in zip(figures, validated, strict=True)
        ]


def _row(
    epoch: int,
    config: TrainConfig,
    figures: EpochFigures,
    validated: float,
    seconds: float,
    images_per_second: float,
) -> dict[str, float]:
    """Return one row of the history; see `TrainingResult`."""
    return {
        "epoch": epoch,
        "loss": figures.loss,
        "train_accuracy": figures.accuracy,
        "validation_accuracy": validated,
        "learning_rate": config.rate_at(epoch),
        "seconds": seconds,
        "images_per_second": images_per_second,
    }
