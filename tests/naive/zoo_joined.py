"""Gates, several inputs and outputs, shared weights, and weights that are computed."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils import parametrize, prune


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, 2)
        self.fc2 = nn.Linear(2, channels)

    def forward(self, x):
        scale = F.relu(self.fc1(x.mean(dim=(2, 3))))
        return x * torch.sigmoid(self.fc2(scale)).view(x.size(0), -1, 1, 1)


class SENet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.se1 = nn.Conv2d(3, 4, 3, padding=1), SqueezeExcite(4)
        self.conv2, self.se2 = nn.Conv2d(4, 4, 3, padding=1), SqueezeExcite(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.se1(self.conv1(x)))
        x = F.relu(x + self.se2(self.conv2(x)))
        return self.fc(x.mean((-2, -1)))


class Gated(nn.Module):
    """A gated convolution and a gated linear unit."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(2, 4, 3, padding=1)
        self.up, self.down = nn.Linear(6, 8), nn.Linear(4, 3)

    def forward(self, x):
        x = torch.tanh(self.conv(x)) * torch.sigmoid(self.gate(x))
        return self.down(F.glu(self.up(x), dim=-1))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
        self.head = nn.Linear(6, 1)

    def forward(self, left, right):
        first, second = self.encoder(left), self.encoder(right)
        return self.head(torch.cat([first - second, first * second], dim=-1))


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(1, 3, 3, padding=1)
        self.label, self.box = nn.Linear(3, 4), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        features = F.relu(self.trunk(x))
        return {"label": self.label(features.mean((2, 3))), "box": self.box(features)}


class Masked(nn.Module):
    """A parametrization that multiplies by a mask."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def hooked():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))
    prune.random_unstructured(model[0], "weight", amount=0.5)
    prune.random_unstructured(model[3], "weight", amount=0.5)
    return model, torch.zeros(1, 1, 4, 4)


def parametrized():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    for layer in (model[0], model[2]):
        parametrize.register_parametrization(
            layer, "weight", Masked((torch.rand_like(layer.weight) < 0.5).float())
        )
    return model, torch.zeros(1, 6)
