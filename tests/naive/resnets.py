"""Residual networks written down by hand: their masks, and wirings that know positions."""

import numpy as np

from masktopo.graphs.views import Along, AxisMap, Read, Reshape
from masktopo.graphs.wiring import Link, NodeSet, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.wirings import spec


class Builder:
    """Node sets, links and layers of a network, one tensor after another."""

    def __init__(self, channels, size, density, seed, *, weights=True):
        self.rng, self.density, self.weights = np.random.default_rng(seed), density, weights
        self.nodes = {"input": NodeSet("input", (1, channels, size, size), (1,), "input")}
        self.links, self.layers = [], []

    def add_layer(self, name, shape, kind):
        mask = self.rng.random(shape) < self.density
        weight = self.rng.standard_normal(shape).astype(np.float32) if self.weights else None
        self.layers.append(LayerMask(name, mask, weight, kind=kind))

    def conv(self, name, source, width, kernel, *, stride=1, target=None):
        """Add a convolution, on nodes of its own unless a target is there already."""
        _, channels, size, _ = shape = self.nodes[source].shape
        self.add_layer(name, (width, channels, kernel, kernel), "conv2d")
        use = Use("conv2d", 1, (stride, stride), (kernel // 2,) * 2, (1, 1))
        target = target or name
        side = -(-size // stride)
        self.nodes.setdefault(target, NodeSet(target, (1, width, side, side), (1,)))
        self.links.append(Link(name, Read(source, shape), target, use))
        return target

    def skip(self, source, target):
        view = Read(source, self.nodes[source].shape)
        self.links.append(Link(None, view, target, mark="skip"))

    def head(self, name, source, classes):
        """Add a global average pool and a linear layer."""
        _, channels, size, _ = shape = self.nodes[source].shape
        flat = Reshape(Read(source, shape), (1, channels, size * size))
        mean = AxisMap.rows(size * size, [range(size**2)], [[1 / size**2] * size**2])
        self.add_layer(name, (classes, channels), "linear")
        self.nodes[name] = NodeSet(name, (1, classes), (1,), "output")
        view = Reshape(Along(flat, 2, mean), (1, channels))
        self.links.append(Link(name, view, name, Use("linear")))

    def finish(self):
        wiring = Wiring(
            tuple(self.nodes.values()), tuple(self.links), tuple(map(spec, self.layers))
        )
        return MaskSet(self.layers), wiring


def resnet(density, *, size=32, widths=(16, 32, 64), blocks=3, classes=10, seed=0, weights=True):
    """Draw a residual network for small images: by default ResNet-20 with 1x1 shortcuts."""
    net = Builder(3, size, density, seed, weights=weights)
    before = net.conv("stem", "input", widths[0], 3)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            name = f"stage{stage}.{block}"
            inner = net.conv(f"{name}.conv1", before, width, 3, stride=stride)
            after = net.conv(f"{name}.conv2", inner, width, 3)
            if stride == 2:
                net.conv(f"{name}.shortcut", before, width, 1, stride=2, target=after)
            else:
                net.skip(before, after)
            before = after
    net.head("fc", before, classes)
    return net.finish()


def resnet50(density, *, size=224, seed=0, weights=True):
    """Draw ResNet-50 without its max pool, whose place a stride of the stem takes."""
    net = Builder(3, size, density, seed, weights=weights)
    before = net.conv("stem", "input", 64, 7, stride=4)
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            name = f"stage{stage}.{block}"
            first = net.conv(f"{name}.conv1", before, width, 1)
            middle = net.conv(f"{name}.conv2", first, width, 3, stride=stride)
            after = net.conv(f"{name}.conv3", middle, 4 * width, 1)
            if block:
                net.skip(before, after)
            else:
                net.conv(f"{name}.shortcut", before, 4 * width, 1, stride=stride, target=after)
            before = after
    net.head("fc", before, 1000)
    return net.finish()
