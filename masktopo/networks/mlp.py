"""Fully connected networks."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

__all__ = ["lenet_300_100", "mlp"]


def lenet_300_100(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return LeNet-300-100: two hidden layers, of 300 and 100 neurons.

    References
    ----------
    Y. LeCun et al., *Gradient-based learning applied to document recognition*, Proceedings of
    the IEEE 86, 1998.
    """
    return _fully_connected([prod(input_shape), 300, 100, n_classes])


def mlp(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return a network of two hidden layers of 128 neurons."""
    return _fully_connected([prod(input_shape), 128, 128, n_classes])


def _fully_connected(widths: Sequence[int]) -> nn.Module:
    """Chain linear layers ``fc1``, ``fc2``, ... of the given widths, with ReLU between them."""
    modules: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for place, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        modules[f"fc{place}"] = nn.Linear(n_in, n_out)
        modules[f"relu{place}"] = nn.ReLU()
    modules.popitem()  # the last layer gives logits
    return nn.Sequential(modules)
