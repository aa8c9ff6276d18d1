"""Wide residual networks: normalisation and ReLU come before each convolution."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn.functional import relu

from masktopo.networks.shapes import image_shape

__all__ = ["wrn22_2", "wrn28_2"]

_STEM = 16


def wrn28_2(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return WRN-28-2: four blocks a stage of 32, 64 and 128 channels; 1,467,610 parameters.

    Without dropout.

    References
    ----------
    S. Zagoruyko, N. Komodakis, *Wide Residual Networks*, BMVC 2016.
    """
    return _wide_residual("wrn-28-2", input_shape, n_classes, depth=28, factor=2)


def wrn22_2(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return WRN-22-2, which is WRN-28-2 with three blocks a stage."""
    return _wide_residual("wrn-22-2", input_shape, n_classes, depth=22, factor=2)


def _wide_residual(
    name: str, input_shape: tuple[int, ...], n_classes: int, *, depth: int, factor: int
) -> nn.Module:
    """Chain three stages of ``(depth - 4) / 6`` blocks, `factor` times as wide as ResNet-20's."""
    channels, _, _ = image_shape(name, input_shape)
    count = (depth - 4) // 6
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    modules["conv1"] = nn.Conv2d(channels, _STEM, 3, padding=1, bias=False)
    n_in = _STEM
    for stage, width in enumerate((_STEM, 2 * _STEM, 4 * _STEM), start=1):
        modules[f"layer{stage}"] = _stage(n_in, width * factor, count, 1 if stage == 1 else 2)
        n_in = width * factor
    modules["bn"] = nn.BatchNorm2d(n_in)
    modules["relu"] = nn.ReLU()
    modules["pool"] = nn.AdaptiveAvgPool2d(1)
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(n_in, n_classes)
    return nn.Sequential(modules)


def _stage(n_in: int, n_out: int, count: int, stride: int) -> nn.Module:
    """Chain `count` blocks, of which the first changes the width and has the stride."""
    return nn.Sequential(
        _WideningBlock(n_in, n_out, stride), *(_Block(n_out, n_out, 1) for _ in range(count - 1))
    )


class _Block(nn.Module):
    """Two 3x3 convolutions, each behind normalisation and ReLU, beside the identity."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self.convolved(relu(self.bn1(inputs)))

    def convolved(self, active: torch.Tensor) -> torch.Tensor:
        """Pass what the first ReLU gave through both convolutions."""
        values: torch.Tensor = self.conv2(relu(self.bn2(self.conv1(active))))
        return values


class _WideningBlock(_Block):
    """A block whose shortcut is a 1x1 convolution; it too reads what the first ReLU gave."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__(n_in, n_out, stride)
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        active = relu(self.bn1(inputs))
        values: torch.Tensor = self.shortcut(active) + self.convolved(active)
        return values
