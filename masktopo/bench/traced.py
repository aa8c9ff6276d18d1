"""Networks whose wiring is traced from a model, on the device `meta`: no weight is ever stored."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from masktopo.bench.masks import make_masks
from masktopo.bench.networks import LayerShape
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TRACED", "masks_of", "traced_wiring"]


def _resnet20(side: int) -> "nn.Module":
    from masktopo.networks.resnet import resnet20

    return resnet20((3, side, side), 10)


def _resnet50(side: int) -> "nn.Module":
    from masktopo.bench.bottleneck import resnet50

    return resnet50()


TRACED: dict[str, tuple[Callable[[int], "nn.Module"], int]] = {
    "tiny-resnet": (_resnet20, 8),
    "resnet20": (_resnet20, 32),
    "resnet50": (_resnet50, 224),
}
"""From a name to a model and the side of its images: ResNet-20 with the stem for CIFAR, once at
a quarter of its size, and ResNet-50 with that for ImageNet."""


@cache
def traced_wiring(network: str) -> Wiring:
    """Trace a network of `TRACED`, once a process.

    Examples
    --------
    >>> wiring = traced_wiring("tiny-resnet")
    >>> wiring.nodes[0].shape, len(wiring.layers)
    ((1, 3, 8, 8), 22)
    """
    import torch

    from masktopo.graphs.tracing import trace

    build, side = TRACED[network]
    with torch.device("meta"):
        model, image = build(side), torch.zeros(1, 3, side, side)
    return trace(model, image)


def masks_of(wiring: Wiring, rule: str, density: float) -> MaskSet:
    """Draw the masks and weights of a wiring's layers; see `make_masks`."""
    shapes = [LayerShape(layer.name, layer.shape, layer.kind) for layer in wiring.layers]
    return make_masks(shapes, rule, density)
