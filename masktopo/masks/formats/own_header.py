"""The header of masktopo's own mask file: each layer, and the room that it takes."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktopo.errors import CheckpointError
from masktopo.masks.formats.json_text import is_size, parse_object
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.layer import LayerMask

__all__ = ["Entry", "description", "padding", "parse_header"]

_ALIGNMENT = 8

_WEIGHT_TYPES = {"float32": "F32", "float64": "F64"}
"""Types of weights, and what `NUMBERS` calls them."""


def description(layer: LayerMask, *, weights: bool) -> dict[str, Any]:
    """Describe a layer as the header has it."""
    described = {
        "name": layer.name,
        "shape": layer.shape,
        "kind": layer.kind,
        "groups": layer.groups,
        "aliases": layer.aliases,
        "origin": layer.origin,
        "weight": layer.weight.dtype.name if weights and layer.weight is not None else None,
    }
    # Only where it says something: other files stay what they were before there was this entry.
    return {**described, "assumed": True} if layer.assumed else described


def padding(size: int) -> int:
    """Return how many zero bytes follow a block of this size."""
    return -size % _ALIGNMENT


@dataclass(frozen=True)
class Entry:
    """One layer as the header describes it."""

    name: str
    shape: tuple[int, ...]
    kind: str
    groups: int
    aliases: tuple[str, ...]
    origin: str
    weight: str | None
    assumed: bool

    @property
    def size(self) -> int:
        """Number of weights, kept or not."""
        return math.prod(self.shape)

    @property
    def mask_bytes(self) -> int:
        """Bytes of the packed mask."""
        return -(-self.size // 8)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights, 0 where they are not in the file."""
        return self.size * NUMBERS[self.weight].itemsize if self.weight else 0

    @property
    def room(self) -> int:
        """Bytes that the layer takes in the file."""
        sizes = (self.mask_bytes, self.weight_bytes)
        return sum(size + padding(size) for size in sizes)


def parse_header(path: Path, header: bytes) -> list[Entry]:
    """Read the layers of a header; `CheckpointError` names `path` where it is damaged."""
    try:
        return [_entry(layer) for layer in parse_object(path, header)["layers"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: its header cannot be read: {error}") from error


def _entry(layer: dict[str, Any]) -> Entry:
    """Turn one layer of the header into an `Entry`, or raise where a value is of a wrong type."""
    shape, aliases = tuple(layer["shape"]), tuple(layer["aliases"])
    if len(shape) > 5 or not all(map(is_size, shape)):
        raise ValueError(f"shape {shape[:6]}")
    words = (layer["name"], layer["kind"], layer["origin"], *aliases)
    if not all(type(word) is str for word in words) or type(layer["groups"]) is not int:
        raise ValueError(f"layer {layer['name']!r}")
    if type(layer.get("assumed", False)) is not bool:
        raise ValueError(f"layer {layer['name']!r}")
    for word in words:
        word.encode()
    weight = None if layer["weight"] is None else _WEIGHT_TYPES[layer["weight"]]
    return Entry(
        layer["name"],
        shape,
        layer["kind"],
        layer["groups"],
        aliases,
        layer["origin"],
        weight,
        layer.get("assumed", False),
    )
