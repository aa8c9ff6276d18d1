"""What a checkpoint holds, whatever file it came from, and what a layout finds in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_tensor
from masktopo.masks.formats.bitmask import with_bitmasks
from masktopo.masks.naming import without_prefixes

__all__ = ["Checkpoint", "FoundMask", "open_checkpoint", "tensors_in"]

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "params",
    "ema",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
)
"""Entries under which scripts keep a network's state dict; the first that is there is read."""

_MOST_WRAPPERS = 100


@dataclass(frozen=True)
class Checkpoint:
    """The content of one checkpoint.

    Parameters
    ----------
    source : str
        The file's path, or what an object in memory is called in messages.
    tree : mapping
        All of it, nested as it was saved.
    tensors : mapping of str to tensor
        The network's state dict within it, without the prefixes of wrappers.
    """

    source: str
    tree: Mapping[Any, Any]
    tensors: Mapping[str, Any]


@dataclass(frozen=True)
class FoundMask:
    """A mask that a layout found.

    Parameters
    ----------
    parameter : str
        Path of the masked parameter in the network, such as ``fc.weight``.
    mask : tensor or None
        The mask; None says that nothing is pruned.
    weight : tensor or None
        The parameter's values, where they are known.
    origin : str
        Where the mask came from, in words.
    key : str
        Name of the entry among the state dict's tensors that keeps the parameter's place.
    """

    parameter: str
    mask: Any
    weight: Any
    origin: str
    key: str


def open_checkpoint(tree: Mapping[Any, Any], source: str) -> Checkpoint:
    """Find the state dict in a nested dict.

    Raises
    ------
    MaskError
        If parts of a compressed weight do not fit together.
    """
    tensors = tensors_in(_state_of(tree, set()) or {})
    try:
        return Checkpoint(source, tree, with_bitmasks(tensors))
    except MaskError as error:
        raise MaskError(f"{source}: {error}") from error


def tensors_in(entries: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return the tensors of a mapping by name, without the prefixes of wrappers."""
    found = {
        name: value for name, value in entries.items() if isinstance(name, str) and is_tensor(value)
    }
    return without_prefixes(found)


def _state_of(tree: Mapping[Any, Any], passed: set[int]) -> Mapping[Any, Any] | None:
    """Follow wrapper entries down to a mapping with tensors; None where there is none."""
    passed.add(id(tree))
    for wrapper in WRAPPERS:
        inner = tree.get(wrapper)
        # A forged file may have a dict that holds itself, or thousands of levels.
        if isinstance(inner, Mapping) and id(inner) not in passed and len(passed) < _MOST_WRAPPERS:
            found = _state_of(inner, passed)
            if found is not None:
                return found
    return tree if any(is_tensor(value) for value in tree.values()) else None
