"""Several networks of one shape as a single one, side by side in its channels.

A convolution of `n` members is a grouped one, normalisation is by channel anyway, and what has no
parameters mostly does not care how many channels there are. Whether a model is of that sort is
tried out, with weights of noise: those of a fresh network may be zero where it matters.

`torch.func.vmap` takes more models, but two to eight ResNet-20 took it 1.3 to 6.5 times as long on
a CPU. On a GPU, dense convolutions of several members each, with zeros between them, gained 7 % at
best where steps were not compiled.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from masktopo._check import join_names
from masktopo.data.torch_random import fenced_rng, reseed
from masktopo.errors import ArgumentError
from masktopo.masks.copying import copy_model

__all__ = ["Stack", "join_states", "split_state", "stack_networks"]

_WIDENED: tuple[tuple[type[nn.Module], tuple[str, ...]], ...] = (
    (nn.modules.conv._ConvNd, ("in_channels", "out_channels", "groups")),
    (nn.modules.batchnorm._NormBase, ("num_features",)),
    (nn.GroupNorm, ("num_groups", "num_channels")),
)
"""Modules that stack by having more channels, and the attributes that count them."""

_TOLERANCE = 1e-3
"""Of the largest logit; rounding is far below it, and mixed-up members are far above."""

_APART = 1e-6
"""Likewise, where sums are the same ones in the same order."""

_TRIED = 3
"""Members of a trial."""


class Stack(nn.Module):
    """Networks of one shape that see the same inputs.

    Parameters
    ----------
    network : torch.nn.Module
        Takes the inputs of all members in its channels, and gives their logits likewise. Its
        parameters and buffers hold those of the members one behind the other in their first
        dimension, under the members' own names.
    members : int
        Number of networks.
    """

    def __init__(self, network: nn.Module, members: int) -> None:
        super().__init__()
        self.network = network
        self.members = members

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (members, samples, classes)."""
        repeated = inputs.repeat(1, self.members, *[1] * (inputs.ndim - 2))
        logits: torch.Tensor = self.network(repeated)
        return logits.view(len(inputs), self.members, -1).transpose(0, 1)


class _StackedLinear(nn.Module):
    """The linear layers of all members, each on its own part of the features."""

    def __init__(self, layer: nn.Linear, members: int) -> None:
        super().__init__()
        self.members = members
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = inputs.view(len(inputs), self.members, -1).transpose(0, 1)
        weight = self.weight.view(self.members, -1, self.weight.shape[1])
        outputs = torch.bmm(features, weight.transpose(1, 2))
        if self.bias is not None:
            outputs = outputs + self.bias.view(self.members, 1, -1)
        return outputs.transpose(0, 1).flatten(1)


@torch.no_grad()
def stack_networks(networks: Sequence[nn.Module], inputs: torch.Tensor) -> Stack:
    """Stack networks of one shape, and try whether it gives the logits of each.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        They are not changed, but for being put into evaluation mode.
    inputs : torch.Tensor
        A few samples to try it with.

    Raises
    ------
    ArgumentError
        If a module has parameters or buffers and is no convolution, linear layer, batch, instance
        or group normalisation, if the stack's logits are others, or if those of one member depend
        on another's weights in training; which of these is named.

    Examples
    --------
    >>> networks = [nn.Sequential(nn.Flatten(), nn.Linear(4, 2)) for _ in range(3)]
    >>> stack = stack_networks(networks, torch.rand(5, 1, 2, 2))
    >>> stack(torch.rand(7, 1, 2, 2)).shape, stack.network[1].weight.shape
    (torch.Size([3, 7, 2]), torch.Size([6, 4]))
    """
    _check_modules(networks[0])
    tried = [_noisy(network, seed) for seed, network in enumerate(networks[:_TRIED])]
    _check_logits(_stacked(tried), tried, inputs)
    _check_apart(_stacked(tried), inputs)
    stack = _stacked(networks)
    _check_logits(stack, networks, inputs)
    return stack


def join_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the states of members one behind the other; those of SGD too.

    Single numbers, which are the same for all members, are taken from the first.
    """
    return {name: _joined([state[name] for state in states]) for name in states[0]}


def split_state(state: Mapping[str, Any], members: int) -> list[dict[str, Any]]:
    """Return the states of all members, the reverse of `join_states`."""
    parts = {name: _split(value, members) for name, value in state.items()}
    return [{name: part[member] for name, part in parts.items()} for member in range(members)]


def _joined(values: Sequence[Any]) -> Any:
    """Join what the members have under one name."""
    first = values[0]
    if isinstance(first, torch.Tensor) and first.ndim:
        return torch.cat(list(values))
    return join_states(values) if isinstance(first, dict) else first


def _split(value: Any, members: int) -> Sequence[Any]:
    """Return what each member has of a joined value, as copies, which files hold alone."""
    if isinstance(value, torch.Tensor) and value.ndim:
        return [part.clone() for part in value.chunk(members)]
    return split_state(value, members) if isinstance(value, dict) else [value] * members


def _stacked(networks: Sequence[nn.Module]) -> Stack:
    """Stack networks that are of one shape, whatever their forward pass makes of it."""
    stack = Stack(_widened(copy_model(networks[0]), len(networks)), len(networks))
    stack.network.load_state_dict(join_states([network.state_dict() for network in networks]))
    return stack


def _widened(module: nn.Module, members: int) -> nn.Module:
    """Make room for all members in a module and all that is below it, in place."""
    # A tied parameter stays one. The list keeps all alive, so that no two have one id.
    own = list(module.parameters())
    wide = {id(parameter): _wide(parameter, members) for parameter in own}
    for part in list(module.modules()):
        for kind, attributes in _WIDENED:
            if isinstance(part, kind):
                for name in attributes:
                    setattr(part, name, members * getattr(part, name))
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = wide[id(parameter)]
        for name, buffer in part._buffers.items():
            if buffer is not None and buffer.ndim:
                part._buffers[name] = torch.cat([buffer] * members)
    return _with_stacked_linear(module, members)


def _wide(parameter: nn.Parameter, members: int) -> nn.Parameter:
    return nn.Parameter(torch.cat([parameter] * members), requires_grad=parameter.requires_grad)


def _with_stacked_linear(module: nn.Module, members: int) -> nn.Module:
    """Replace linear layers, of which there may be one alone."""
    if isinstance(module, nn.Linear):
        return _StackedLinear(module, members)
    for name, child in list(module._modules.items()):
        if child is not None:
            setattr(module, name, _with_stacked_linear(child, members))
    return module


def _check_modules(network: nn.Module) -> None:
    """Raise unless every module with parameters or buffers is of a kind that stacks."""
    known: tuple[type[nn.Module], ...] = (nn.Linear, *(kind for kind, _ in _WIDENED))
    others = [
        f"{name or 'the network itself'} ({type(module).__name__})"
        for name, module in network.named_modules()
        if not isinstance(module, known) and (module._parameters or module._buffers)
    ]
    if others:
        raise ArgumentError(
            f"this model does not stack, because of {join_names(others)}: convolutions, linear "
            "layers and normalisation by channel do; stack=None trains one network after another"
        )


def _noisy(network: nn.Module, seed: int) -> nn.Module:
    """Copy a network, with random weights that keep the size of what they are applied to."""
    twin, generator = copy_model(network), torch.Generator().manual_seed(seed)
    for parameter in twin.parameters():
        _shake(parameter, generator)
    return twin


def _shake(parameter: torch.Tensor, generator: torch.Generator) -> None:
    """Replace weights by noise in place; to a vector, which may be factors about 1, add some."""
    noise = torch.randn(parameter.shape, generator=generator)
    if parameter.ndim > 1:
        parameter.copy_(noise / parameter[0].numel() ** 0.5)
    else:
        parameter.add_(0.1 * noise)


def _check_logits(stack: Stack, networks: Sequence[nn.Module], inputs: torch.Tensor) -> None:
    """Raise unless the stack gives every member's logits."""
    expected = torch.stack([network.eval()(inputs) for network in networks])
    try:
        found = cast(torch.Tensor, stack.eval()(inputs))
        alike = found.shape == expected.shape and _close(found, expected, _TOLERANCE)
        reason = "its logits in a stack are not its own"
    except (RuntimeError, IndexError, ValueError) as error:
        alike, reason = False, str(error)
    if not alike:
        raise _refusal(reason)


def _check_apart(stack: Stack, inputs: torch.Tensor) -> None:
    """Raise if a member's logits depend on another's weights in training; changes the stack.

    Logits alone would not do: dropout draws anew for each member.
    """
    generator = torch.Generator().manual_seed(stack.members)

    def logits() -> torch.Tensor:
        reseed(0)
        return cast(torch.Tensor, stack(inputs))

    stack.train()
    with fenced_rng():
        before = logits()
        for member in range(stack.members):
            for parameter in stack.network.parameters():
                _shake(parameter.chunk(stack.members)[member], generator)
            after = logits()
            others = [each for each in range(stack.members) if each != member]
            if not _close(after[others], before[others], _APART):
                raise _refusal("in training, its logits depend on the other members of a stack")
            before = after


def _close(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    """Whether logits agree, to a part of the largest."""
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    return torch.allclose(found, expected, rtol=0, atol=tolerance * largest)


def _refusal(reason: str) -> ArgumentError:
    return ArgumentError(
        "this model does not stack, since its forward pass mixes or counts channels: "
        f"{reason}; stack=None trains one network after another"
    )
