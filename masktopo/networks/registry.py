"""Networks by name. Every factory is ``(input_shape, n_classes) -> nn.Module``."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from masktopo._check import check_choice, check_count
from masktopo._random import Rng, root_seed
from masktopo.data.torch_random import fenced_rng, reseed, torch_stream
from masktopo.errors import ArgumentError
from masktopo.networks.init import INITS
from masktopo.networks.mlp import lenet_300_100, mlp
from masktopo.networks.plainconv import conv6, vgg16
from masktopo.networks.resnet import resnet18, resnet20, resnet32, resnet34
from masktopo.networks.smallcnn import smallcnn
from masktopo.networks.vit import vit_small
from masktopo.networks.wideresnet import wrn22_2, wrn28_2

__all__ = ["NETWORKS", "NetworkFactory", "build_network"]

NetworkFactory = Callable[[tuple[int, ...], int], nn.Module]

NETWORKS: dict[str, NetworkFactory] = {
    "conv6": conv6,
    "lenet-300-100": lenet_300_100,
    "mlp": mlp,
    "resnet18": resnet18,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet34": resnet34,
    "smallcnn": smallcnn,
    "vgg16": vgg16,
    "vit-small": vit_small,
    "wrn-22-2": wrn22_2,
    "wrn-28-2": wrn28_2,
}
"""Every network that masktopo knows by name."""


def build_network(
    name: str,
    *,
    input_shape: Sequence[int],
    n_classes: int,
    init: str = "kaiming",
    rng: Rng = 0,
) -> nn.Module:
    """Return a freshly initialised network.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`; or the user's own factory as ``package.module:factory``, called with
        `input_shape` and `n_classes`, whose network keeps the initialisation that it comes with.
    input_shape : sequence of int
        Shape of one sample, channels first.
    n_classes : int
        Number of logits.
    init : {"kaiming", "pags23"}
        How the weights of a network of `NETWORKS` are drawn.
    rng : int, Generator or None
        Seed of the weights. Global random states are left as they were.

    Raises
    ------
    ArgumentError
        If there is no such network or factory, it does not take these two arguments, or the
        input shape does not suit it. What a user's factory raises itself comes up as it is.

    Examples
    --------
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> model.fc1
    Linear(in_features=64, out_features=128, bias=True)
    """
    check_count("n_classes", n_classes)
    check_choice("init", init, INITS)
    shape = tuple(input_shape)
    seed = root_seed(rng)
    with fenced_rng():
        reseed(seed)  # users' factories can only draw from the global state
        if ":" in name:
            return _build_users(name, shape, n_classes)
        check_choice("network", name, NETWORKS)
        model = NETWORKS[name](shape, n_classes)
    INITS[init](model, torch_stream(seed))
    return model


def _build_users(name: str, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Call the factory ``package.module:factory``."""
    factory = _import_factory(name)
    _check_takes(name, factory, shape, n_classes)
    model = factory(shape, n_classes)
    if not isinstance(model, nn.Module):
        raise ArgumentError(f"{name} returned {type(model).__name__}, expected nn.Module")
    return model


def _import_factory(name: str) -> Any:
    """Import what ``package.module:factory`` names."""
    module_name, _, attribute = name.partition(":")
    if not module_name or module_name.startswith("."):
        raise ArgumentError(f"{name!r} names no network factory as package.module:factory")
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"there is no network factory {name!r}: {error}") from error
    if not callable(factory):
        raise ArgumentError(f"{name!r} is not callable, so it is no network factory")
    return factory


def _check_takes(
    name: str, factory: Callable[..., Any], shape: tuple[int, ...], n_classes: int
) -> None:
    """Raise where the factory's signature does not take an input shape and a number of classes."""
    try:
        signature = inspect.signature(factory)
    except ValueError:  # not all that is written in C has one
        return
    try:
        signature.bind(shape, n_classes)
    except TypeError as error:
        raise ArgumentError(
            f"{name} must take the input shape and the number of classes, but cannot be called "
            f"with ({shape}, {n_classes}): {error}"
        ) from error
