"""Where modules keep their parameters: plain, under a hook, or parametrized."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from masktopo.errors import ArgumentError
from masktopo.masks.copying import check_model, copy_model

__all__ = [
    "Reading",
    "Slot",
    "make_plain",
    "network_of",
    "parameter_slots",
    "read",
    "stored",
    "unwrapped",
]

_WRAPPERS = ("module", "_orig_mod")

_EFFECTIVE = "zeros of the effective weight"


@dataclass(frozen=True)
class Slot:
    """One parameter of a module, however the module keeps it.

    Parameters
    ----------
    module : torch.nn.Module
        The module that uses the parameter.
    name : str
        The attribute under which it does.
    path : str
        The parameter's path in the network, as a state dict has it where it is plain.
    """

    module: nn.Module
    name: str
    path: str


@dataclass(frozen=True)
class Reading:
    """A slot's values, its explicit mask where there is one, and where the mask comes from."""

    weight: torch.Tensor
    mask: torch.Tensor | None
    origin: str


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network within DataParallel, DistributedDataParallel, torch.compile and the like.

    These are modules without parameters of their own and with a single child named ``module`` or
    ``_orig_mod``, so that names are the same as in a state dict without its prefixes. Where the
    network is to compute, take `network_of`.
    """
    check_model(model)
    while (child := _wrapped(model)) is not None:
        model = child
    return model


def network_of(model: nn.Module) -> nn.Module:
    """Return the network within wrappers of PyTorch, which compute what it computes.

    Raises
    ------
    ArgumentError
        If what looks like a wrapper is another class, whose forward pass would be left out.
    """
    check_model(model)
    while (child := _wrapped(model)) is not None:
        kind = type(model)
        if kind.__module__.partition(".")[0] != "torch":
            (name,) = model._modules
            raise ArgumentError(
                f"{kind.__name__} has a single child named {name!r}, as PyTorch's wrappers have, "
                "but a forward pass of its own; give the network itself, which is "
                f"model.{name}, or give the child another name"
            )
        model = child
    return model


def _wrapped(model: nn.Module) -> nn.Module | None:
    """Return what a module wraps, if it has the form of a wrapper."""
    children = list(model.named_children())
    own = next(model.parameters(recurse=False), None)
    if own is not None or len(children) != 1 or children[0][0] not in _WRAPPERS:
        return None
    return children[0][1]


def parameter_slots(model: nn.Module) -> Iterator[Slot]:
    """Yield every parameter of a network, tied ones under each of their names."""
    for path, module in model.named_modules(remove_duplicate=False):
        if "parametrizations" not in path.split("."):
            for name in _names(module):
                yield Slot(module, name, f"{path}.{name}" if path else name)


def _names(module: nn.Module) -> Iterator[str]:
    hooked = list(_hooks(module))
    yield from hooked
    kept = {f"{name}_{suffix}" for name in hooked for suffix in ("orig", "g", "v")}
    for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
        if name not in kept and parameter is not None:
            yield name
    if parametrize.is_parametrized(module):
        yield from cast(nn.ModuleDict, module.parametrizations)


def _hooks(module: nn.Module) -> dict[str, Callable[..., object]]:
    """Return the hooks that compute a parameter before each forward pass, by its name."""
    hooks: dict[str, Callable[..., object]] = {}
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, prune.BasePruningMethod):
            hooks[hook._tensor_name] = hook
        elif isinstance(hook, WeightNorm | SpectralNorm):
            hooks[hook.name] = hook
    return hooks


def _parametrization(slot: Slot) -> parametrize.ParametrizationList | None:
    if not parametrize.is_parametrized(slot.module, slot.name):
        return None
    found = cast(nn.ModuleDict, slot.module.parametrizations)[slot.name]
    return cast(parametrize.ParametrizationList, found)


def stored(slot: Slot) -> nn.Parameter:
    """Return the parameter in which the slot's values are stored, shared where it is tied."""
    parametrization = _parametrization(slot)
    if parametrization is not None:
        return next(parametrization.parameters(recurse=False))
    own = slot.module._parameters
    names = (slot.name, f"{slot.name}_orig", f"{slot.name}_v")
    return next(found for name in names if (found := own.get(name)) is not None)


def read(slot: Slot) -> Reading:
    """Read a slot's values and mask; the module is not changed.

    A hook or buffer of pruning gives its mask and the values before masking. Of other hooks and
    parametrizations the effective values are read, as in eval mode.
    """
    parametrization = _parametrization(slot)
    if parametrization is not None:
        return _read_parametrized(slot, parametrization)
    hook = _hooks(slot.module).get(slot.name)
    if isinstance(hook, WeightNorm | SpectralNorm):
        return Reading(_computed(slot), None, _EFFECTIVE)
    mask = slot.module._buffers.get(f"{slot.name}_mask")
    return Reading(stored(slot), mask, "zeros" if mask is None else f"{slot.name}_mask")


def _read_parametrized(slot: Slot, chain: parametrize.ParametrizationList) -> Reading:
    values = chain._parameters.get("original")
    if values is not None:
        for step in chain.children():
            mask = step._buffers.get("mask")
            if mask is not None and mask.shape == values.shape:
                return Reading(values, mask, "parametrization mask")
    with torch.no_grad():
        return Reading(copy.deepcopy(chain).eval()(), None, _EFFECTIVE)


def _computed(slot: Slot) -> torch.Tensor:
    """Compute a hooked parameter on a copy, since the attribute may be out of date."""
    twin = copy_model(slot.module).eval()
    with torch.no_grad():
        _hooks(twin)[slot.name](twin, ())
    return cast(torch.Tensor, getattr(twin, slot.name))


def make_plain(slot: Slot) -> nn.Parameter:
    """Turn a slot into an ordinary parameter of its effective values, and return it."""
    module, name = slot.module, slot.name
    trained = stored(slot).requires_grad
    parametrization = _parametrization(slot)
    hook = _hooks(module).get(name)
    if parametrization is not None:
        parametrization.eval()
        parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    elif isinstance(hook, WeightNorm):
        remove_weight_norm(module, name)
    elif isinstance(hook, SpectralNorm):
        remove_spectral_norm(module, name)
    elif hook is not None:
        prune.remove(module, name)
    if name not in module._parameters:
        # Of values computed without gradients, PyTorch leaves no parameter behind.
        values = getattr(module, name).detach()
        delattr(module, name)
        module.register_parameter(name, nn.Parameter(values, requires_grad=trained))
    return cast(nn.Parameter, module._parameters[name])
