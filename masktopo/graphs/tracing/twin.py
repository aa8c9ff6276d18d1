"""A twin of a model without its numbers: the same code and shapes, nothing of the model touched."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map

from masktopo.errors import ArgumentError
from masktopo.masks.copying import own_classes
from masktopo.masks.slots import make_plain, network_of, parameter_slots

__all__ = ["Arguments", "fake_arguments", "fake_twin"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments of a forward pass."""


def fake_twin(model: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """Copy a network in eval mode on fake tensors, every pruned parameter as a plain one.

    Parameters
    ----------
    model : torch.nn.Module
        In any mode and on any device, meta included.
    mode : FakeTensorMode
        What the fake tensors belong to.

    Notes
    -----
    O(modules) in time and memory, whatever the size of the parameters.
    """
    network = network_of(model)
    with mode:
        fakes = dict(_fakes(network))
    twin = own_classes(copy.deepcopy(network, fakes)).eval()
    with mode:
        for slot in list(parameter_slots(twin)):
            make_plain(slot)
    return twin


def _fakes(network: nn.Module) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield a fake tensor for each parameter, buffer and outcome of a hook, by identity."""
    for module in network.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                yield id(value), _fake(value)
    for tensor in (*network.parameters(), *network.buffers()):
        yield id(tensor), _fake(tensor)


def _fake(tensor: torch.Tensor) -> torch.Tensor:
    device = "cpu" if tensor.device.type == "meta" else tensor.device
    found = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(found, requires_grad=tensor.requires_grad)
    return found


def fake_arguments(example_input: Any, twin: nn.Module, mode: FakeTensorMode) -> Arguments:
    """Return arguments for one sample of the example's shapes and dtypes, where the twin is.

    Parameters
    ----------
    example_input : tensor, tuple or dict
        One tensor, positional inputs, or keyword inputs; batch first.
    twin : torch.nn.Module
    mode : FakeTensorMode

    Raises
    ------
    ArgumentError
        If it has no tensor, or a batch of no sample.
    """
    parameter = next(twin.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    seen = 0

    def sample(value: Any) -> Any:
        nonlocal seen
        if not isinstance(value, torch.Tensor):
            return value
        seen += 1
        if value.ndim and value.shape[0] == 0:
            raise ArgumentError(f"the example input has shape {tuple(value.shape)}: no sample")
        shape = (1, *value.shape[1:]) if value.ndim else ()
        return torch.empty(shape, dtype=value.dtype, device=device)

    with mode:
        faked = tree_map(sample, example_input)
    if not seen:
        raise ArgumentError(f"the example input has no tensor: {example_input!r}")
    if isinstance(faked, dict):
        return (), faked
    return tuple(faked) if isinstance(faked, tuple | list) else (faked,), {}
