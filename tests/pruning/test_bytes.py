"""Images of bytes are scored as the numbers that they stand for."""

import numpy as np
import torch
from torch import nn

from masktopo.data.images import image_splits
from masktopo.data.splits import DataSplits
from masktopo.data.tensors import TensorData
from masktopo.networks import build_network
from masktopo.pruning import prune
from masktopo.sampling.pretrain import pretrained
from masktopo.training import TrainConfig


def as_numbers(data):
    return TensorData(data.normalised(data.inputs), data.labels, data.n_classes, data.name)


def bytes_and_numbers():
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    splits = image_splits("made up", (images, np.arange(60) % 3), n_classes=3)
    return splits, DataSplits(as_numbers(splits.train), as_numbers(splits.test))


def network():
    return build_network("smallcnn", input_shape=(1, 8, 8), n_classes=3, rng=0)


def test_scores_are_the_same():
    first, second = (
        prune(network(), data, method="snip", density=0.1, batch_size=16)
        for data in bytes_and_numbers()
    )
    assert first.digest == second.digest


def test_the_training_before_sampling_is_the_same():
    states = [
        pretrained(network(), data.training_part, TrainConfig(batch_size=16), steps=3, seed=0)
        for data in bytes_and_numbers()
    ]
    first, second = (nn.utils.parameters_to_vector(model.parameters()) for model in states)
    assert torch.equal(first, second)
    assert not torch.equal(first, nn.utils.parameters_to_vector(network().parameters()))
