"""Masktopo's own mask file: bit-packed masks, weights without loss, a checksum over everything.

``docs/mask-file.md`` describes the format for readers in other languages.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo._files import atomic_write
from masktopo.errors import ArgumentError, CheckpointError, MaskError
from masktopo.masks.formats.own_header import (
    WEIGHT_TYPES,
    Entry,
    description,
    padding,
    parse_header,
)
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["is_mask_file", "read_mask_file", "write_mask_file"]

Bytes = NDArray[np.uint8]

MAGIC = b"\x89MTMASK\n"
VERSION = 1

_PREAMBLE = struct.Struct("<8sII")
_DIGEST_SIZE = hashlib.sha256().digest_size


def is_mask_file(head: bytes) -> bool:
    """Whether the file begins as a mask file does."""
    return head.startswith(MAGIC)


def write_mask_file(masks: MaskSet, path: str | os.PathLike[str], *, weights: bool = True) -> None:
    """Write masks to `path`, which is replaced only when the new file is complete.

    Parameters
    ----------
    masks : MaskSet
        The masks, in the order in which they are to be read.
    path : path
        The file.
    weights : bool
        Whether to store the weights that are known.

    Notes
    -----
    Equal masks give equal bytes. Cost: one pass over the weights, which the checksum dominates.
    """
    checksum = hashlib.sha256()
    with atomic_write(path) as file:
        for block in _blocks(masks, weights):
            checksum.update(block.data)
            file.write(block.data)
        file.write(checksum.digest())


def _blocks(masks: MaskSet, weights: bool) -> Iterator[Bytes]:
    """Yield the parts of the file before its checksum."""
    layers = [layer if weights else layer.with_weight(None) for layer in masks.values()]
    header = {"source": masks.source, "layers": [description(layer) for layer in layers]}
    text = json.dumps(header).encode()
    text += b" " * padding(len(text))
    yield np.frombuffer(_PREAMBLE.pack(MAGIC, VERSION, len(text)) + text, dtype=np.uint8)
    for layer in layers:
        yield from _padded(np.packbits(layer.mask, bitorder="little"))
        if layer.weight is not None:
            little = layer.weight.astype(WEIGHT_TYPES[layer.weight.dtype.name], copy=False)
            yield from _padded(little.reshape(-1).view(np.uint8))


def _padded(block: Bytes) -> Iterator[Bytes]:
    yield block
    yield np.zeros(padding(block.size), dtype=np.uint8)


def read_mask_file(path: Path) -> MaskSet:
    """Read a mask file.

    Parameters
    ----------
    path : path
        A file that `write_mask_file` wrote.

    Returns
    -------
    MaskSet
        The masks that were written, with `path` as their source. Weights are views of one
        read-only buffer.

    Raises
    ------
    CheckpointError
        If a byte is missing, added or changed, or the version is another one.
    """
    header_size = _header_size(path)
    data = np.fromfile(path, dtype=np.uint8)
    start = _PREAMBLE.size + header_size
    entries = parse_header(path, data[_PREAMBLE.size : start].tobytes())
    _check_size(path, entries, start, data.size)
    if hashlib.sha256(data[:-_DIGEST_SIZE].data).digest() != data[-_DIGEST_SIZE:].tobytes():
        raise CheckpointError(f"{path} is damaged: its bytes do not give its SHA-256 checksum")
    try:
        return MaskSet(_layers(entries, data, start), source=str(path))
    except (MaskError, ArgumentError) as error:
        raise CheckpointError(f"{path} describes an impossible layer: {error}") from error


def _header_size(path: Path) -> int:
    """Return the length of the header, after checks that it is of this version and fits."""
    size = path.stat().st_size
    with path.open("rb") as file:
        preamble = file.read(_PREAMBLE.size)
    if len(preamble) < _PREAMBLE.size:
        raise CheckpointError(f"{path} is truncated: it has only {size} bytes")
    _, version, header_size = _PREAMBLE.unpack(preamble)
    if version != VERSION:
        raise CheckpointError(
            f"{path} is a mask file of version {version}; this masktopo reads version {VERSION}"
        )
    if _PREAMBLE.size + header_size + _DIGEST_SIZE > size:
        raise CheckpointError(
            f"{path} is truncated or damaged: a header of {header_size} bytes does not fit "
            f"into its {size} bytes"
        )
    return int(header_size)


def _check_size(path: Path, entries: list[Entry], start: int, size: int) -> None:
    """Raise unless the file is as long as its header says, before anything is unpacked."""
    expected = start + sum(entry.room for entry in entries) + _DIGEST_SIZE
    if size != expected:
        what = "truncated" if size < expected else "too long"
        raise CheckpointError(
            f"{path} is {what} or damaged: it has {size} bytes, but its header describes {expected}"
        )


def _layers(entries: list[Entry], data: Bytes, start: int) -> Iterator[LayerMask]:
    """Yield the layers whose blocks begin at `start`."""
    for entry in entries:
        block = data[start : start + entry.room]
        bits = np.unpackbits(block[: entry.mask_bytes], count=entry.size, bitorder="little")
        yield LayerMask(
            entry.name,
            bits.view(np.bool_).reshape(entry.shape),
            _weight(entry, block),
            kind=entry.kind,
            groups=entry.groups,
            aliases=entry.aliases,
            origin=entry.origin,
        )
        start += entry.room


def _weight(entry: Entry, block: Bytes) -> Any:
    """Return the layer's weights as a view of its block, or None where there are none."""
    if entry.weight is None:
        return None
    first = entry.mask_bytes + padding(entry.mask_bytes)
    return block[first : first + entry.weight_bytes].view(entry.weight).reshape(entry.shape)
