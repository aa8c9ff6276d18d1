"""Weights of SparseML and compressed-tensors: the values that were kept, and a bit for each place.

``fc.bitmask`` packs the mask along its last axis, the first entry in the lowest bit;
``fc.compressed`` holds the kept values in order, ``fc.shape`` the shape, as a column or a row.
Older versions put them below ``fc.weight``. Formats ``sparse-bitmask``, with ``row_offsets`` that
say nothing new, and ``sparse-24-bitmask``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import is_floating, to_array, width_of
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.stored import StoredTensor

__all__ = ["BitmaskWeight", "with_bitmasks"]

_PARTS = ("bitmask", "compressed", "shape", "row_offsets")
_MOST_DIMENSIONS = 5


@dataclass(frozen=True)
class _Bits(StoredTensor):
    """The mask that the packed bits hold."""

    packed: Any

    def read(self) -> NDArray[Any]:
        """Unpack all bits."""
        packed = to_array(self.packed, "bitmask").view(np.uint8)
        bits = np.unpackbits(packed, axis=-1, count=self.shape[-1], bitorder="little")
        return bits.view(np.bool_)


@dataclass(frozen=True)
class BitmaskWeight(StoredTensor):
    """The weights: kept values at their places, and zeros elsewhere."""

    mask: _Bits
    kept: Any

    def read(self) -> NDArray[Any]:
        """Put every kept value into its place."""
        mask, kept = self.mask.read(), to_array(self.kept, "compressed").reshape(-1)
        count = np.count_nonzero(mask)
        if kept.size != count:
            raise MaskError(f"has {kept.size} compressed values for {count} bits that are set")
        weight = np.zeros(self.shape, dtype=kept.dtype)
        weight[mask] = kept
        return weight


def with_bitmasks(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put one tensor in the place of the parts of each compressed weight.

    Raises
    ------
    MaskError
        If parts are missing or do not fit together; the weight is named.
    """
    packed = {name.removesuffix(".bitmask") for name in tensors if name.endswith(".bitmask")}
    if not packed:
        return tensors
    joined: dict[str, Any] = {}
    for name, tensor in tensors.items():
        stem, _, part = name.rpartition(".")
        if stem not in packed or part not in _PARTS:
            joined[name] = tensor
            continue
        weight = stem if stem.endswith("weight") else f"{stem}.weight"
        if weight not in joined:
            joined[weight] = _joined(tensors, stem, weight)
    return joined


def _joined(tensors: Mapping[str, Any], stem: str, weight: str) -> BitmaskWeight:
    parts: dict[str, Any] = {part: tensors.get(f"{stem}.{part}") for part in _PARTS}
    missing = [part for part in _PARTS[:3] if parts[part] is None]
    if missing:
        raise MaskError(f"{weight!r} has a bitmask, but no {' and no '.join(missing)}")
    shape = _shape(weight, parts["shape"])
    bits, kept = parts["bitmask"], parts["compressed"]
    expected = (*shape[:-1], -(-shape[-1] // 8))
    if tuple(bits.shape) != expected or is_floating(bits) or width_of(bits) != 1:
        raise MaskError(
            f"{weight!r} of shape {shape}: its bitmask has shape {tuple(bits.shape)}, "
            f"expected {expected} of bytes"
        )
    number = NUMBERS["F64" if width_of(kept) == 8 else "F32"]
    return BitmaskWeight(shape, number, _Bits(shape, NUMBERS["BOOL"], bits), kept)


def _shape(weight: str, stored: Any) -> tuple[int, ...]:
    """Read a shape, which is itself a tensor."""
    sides = tuple(stored.shape)
    is_list = 0 < math.prod(sides) == max(sides, default=0) <= _MOST_DIMENSIONS
    if not is_list or is_floating(stored):
        raise MaskError(f"{weight!r}: its shape is a tensor of shape {sides}")
    shape = tuple(int(side) for side in to_array(stored, weight).reshape(-1))
    if min(shape) < 0:
        raise MaskError(f"{weight!r} has the shape {shape}")
    return shape
