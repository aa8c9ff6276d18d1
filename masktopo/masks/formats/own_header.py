"""The header of masktopo's own mask file: each layer, and the room that it takes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from masktopo.errors import CheckpointError
from masktopo.masks.layer import LayerMask

__all__ = ["WEIGHT_TYPES", "Entry", "description", "padding", "parse_header"]

_ALIGNMENT = 8

WEIGHT_TYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "float64": np.dtype("<f8")}


def description(layer: LayerMask) -> dict[str, Any]:
    """Describe a layer as the header has it."""
    return {
        "name": layer.name,
        "shape": layer.shape,
        "kind": layer.kind,
        "groups": layer.groups,
        "aliases": layer.aliases,
        "origin": layer.origin,
        "weight": None if layer.weight is None else layer.weight.dtype.name,
    }


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
    weight: np.dtype[np.generic] | None

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
        return self.size * self.weight.itemsize if self.weight else 0

    @property
    def room(self) -> int:
        """Bytes that the layer takes in the file."""
        sizes = (self.mask_bytes, self.weight_bytes)
        return sum(size + padding(size) for size in sizes)


def parse_header(path: Path, header: bytes) -> list[Entry]:
    """Read the layers of a header; `CheckpointError` names `path` where it is damaged."""
    try:
        return [_entry(layer) for layer in json.loads(header)["layers"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its header cannot be read: {error}") from error


def _entry(layer: dict[str, Any]) -> Entry:
    """Turn one layer of the header into an `Entry`, or raise where a value is of a wrong type."""
    shape, aliases = tuple(layer["shape"]), tuple(layer["aliases"])
    if len(shape) > 5 or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"shape {shape[:6]}")
    words = (layer["name"], layer["kind"], layer["origin"], *aliases)
    if not all(type(word) is str for word in words) or type(layer["groups"]) is not int:
        raise ValueError(f"layer {layer['name']!r}")
    weight = None if layer["weight"] is None else WEIGHT_TYPES[layer["weight"]]
    return Entry(
        layer["name"], shape, layer["kind"], layer["groups"], aliases, layer["origin"], weight
    )
