"""Copies of models, and the check that something is one."""

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from masktopo.errors import ArgumentError

__all__ = ["check_model", "copy_model", "own_classes"]

Module = TypeVar("Module", bound=nn.Module)


def check_model(model: object) -> None:
    """Raise unless `model` is a module; its name, say, is not."""
    if not isinstance(model, nn.Module):
        raise ArgumentError(
            f"model must be a torch.nn.Module, not {type(model).__name__}; "
            "masktopo.networks.build_network makes one of a name"
        )


def copy_model(model: Module) -> Module:
    """Return a deep copy of a model, also where `copy.deepcopy` alone would fail.

    Modules under ``torch.nn.utils.prune`` and ``weight_norm`` keep the outcome of a computation
    as their ``weight``, which PyTorch refuses to copy (pytorch#37322). Its values are copied
    here; the next forward pass computes it anew. Parametrized modules are copied with their
    class, which PyTorch makes for each and changes when a parametrization is removed: shared, it
    would take the original's parameter away with the copy's.

    Examples
    --------
    >>> from torch.nn.utils import prune
    >>> layer = prune.identity(nn.Linear(2, 2), "weight")
    >>> twin = copy_model(layer)
    >>> bool((twin.weight == layer.weight).all()), twin.weight_orig is layer.weight_orig
    (True, False)
    """
    check_model(model)
    copied = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    try:
        return own_classes(copy.deepcopy(model, copied))
    except TypeError as error:  # of locks, files and the like
        raise ArgumentError(f"{type(model).__name__} cannot be copied: {error}") from error


def own_classes(twin: Module) -> Module:
    """Give every parametrized module of a copy a class of its own, in place."""
    for module in twin.modules():
        if parametrize.is_parametrized(module):
            shared = type(module)
            module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
    return twin
