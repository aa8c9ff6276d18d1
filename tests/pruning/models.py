"""Models small enough to follow by hand, with weights of a seed."""

import torch
from torch import nn

from masktopo.data.tensors import TensorData


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
