import pytest
import torch
from torch import nn

from masktopo.data import TensorData


@pytest.fixture(scope="package")
def data():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((90, 12), generator=generator)
    return TensorData(inputs, torch.arange(90) % 4, 4, "made up")


@pytest.fixture(scope="package")
def model():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.Linear(16, 4))
