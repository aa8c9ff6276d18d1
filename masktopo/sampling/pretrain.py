"""The short training of the dense network that PAGS may start with."""

from torch import nn

from masktopo._random import stream
from masktopo.data.tensors import TensorData
from masktopo.masks.copying import copy_model
from masktopo.pruning.reproducible import reproducible
from masktopo.training.config import TrainConfig
from masktopo.training.loop import train_epoch
from masktopo.training.optimizer import make_optimizer

__all__ = ["pretrained"]

# Keys of one number belong to nothing else: draws have two and more.
_PRETRAIN = 0


def pretrained(
    model: nn.Module, data: TensorData, config: TrainConfig, *, steps: int, seed: int
) -> nn.Module:
    """Train a copy of the dense `model` for a number of mini-batches.

    Parameters
    ----------
    model : nn.Module
        Trained where it is; not changed.
    data : TensorData
        The training set less its validation part.
    config : TrainConfig
        The protocol; of its epochs only the learning rates are used.
    steps : int
        Mini-batches. All are full, and each pass is a fresh shuffle of the data; a data set
        smaller than a batch is one batch.
    seed : int
        Seed of batches, augmentation and the model's own draws.

    Returns
    -------
    nn.Module
        In the mode that `model` is in.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    network = copy_model(model)
    device = next(network.parameters()).device
    root = int(stream(seed, _PRETRAIN).integers(2**63))
    optimizer = make_optimizer(network, config)
    per_pass = max(len(data) // config.batch_size, 1)
    with reproducible(root, device=device):
        for epoch, start in enumerate(range(0, steps, per_pass), start=1):
            count = min(per_pass, steps - start) * config.batch_size
            order = stream(root, epoch).permutation(len(data))[:count]
            batches = data.subset(order).to(device)
            train_epoch(network, optimizer, batches, config, seed=root, epoch=epoch)
    network.zero_grad(set_to_none=True)
    return network.train(model.training)
