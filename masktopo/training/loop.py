"""One epoch of training, and one pass of evaluation."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from masktopo.data.tensors import TensorData
from masktopo.data.torch_random import reseed_torch, torch_stream
from masktopo.errors import DataError, TrainingError
from masktopo.training.augment import AUGMENTATIONS
from masktopo.training.config import TrainConfig

__all__ = ["EpochFigures", "accuracy", "check_model_fits", "train_epoch"]

_EVALUATION_BATCH = 1024

# Every draw of a run is a function of (seed, purpose, epoch).
_SHUFFLE, _AUGMENT, _MODEL = 0, 1, 2


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
) -> EpochFigures:
    """Take one step for every batch of `data`, in the order that (seed, epoch) gives.

    Reseeds torch's global random state, for layers such as dropout.

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

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    for group in optimizer.param_groups:
        group["lr"] = config.rate_at(epoch)
    augmenting = torch_stream(seed, _AUGMENT, epoch)
    reseed_torch(seed, _MODEL, epoch, device=data.inputs.device)
    model.train()
    losses, hits = [], []
    for batch in _batches(len(data), config.batch_size, torch_stream(seed, _SHUFFLE, epoch)):
        chosen = batch.to(data.inputs.device)
        inputs, labels = data.inputs[chosen], data.labels[chosen]
        if config.augment is not None:
            inputs = AUGMENTATIONS[config.augment](inputs, augmenting)
        loss, correct = _step(model, optimizer, inputs, labels)
        losses.append(loss * len(batch))
        hits.append(correct)
    # Read once an epoch: a read waits for the device.
    mean_loss = float(torch.stack(losses).cpu().double().sum()) / len(data)
    if not torch.isfinite(torch.tensor(mean_loss)):
        raise TrainingError(
            f"the loss is {mean_loss} in epoch {epoch} of {config.epochs}, at learning rate "
            f"{config.rate_at(epoch):g}; a lower learning_rate may help"
        )
    return EpochFigures(mean_loss, int(torch.stack(hits).sum()) / len(data))


@torch.no_grad()
def accuracy(model: nn.Module, data: TensorData) -> float:
    """Return the part of `data` that `model`, put into evaluation mode, classifies rightly.

    Of equal logits the first counts as the answer.
    """
    model.eval()
    hits = [
        (model(inputs).argmax(dim=1) == labels).sum()
        for inputs, labels in zip(
            data.inputs.split(_EVALUATION_BATCH), data.labels.split(_EVALUATION_BATCH), strict=True
        )
    ]
    return int(torch.stack(hits).sum()) / len(data)


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
        logits = model(data.inputs[:1])
    except RuntimeError as error:
        raise DataError(
            f"the model cannot take samples of shape {data.sample_shape} from {data.name}: {error}"
        ) from error
    found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if not isinstance(found, tuple) or len(found) != 2 or found[1] < data.n_classes:
        raise DataError(
            f"the model must give logits of shape (1, {data.n_classes}) for one sample of "
            f"{data.name}, not {found}"
        )


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take one step of the optimiser; the mean loss and the number of right answers before it."""
    optimizer.zero_grad(set_to_none=True)
    logits = model(inputs)
    loss = cross_entropy(logits, labels)
    loss.backward()
    optimizer.step()
    return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()


def _batches(count: int, size: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Shuffle the samples into batches; a single one left over joins the last full batch.

    Batch normalisation cannot train on one sample.
    """
    batches = list(torch.randperm(count, generator=generator).split(size))
    if len(batches) > 1 and len(batches[-1]) == 1 < size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
