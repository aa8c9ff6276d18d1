"""The families of formats: one line each.

A container is a kind of file, recognised by its first bytes and never by its name. Its `read`
gives a nested dict of tensors, or a `MaskSet` where the file says all there is to know.

A layout is a function from a `Checkpoint` to the `FoundMask`s that it recognises in it. Layouts
are asked in order, and the first to find a parameter's mask has it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktopo.masks.formats import own, safetensors, torchfile
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.parametrized import parametrized_masks
from masktopo.masks.formats.suffixed import suffixed_masks
from masktopo.masks.formats.tables import bare_masks, table_masks
from masktopo.masks.maskset import MaskSet

__all__ = ["CONTAINERS", "LAYOUTS", "Container"]


@dataclass(frozen=True)
class Container:
    """A kind of file: what it is called, how its first bytes look, and how it is read."""

    title: str
    matches: Callable[[bytes], bool]
    read: Callable[[Path], Mapping[Any, Any] | MaskSet]


CONTAINERS = (
    Container("masktopo mask file", own.is_mask_file, own.read_mask_file),
    Container("torch.save file", torchfile.is_torch_zip, torchfile.read_torch_zip),
    Container("legacy torch.save file", torchfile.is_pickle, torchfile.read_torch_pickle),
    Container("safetensors file", safetensors.is_safetensors, safetensors.read_safetensors),
)

LAYOUTS: tuple[Callable[[Checkpoint], Iterable[FoundMask]], ...] = (
    suffixed_masks,
    parametrized_masks,
    table_masks,
    bare_masks,
)
