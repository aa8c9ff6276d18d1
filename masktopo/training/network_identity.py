"""What tells one network from another, and one set of weights from another."""

import hashlib
import json
import re
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import nn

from masktopo.errors import ArgumentError

__all__ = ["check_state", "network_identity", "state_digest"]

_VOLATILE = re.compile(r" at 0x[0-9a-f]+| \(GPU \d+\)")
"""What printed modules say of where they are in memory."""


def network_identity(model: nn.Module) -> str:
    """Return the class of a model, and a digest of what it is besides its weights.

    The digest is over the printed form, the names of frozen parameters, the buffers that are not
    in the state dict, and the attributes of every module that are numbers, texts, truths, None,
    functions (by name), or lists, tuples and dicts of these. It is the same on every device, in
    training and in evaluation, and in another process.

    It does not notice code: another ``forward`` in a class of the same name, or an attribute of
    another kind, such as an object of one's own or a plain tensor.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> before = network_identity(layer)
    >>> _ = layer.weight.requires_grad_(False)
    >>> before.split()[0], network_identity(layer) == before
    ('Linear', False)
    """
    described = {
        "printed": _VOLATILE.sub("", repr(model)),
        "frozen": [name for name, found in model.named_parameters() if not found.requires_grad],
        "attributes": [[path, _attributes(module)] for path, module in model.named_modules()],
        "buffers": _hidden_buffers(model),
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    return f"{type(model).__qualname__} {digest[:16]}"


def check_state(state: Mapping[str, Any]) -> None:
    """Raise an ArgumentError unless all entries of a model's state are tensors with values."""
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise ArgumentError(
                f"the model's state has a {type(value).__name__} as {name!r}; only tensors are "
                "kept, so get_extra_state must return one"
            )
        if nn.parameter.is_lazy(value):
            raise ArgumentError(
                f"the model's {name!r} has no shape yet: let it see a batch before it is trained"
            )


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and bytes, in the order of the names (hex).

    Examples
    --------
    >>> one, other = {"w": torch.zeros(2)}, {"w": torch.tensor([0.0, 1.0])}
    >>> state_digest(one) == state_digest(dict(one)), state_digest(one) == state_digest(other)
    (True, False)
    """
    check_state(state)
    total = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu()
        total.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        total.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Describe what a module has beside what torch keeps in every module, its mode included."""
    own = {*vars(nn.Module()), *dir(nn.Module)}
    return {name: _described(value) for name, value in vars(module).items() if name not in own}


def _described(value: Any) -> Any:
    """Return a plain value as JSON holds it; of any other, the name of its class."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_described(entry) for entry in value]
    if isinstance(value, dict):
        return [[_described(key), _described(entry)] for key, entry in value.items()]
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return value.__qualname__
    return type(value).__qualname__


def _hidden_buffers(model: nn.Module) -> str:
    """Return the digest of the buffers that the state dict leaves out."""
    saved = model.state_dict()
    return state_digest({name: found for name, found in model.named_buffers() if name not in saved})
