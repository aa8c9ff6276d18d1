"""One epoch of training, and one pass of evaluation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.data.torch_random import fenced_rng, reseed, torch_stream
from masktopo.errors import DataError, MasktopoError, TrainingError
from masktopo.training.augment import AUGMENTATIONS
from masktopo.training.config import TrainConfig
from masktopo.training.step import Step, make_step

__all__ = [
    "AfterStep",
    "EpochFigures",
    "accuracies",
    "accuracy",
    "check_model_fits",
    "steps_per_epoch",
    "tested_accuracy",
    "train_epoch",
    "train_epoch_of_all",
]

AfterStep = Callable[[nn.Module, int], None]
"""``(network, step) -> None``: what happens after a step; `step` counts those of the whole run,
this one included."""

_EVALUATION_BATCH = 1024

# Every draw of a run is a function of (seed, purpose, epoch).
_SHUFFLE, _AUGMENT, _MODEL, _TEST = 0, 1, 2, 3


@dataclass(frozen=True)
class EpochFigures:
    """Means over the samples of one epoch, taken while the weights moved.

    Parameters
    ----------
    loss : float
        Cross-entropy, in nats.
    accuracy : float
        Part of the samples classified rightly.
    """

    loss: float
    accuracy: float


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: TensorData,
    config: TrainConfig,
    *,
    seed: int,
    epoch: int,
    step: Step | None = None,
    after_step: Sequence[AfterStep] = (),
) -> EpochFigures:
    """Take one step for every batch of `data`, in the order that (seed, epoch) gives.

    Reseeds the global random states, for layers such as dropout.

    Parameters
    ----------
    model : nn.Module
        On the device of `data`; put into training mode.
    optimizer : torch.optim.Optimizer
        Its learning rate is set for this epoch.
    data : TensorData
        The training part.
    config : TrainConfig
        Batch size, augmentation and learning rates.
    seed : int
        Seed of the run.
    epoch : int
        Counted from 1.
    step : Step, optional
        From `make_step`, where it is to serve several epochs; made here otherwise.
    after_step : sequence of callables
        Called in order after every step, when weights, masks and gradients are those that the
        step left. Steps are counted over epochs from the epoch's number, so that a resumed run
        counts as one that was not stopped.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    return train_epoch_of_all(
        model, optimizer, data, config, seed=seed, epoch=epoch, step=step, after_step=after_step
    )[0]


def train_epoch_of_all(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: TensorData,
    config: TrainConfig,
    *,
    seed: int,
    epoch: int,
    step: Step | None = None,
    after_step: Sequence[AfterStep] = (),
) -> list[EpochFigures]:
    """Train as `train_epoch` does, and return the figures of every member of a stack."""
    for group in optimizer.param_groups:
        group["lr"] = config.rate_at(epoch)
    reseed(seed, _MODEL, epoch, device=data.inputs.device)
    model.train()
    step = step or make_step(model, optimizer, data, config)
    losses, hits = [], []
    before = (epoch - 1) * steps_per_epoch(len(data), config.batch_size)
    for count, (chosen, draws) in enumerate(_plan(data, config, seed, epoch), start=before + 1):
        loss, correct = _taken(step, chosen, draws)
        losses.append(loss * len(chosen))
        hits.append(correct)
        for act in after_step:
            act(model, count)
    # Read once an epoch: a read waits for the device.
    mean_losses = (torch.stack(losses).cpu().double().sum(dim=0) / len(data)).reshape(-1).tolist()
    for mean_loss in mean_losses:
        if not isfinite(mean_loss):
            raise TrainingError(
                f"the loss is {mean_loss} in epoch {epoch} of {config.epochs}, at learning rate "
                f"{config.rate_at(epoch):g}; a lower learning_rate may help"
            )
    right = torch.stack(hits).sum(dim=0).reshape(-1).tolist()
    return [
        EpochFigures(mean_loss, count / len(data))
        for mean_loss, count in zip(mean_losses, right, strict=True)
    ]


def _taken(
    step: Step, chosen: torch.Tensor, draws: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take a step; batch normalisation, for one, refuses batches of a single sample."""
    try:
        return step(chosen, draws)
    except MasktopoError:
        raise
    except ValueError as error:
        raise DataError(f"no step can be taken with a batch of {len(chosen)}: {error}") from error


def steps_per_epoch(count: int, size: int) -> int:
    """Return the number of batches that `count` samples give; see `_batches` for the last.

    Examples
    --------
    >>> steps_per_epoch(256, 128), steps_per_epoch(257, 128), steps_per_epoch(258, 128)
    (2, 2, 3)
    """
    full, left = divmod(count, size)
    return full + (left > (1 if full else 0))


def accuracy(model: nn.Module, data: TensorData) -> float:
    """Return the part of `data` that `model`, put into evaluation mode, classifies rightly.

    Of equal logits the first counts as the answer.

    Raises
    ------
    TrainingError
        If the highest logit of a sample is not finite.
    """
    return accuracies(model, data)[0]


def tested_accuracy(model: nn.Module, data: TensorData, seed: int) -> float:
    """Return the `accuracy` on the test set; a model that draws in evaluation draws from `seed`."""
    device = data.inputs.device
    with fenced_rng(device):
        reseed(seed, _TEST, device=device)
        return accuracy(model, data)


@torch.no_grad()
def accuracies(model: nn.Module, data: TensorData) -> list[float]:
    """Return the `accuracy` of every member of a stack; of a model alone, one."""
    model.eval()
    hits, sound = [], []
    for inputs, labels in zip(
        data.inputs.split(_EVALUATION_BATCH), data.labels.split(_EVALUATION_BATCH), strict=True
    ):
        highest, answers = model(data.normalised(inputs)).max(dim=-1)
        hits.append((answers == labels).sum(dim=-1))
        sound.append(highest.isfinite().all())
    # Read after the last batch: a read waits for the device.
    if not bool(torch.stack(sound).all()):
        raise TrainingError(
            f"logits for {data.name} are not finite: the training diverged in its last steps; a "
            "lower learning_rate may help"
        )
    right = torch.stack(hits).sum(dim=0).reshape(-1).tolist()
    return [count / len(data) for count in right]


@torch.no_grad()
def check_model_fits(model: nn.Module, data: TensorData) -> None:
    """Raise unless `model` takes a sample of `data` and gives a logit for every class.

    Raises
    ------
    DataError
        Naming the sample's shape and what came of it.
    """
    model.eval()
    try:
        logits = model(data.normalised(data.inputs[:1]))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"the model cannot take samples of shape {data.sample_shape} from {data.name}: {error}"
        ) from error
    found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if not isinstance(found, tuple) or len(found) != 2 or found[1] < data.n_classes:
        raise DataError(
            f"the model must give logits of shape (1, {data.n_classes}) for one sample of "
            f"{data.name}, not {found}"
        )


def _plan(
    data: TensorData, config: TrainConfig, seed: int, epoch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    """Yield the samples of every batch, and the draws of their augmentation.

    All of it is drawn and brought to the device before the first step.
    """
    device = data.inputs.device
    batches = _batches(len(data), config.batch_size, torch_stream(seed, _SHUFFLE, epoch))
    lengths = [len(batch) for batch in batches]
    order = torch.cat(batches).to(device).split(lengths)
    if config.augment is None:
        yield from ((chosen, None) for chosen in order)
        return
    draw = AUGMENTATIONS[config.augment].draw
    draws = draw(len(data), torch_stream(seed, _AUGMENT, epoch)).to(device).split(lengths)
    yield from zip(order, draws, strict=True)


def _batches(count: int, size: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Shuffle the samples into batches; a single one left over joins the last full batch.

    Batch normalisation cannot train on one sample.
    """
    batches = list(torch.randperm(count, generator=generator).split(size))
    if len(batches) > 1 and len(batches[-1]) == 1 < size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
