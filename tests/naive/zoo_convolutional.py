"""Chains and convolutional networks: MLP, VGG, MobileNet, DenseNet, U-Net."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))

    def forward(self, x):
        x = x.view(x.size(0), -1)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return F.log_softmax(self.layers[-1](x), dim=1)


class VGG(nn.Module):
    """Pools are functional, so that no module tells of them."""

    def __init__(self, widths):
        super().__init__()
        pairs = zip([3, *widths[:-1]], widths, strict=True)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairs)
        self.norms = nn.ModuleList(map(nn.BatchNorm2d, widths))
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * 4, 10), nn.ReLU(True), nn.Dropout(), nn.Linear(10, 5)
        )

    def forward(self, x):
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = F.relu(norm(conv(x)), inplace=True)
            if index % 2:
                x = F.max_pool2d(x, 2, 2)
        return self.classifier(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, n_in, n_out, stride, expand):
        super().__init__()
        hidden = n_in * expand
        self.use_res_connect = stride == 1 and n_in == n_out
        self.conv = nn.Sequential(
            nn.Conv2d(n_in, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, n_out, 1, groups=2, bias=False),
            nn.BatchNorm2d(n_out),
        )

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.Hardswish(),
            InvertedResidual(4, 4, 1, 2),
            InvertedResidual(4, 6, 2, 2),
        )
        self.classifier = nn.Linear(6, 3)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


class DenseLayer(nn.Module):
    def __init__(self, n_in, growth):
        super().__init__()
        self.norm = nn.BatchNorm2d(n_in)
        self.conv = nn.Conv2d(n_in, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.block1 = nn.Sequential(DenseLayer(4, 2), DenseLayer(6, 2))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False), nn.AvgPool2d(2)
        )
        self.block2 = nn.Sequential(DenseLayer(4, 2), DenseLayer(6, 2))
        self.classifier = nn.Linear(8, 3)

    def forward(self, x):
        x = self.block2(self.transition(self.block1(self.stem(x))))
        return self.classifier(F.adaptive_avg_pool2d(F.relu(x), (1, 1)).flatten(1))


class UNet(nn.Module):
    """One long skip goes with a transposed convolution, one with bilinear upsampling."""

    def __init__(self):
        super().__init__()
        self.enc1, self.enc2 = self.double(1, 2), self.double(2, 3)
        self.mid = self.double(3, 4)
        self.up2 = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.dec2 = self.double(6, 3)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.dec1 = self.double(5, 2)
        self.out = nn.Conv2d(2, 1, 1)

    @staticmethod
    def double(n_in, n_out):
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        first = self.enc1(x)
        second = self.enc2(F.max_pool2d(first, 2))
        x = self.mid(F.max_pool2d(second, 2))
        x = self.dec2(torch.cat([second, self.up2(x)], dim=1))
        x = self.dec1(torch.cat([first, self.up1(x)], dim=1))
        return torch.sigmoid(self.out(x))
