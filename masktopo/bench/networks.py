"""Layer shapes of the networks that the benchmark takes its masks for.

Shapes are the framework's own: ``(out, in)`` or ``(out, in, k1, k2)``. No weights, no torch.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["NETWORKS", "LayerShape", "shapes_of"]


class LayerShape(NamedTuple):
    """The name, shape and kind of one layer's weight."""

    name: str
    shape: tuple[int, ...]
    kind: str


def _conv(name: str, out: int, inputs: int, size: int = 3) -> LayerShape:
    return LayerShape(name, (out, inputs, size, size), "conv2d")


def _linear(name: str, out: int, inputs: int) -> LayerShape:
    return LayerShape(name, (out, inputs), "linear")


def _residual(blocks: Sequence[int], stem: int, widths: Sequence[int]) -> Iterator[LayerShape]:
    """Yield a CIFAR residual network of basic blocks; shortcuts are 1x1 where widths change."""
    yield _conv("conv1", stem, 3)
    inputs = stem
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True), start=1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            yield _conv(f"{name}.conv1", width, inputs)
            yield _conv(f"{name}.conv2", width, width)
            if inputs != width:
                yield _conv(f"{name}.shortcut", width, inputs, 1)
            inputs = width
    yield _linear("fc", 10, inputs)


def _vgg16() -> Iterator[LayerShape]:
    inputs = 3
    for place, width in enumerate([64] * 2 + [128] * 2 + [256] * 3 + [512] * 6):
        yield _conv(f"features.{place}", width, inputs)
        inputs = width
    yield _linear("classifier", 10, inputs)


def _vit_b() -> Iterator[LayerShape]:
    yield _conv("patch_embed", 768, 3, 16)
    for block in range(12):
        name = f"blocks.{block}"
        yield _linear(f"{name}.attn.qkv", 2304, 768)
        yield _linear(f"{name}.attn.proj", 768, 768)
        yield _linear(f"{name}.mlp.fc1", 3072, 768)
        yield _linear(f"{name}.mlp.fc2", 768, 3072)
    yield _linear("head", 1000, 768)


def _decoder_block() -> Iterator[LayerShape]:
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        yield _linear(f"self_attn.{name}", 4096, 4096)
    yield _linear("mlp.gate_proj", 11008, 4096)
    yield _linear("mlp.up_proj", 11008, 4096)
    yield _linear("mlp.down_proj", 4096, 11008)


def _chain(*sizes: int) -> Iterator[LayerShape]:
    for place, (inputs, out) in enumerate(pairwise(sizes)):
        yield _linear(f"fc{place}", out, inputs)


NETWORKS: dict[str, Callable[[], Iterator[LayerShape]]] = {
    "tiny-mlp": lambda: _chain(48, 32, 16, 10),
    "mlp": lambda: _chain(784, 300, 100, 10),
    "wrn-28-2": lambda: _residual([4, 4, 4], 16, [32, 64, 128]),
    "resnet18": lambda: _residual([2, 2, 2, 2], 64, [64, 128, 256, 512]),
    "resnet34": lambda: _residual([3, 4, 6, 3], 64, [64, 128, 256, 512]),
    "vgg16": _vgg16,
    "vit-b": _vit_b,
    "decoder-7b": _decoder_block,
}
"""Networks by name: CIFAR stems and 10 classes for the convolutional ones, ViT-B/16 for 1000
classes, and one block of a decoder of 7 billion weights, whose blocks are all alike."""


def shapes_of(network: str) -> tuple[LayerShape, ...]:
    """Return the layers of a network, in the order of its data flow.

    Examples
    --------
    >>> [layer.shape for layer in shapes_of("mlp")]
    [(300, 784), (100, 300), (10, 100)]
    >>> len(shapes_of("resnet18"))
    21
    """
    return tuple(NETWORKS[network]())
