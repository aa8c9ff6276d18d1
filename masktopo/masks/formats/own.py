"""Masktopo's own mask file: bit-packed masks, weights without loss, a checksum over everything.

``docs/mask-file.md`` describes the format for readers in other languages.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo._files import atomic_write
from masktopo.errors import ArgumentError, CheckpointError, MaskError
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.own_header import (
    Entry,
    description,
    padding,
    parse_header,
)
from masktopo.masks.formats.stored import FileTensor, StoredFile, StoredTensor
from masktopo.masks.formats.stored_layer import StoredLayer
from masktopo.masks.maskset import MaskSet

__all__ = ["is_mask_file", "read_mask_file", "stored_masks", "write_mask_file"]

Bytes = NDArray[np.uint8]

MAGIC = b"\x89MTMASK\n"
VERSION = 1

_PREAMBLE = struct.Struct("<8sII")
_BLOCK = 2**20
_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True)
class _PackedMask(StoredTensor):
    """A mask of eight entries a byte."""

    packed: FileTensor

    def read(self) -> NDArray[Any]:
        """Unpack all bits."""
        bits = np.unpackbits(self.packed.read(), count=self.size, bitorder="little")
        return bits.view(np.bool_).reshape(self.shape)


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
    Equal masks give equal bytes. Cost: one pass over the weights, which the checksum dominates,
    and one more over layers that are read from another file on demand.
    """
    checksum = hashlib.sha256()
    with atomic_write(path) as file:
        for block in _blocks(masks, weights):
            checksum.update(block.data)
            file.write(block.data)
        file.write(checksum.digest())


def _blocks(masks: MaskSet, weights: bool) -> Iterator[Bytes]:
    """Yield the parts of the file before its checksum."""
    described = [description(layer, weights=weights) for layer in masks.values()]
    header = {"source": masks.source, "layers": described}
    text = json.dumps(header).encode()
    text += b" " * padding(len(text))
    yield np.frombuffer(_PREAMBLE.pack(MAGIC, VERSION, len(text)) + text, dtype=np.uint8)
    for layer in masks.values():
        yield from _padded(np.packbits(layer.mask, bitorder="little"))
        if weights and layer.weight is not None:
            little = layer.weight.astype(layer.weight.dtype.newbyteorder("<"), copy=False)
            yield from _padded(little.reshape(-1).view(np.uint8))


def _padded(block: Bytes) -> Iterator[Bytes]:
    yield block
    yield np.zeros(padding(block.size), dtype=np.uint8)


def read_mask_file(path: Path) -> MaskSet:
    """Read a mask file into memory, without the warnings of `load_masks`.

    Raises
    ------
    CheckpointError
        If a byte is missing, added or changed, or the version is another one.
    """
    layers = stored_masks(path)
    try:
        return MaskSet([layer.read() for layer in layers], source=str(path))
    except (MaskError, ArgumentError) as error:
        raise CheckpointError(f"{path} describes an impossible layer: {error}") from error


def stored_masks(path: Path) -> list[StoredLayer]:
    """Check a mask file from end to end, and find its layers; their arrays stay in the file.

    Parameters
    ----------
    path : path
        A file that `write_mask_file` wrote.

    Returns
    -------
    list of StoredLayer
        The layers that were written.

    Raises
    ------
    CheckpointError
        If a byte is missing, added or changed, or the version is another one.
    """
    file = StoredFile.at(path)
    header_size = _header_size(file)
    with path.open("rb") as opened:
        opened.seek(_PREAMBLE.size)
        entries = parse_header(path, opened.read(header_size))
    start = _PREAMBLE.size + header_size
    _check_size(file, entries, start)
    _check_sum(file)
    return list(_layers(file, entries, start))


def _header_size(file: StoredFile) -> int:
    """Return the length of the header, after checks that it is of this version and fits."""
    path, size = file.path, file.size
    with path.open("rb") as opened:
        preamble = opened.read(_PREAMBLE.size)
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


def _check_size(file: StoredFile, entries: list[Entry], start: int) -> None:
    """Raise unless the file is as long as its header says, before anything is unpacked."""
    expected = start + sum(entry.room for entry in entries) + _DIGEST_SIZE
    if file.size != expected:
        what = "truncated" if file.size < expected else "too long"
        raise CheckpointError(
            f"{file.path} is {what} or damaged: it has {file.size} bytes, but its header "
            f"describes {expected}"
        )


def _check_sum(file: StoredFile) -> None:
    """Raise unless the last bytes are the checksum of all others."""
    checksum, rest = hashlib.sha256(), file.size - _DIGEST_SIZE
    with file.path.open("rb") as opened:
        while block := opened.read(min(rest, _BLOCK)):
            checksum.update(block)
            rest -= len(block)
        stored = opened.read()
    if checksum.digest() != stored:
        raise CheckpointError(f"{file.path} is damaged: its bytes do not give its SHA-256 checksum")


def _layers(file: StoredFile, entries: list[Entry], start: int) -> Iterator[StoredLayer]:
    """Yield the layers whose blocks begin at `start`."""
    for entry in entries:
        packed = FileTensor((entry.mask_bytes,), NUMBERS["U8"], file, start)
        weight = None
        if entry.weight is not None:
            first = start + entry.mask_bytes + padding(entry.mask_bytes)
            weight = FileTensor(entry.shape, NUMBERS[entry.weight], file, first)
        yield StoredLayer(
            entry.name,
            entry.kind,
            _PackedMask(entry.shape, NUMBERS["BOOL"], packed),
            weight,
            entry.origin,
            entry.name,
            groups=entry.groups,
            aliases=entry.aliases,
            assumed=entry.assumed,
        )
        start += entry.room
