"""Residual networks of several stems, blocks and shortcuts."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = shortcut(n_in, width, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class Bottleneck(nn.Module):
    """As torchvision writes it."""

    expansion = 2

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 2, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 2)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(n_in, width * 2, stride)

    def forward(self, x):
        identity = self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class PreActivation(nn.Module):
    """The shortcut leaves behind the first activation where it is a convolution."""

    expansion = 1

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.shortcut = shortcut(n_in, width, stride)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        skip = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(out)
        return self.conv2(F.relu(self.bn2(self.conv1(out)))) + skip


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def option_a(n_in, width, stride):
    """Every other position and zero channels on both sides."""
    if n_in == width and stride == 1:
        return nn.Sequential()
    before = (width - n_in) // 2
    after = width - n_in - before
    return Lambda(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, after), "constant", 0))


def option_b(n_in, width, stride):
    if n_in == width and stride == 1:
        return nn.Identity()
    conv = nn.Conv2d(n_in, width, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


def bare_conv(n_in, width, stride):
    if n_in == width and stride == 1:
        return nn.Identity()
    return nn.Conv2d(n_in, width, 1, stride, bias=False)


def cifar_stem(width):
    return nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


def imagenet_stem(width):
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    )


def bare_stem(width):
    return nn.Conv2d(3, width, 3, 1, 1, bias=False)


class ResNet(nn.Module):
    def __init__(self, block, stem, shortcut, widths, *, blocks=1, final_norm=False):
        super().__init__()
        self.stem = stem(widths[0])
        stages, n_in = [], widths[0]
        for index, width in enumerate(widths):
            for number in range(blocks):
                stride = 2 if index and not number else 1
                stages.append(block(n_in, width, stride, shortcut))
                n_in = width * block.expansion
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(n_in) if final_norm else nn.Identity()
        self.fc = nn.Linear(n_in, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.stages(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
