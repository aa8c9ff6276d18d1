"""A small problem that trains in milliseconds."""

import numpy as np
import pytest

from masktopo.data import resolve_data
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.networks import build_network

SHAPE, CLASSES = (1, 4, 4), 3


@pytest.fixture(scope="session")
def data():
    """300 training and 75 test images of 4x4 pixels."""
    return resolve_data("synthetic:1x4x4:3")


@pytest.fixture
def model():
    """A small convolutional network with normalisation."""
    return build_network("smallcnn", input_shape=SHAPE, n_classes=CLASSES, rng=0)


@pytest.fixture
def masks(model):
    """A third of the weights of every layer but ``conv1``, which is left without a mask."""
    rng = np.random.default_rng(0)
    kinds = {2: "linear", 4: "conv2d"}
    return MaskSet(
        LayerMask(
            name.removesuffix(".weight"),
            rng.random(tuple(value.shape)) < 1 / 3,
            value.detach().numpy().copy(),
            kind=kinds[value.ndim],
        )
        for name, value in model.named_parameters()
        if value.ndim > 1 and name != "conv1.weight"
    )
