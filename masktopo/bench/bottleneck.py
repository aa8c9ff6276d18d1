"""ResNet-50 as for ImageNet, without batch normalisation, which no graph has."""

from collections import OrderedDict

import torch
from torch import nn

__all__ = ["resnet50"]

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Inner width and number of blocks of each stage."""

EXPANSION = 4


def resnet50(channels: int = 3, n_classes: int = 1000) -> nn.Module:
    """Return the network; its stride is in the 3x3 convolutions."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    modules["conv1"] = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    modules["relu"] = nn.ReLU()
    modules["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    inputs = 64
    for stage, (width, count) in enumerate(STAGES, start=1):
        blocks: list[nn.Module] = []
        for block in range(count):
            stride = 2 if stage > 1 and block == 0 else 1
            blocks.append(_Bottleneck(inputs, width, stride))
            inputs = EXPANSION * width
        modules[f"layer{stage}"] = nn.Sequential(*blocks)
    modules["avgpool"] = nn.AdaptiveAvgPool2d(1)
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(inputs, n_classes)
    return nn.Sequential(modules)


class _Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs:
            self.downsample = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = torch.relu(self.conv1(inputs))
        values = torch.relu(self.conv2(values))
        return torch.relu(self.conv3(values) + self.downsample(inputs))
