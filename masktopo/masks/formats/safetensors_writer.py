"""Writing safetensors, one layer at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo._check import join_names
from masktopo._files import atomic_write
from masktopo.errors import MaskError
from masktopo.masks.formats.safetensors import ORDER
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import parameter_name

__all__ = ["write_safetensors"]

_CODES = {"bool": "BOOL", "float32": "F32", "float64": "F64"}


def write_safetensors(masks: MaskSet, path: Path) -> None:
    """Write weights that are zero where they are pruned or, without weights, masks of bool.

    Raises
    ------
    MaskError
        If only some layers have weights, or if a kept weight is 0, which would read as pruned.

    Notes
    -----
    Layers are read twice, once for the header.
    """
    weightless = [layer.name for layer in masks.values() if layer.weight is None]
    if weightless and len(weightless) < len(masks):
        raise MaskError(
            f"{masks.source}: no weights of {join_names(weightless)}, but of other layers; zeros "
            "cannot say both. Write .masks, .pt or .npz"
        )
    header = _header(masks)
    with atomic_write(path) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for layer in masks.values():
            file.write(_tensor(layer, masks.source).data)


def _header(masks: MaskSet) -> bytes:
    # Readers of the format sort names, and the order of the layers decides how they are wired.
    order = json.dumps({"order": [parameter_name(name) for name in masks]})
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", ORDER: order}}
    place = 0
    for name, dtype, shape, size in _described(masks):
        span = [place, place + size]
        entries[name] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": span}
        place += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def _described(masks: MaskSet) -> Iterator[tuple[str, str, tuple[int, ...], int]]:
    for layer in masks.values():
        values = layer.mask if layer.weight is None else layer.weight
        yield parameter_name(layer.name), values.dtype.name, layer.shape, values.nbytes


def _tensor(layer: LayerMask, source: str) -> NDArray[Any]:
    if layer.weight is None:
        return layer.mask
    lost = int(np.count_nonzero(layer.mask & (layer.weight == 0)))
    if lost:
        raise MaskError(
            f"{source}: {lost} kept weights of layer {layer.name!r} are 0 and would read as "
            "pruned. Write .masks, .pt or .npz"
        )
    values = np.where(layer.mask, layer.weight, layer.weight.dtype.type(0))
    little: NDArray[Any] = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return little
