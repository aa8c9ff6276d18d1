"""Models small enough to follow by hand, with weights of a seed."""

import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.pruning import METHODS


def samples_of(*shape):
    return TensorData(torch.zeros(3, *shape), torch.zeros(3, dtype=torch.int64), 3, "made up")


def mlp():
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)
    ).double()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(6)
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.inner = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.head = nn.Linear(3 * 2 * 2, 4)
        self.double()

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = nn.functional.max_pool2d(x + self.inner(x), 2)
        return self.head(x.flatten(1))


class AllKinds(nn.Module):
    """From volumes to images to lines to vectors."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(8)
        self.volume = nn.Conv3d(2, 4, (1, 3, 3), groups=2)
        self.norm = nn.BatchNorm3d(4)
        self.image = nn.Conv2d(8, 12, 3, groups=4, padding=1)
        self.line = nn.Conv1d(12, 6, 2, groups=3, stride=2)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(6 * 8, 3)

    def forward(self, x):
        x = self.norm(self.volume(x)).relu()
        x = self.image(x.flatten(1, 2)).relu()
        x = self.line(x.flatten(2)).relu()
        return self.head(self.dropout(x).flatten(1))


def volumes():
    """Return 30 samples for `AllKinds`."""
    inputs = torch.randn((30, 2, 2, 6, 6), generator=torch.Generator().manual_seed(1))
    return TensorData(inputs, torch.arange(30) % 3, 3, "made up")


def few_rounds(method):
    """Return options that spare iterative methods most of their 100 rounds."""
    return {"rounds": 5} if METHODS[method].is_iterative else {}
