"""Residual networks for small images: the stem is one 3x3 convolution, and nothing is pooled."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import relu

from masktopo.networks.shapes import image_shape

__all__ = ["resnet18", "resnet20", "resnet32", "resnet34"]


def resnet18(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return ResNet-18 with the stem for CIFAR: 11,173,962 parameters for its 10 classes.

    The widths and blocks are those for ImageNet (64 to 512 channels, two blocks a stage); the
    first convolution is 3x3 with stride 1, and the pooling behind it is left out.

    References
    ----------
    K. He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016.
    """
    return _residual("resnet18", input_shape, n_classes, [2, 2, 2, 2], [64, 128, 256, 512])


def resnet34(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return ResNet-34 with the stem for CIFAR: 21,282,122 parameters for its 10 classes."""
    return _residual("resnet34", input_shape, n_classes, [3, 4, 6, 3], [64, 128, 256, 512])


def resnet20(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return ResNet-20 for CIFAR: three stages of 16, 32 and 64 channels, three blocks each.

    Where a stage halves the image, the shortcut is a 1x1 convolution with normalisation, which
    is option B of the paper: a layer that can be pruned and measured as every other. The paper's
    own choice for CIFAR, option A, pads the missing channels with zeros instead and has 2,752
    parameters fewer: 269,722 against 272,474.

    References
    ----------
    K. He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016, section 4.2.
    """
    return _residual("resnet20", input_shape, n_classes, [3, 3, 3], [16, 32, 64])


def resnet32(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return ResNet-32 for CIFAR, which is ResNet-20 with five blocks a stage."""
    return _residual("resnet32", input_shape, n_classes, [5, 5, 5], [16, 32, 64])


def _residual(
    name: str,
    input_shape: tuple[int, ...],
    n_classes: int,
    blocks: Sequence[int],
    widths: Sequence[int],
) -> nn.Module:
    """Chain a convolution, stages that halve the image (but for the first) and a linear layer."""
    channels, _, _ = image_shape(name, input_shape)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    modules["conv1"] = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
    modules["bn1"] = nn.BatchNorm2d(widths[0])
    modules["relu1"] = nn.ReLU()
    n_in = widths[0]
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True), start=1):
        modules[f"layer{stage}"] = _stage(n_in, width, count, 1 if stage == 1 else 2)
        n_in = width
    modules["pool"] = nn.AdaptiveAvgPool2d(1)
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(n_in, n_classes)
    return nn.Sequential(modules)


def _stage(n_in: int, n_out: int, count: int, stride: int) -> nn.Module:
    """Chain `count` blocks, of which the first has the stride."""
    widths = [n_in] + [n_out] * (count - 1)
    strides = [stride] + [1] * (count - 1)
    return nn.Sequential(
        *(_Block(width, n_out, step) for width, step in zip(widths, strides, strict=True))
    )


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is the identity where the shapes allow it."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Module = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = relu(self.bn1(self.conv1(inputs)))
        values = self.bn2(self.conv2(values))
        return relu(values + self.downsample(inputs))
