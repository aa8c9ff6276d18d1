"""Files of NumPy: ``.npz`` archives of arrays by name, and single ``.npy`` arrays."""

import ast
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import CheckpointError, UnsafeCheckpointError
from masktopo.masks.formats.archives import open_archive
from masktopo.masks.formats.json_text import is_size
from masktopo.masks.formats.number_types import NUMBERS, Number, truth_values
from masktopo.masks.formats.stored import StoredFile, StoredTensor

__all__ = ["is_npy", "is_npz", "read_npy", "read_npz"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_MOST_DIMENSIONS = 64
_PREAMBLE = {1: struct.Struct("<H"), 2: struct.Struct("<I"), 3: struct.Struct("<I")}
_DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)
_KINDS = {"f": "F", "i": "I", "u": "U"}


def is_npz(head: bytes) -> bool:
    """Whether the file is a zip archive whose first member is a ``.npy`` file."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return head.startswith(b"PK\x03\x04") and name.endswith(b".npy")


def is_npy(head: bytes) -> bool:
    """Whether the file begins as a ``.npy`` file does."""
    return head.startswith(_MAGIC)


def read_npz(path: Path) -> dict[str, StoredTensor]:
    """Find all arrays of numbers, by name; their values stay in the file.

    Raises
    ------
    CheckpointError
        If the archive or an array's header is damaged, or does not fit the file.
    UnsafeCheckpointError
        If an array holds Python objects, which could run code.
    """
    file = StoredFile.at(path)
    found = {}
    with open_archive(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                continue
            try:
                with archive.open(member) as opened:
                    array = _array(file, opened, member.file_size, member.filename)
            except _DAMAGE as error:
                raise CheckpointError(f"{path} is truncated or damaged: {error}") from error
            if array is not None:
                found[name] = array
    return found


def read_npy(path: Path) -> dict[str, StoredTensor]:
    """Find the one array of a ``.npy`` file, under the name ``weight``.

    Raises
    ------
    CheckpointError
        If its header is damaged, or does not fit the file.
    UnsafeCheckpointError
        If it holds Python objects.
    """
    file = StoredFile.at(path)
    with path.open("rb") as opened:
        array = _array(file, opened, file.size, None)
    return {} if array is None else {"weight": array}


@dataclass(frozen=True)
class _Array(StoredTensor):
    """An array in a file of its own, or in a member of an archive.

    Parameters
    ----------
    file : StoredFile
        The file.
    member : str or None
        Name within the archive; None where there is no archive.
    offset : int
        Where the numbers begin, in the file or the member.
    dtype : dtype
        Their type, as NumPy has it.
    is_fortran : bool
        Whether the first index runs fastest.
    """

    file: StoredFile
    member: str | None
    offset: int
    dtype: np.dtype[Any]
    is_fortran: bool

    def read(self) -> NDArray[Any]:
        """Read all numbers."""
        self.file.check()
        raw = np.empty(self.size, dtype=self.dtype)
        with self.file.path.open("rb") as file:
            if self.member is None:
                self._fill(file, raw)
            else:
                with open_archive(self.file.path) as archive, archive.open(self.member) as member:
                    self._fill(member, raw)
        values = raw.reshape(self.shape[::-1]).T if self.is_fortran else raw.reshape(self.shape)
        if self.dtype == np.bool_:
            return truth_values(values.view(np.uint8))
        wide = np.float32 if self.is_floating and self.dtype.itemsize < 4 else self.dtype
        native: NDArray[Any] = values.astype(np.dtype(wide).newbyteorder("="), copy=False)
        return native

    def _fill(self, opened: IO[bytes], raw: NDArray[Any]) -> None:
        try:
            opened.seek(self.offset)
            room = raw.view(np.uint8).data
            while room:
                count = opened.readinto(room)  # type: ignore[attr-defined]
                if not count:
                    raise CheckpointError(f"{self.file.path} ended while it was read")
                room = room[count:]
        except _DAMAGE as error:
            raise CheckpointError(f"{self.file.path} is truncated or damaged: {error}") from error


def _array(
    file: StoredFile, opened: IO[bytes], size: int, member: str | None
) -> StoredTensor | None:
    """Read the header of an array that takes `size` bytes; None if it holds no numbers."""
    where = str(file.path) if member is None else f"{file.path}: {member!r}"
    try:
        offset, header = _header(opened)
        dtype, shape = np.dtype(header["descr"]), tuple(header["shape"])
        fits = all(map(is_size, shape)) and len(shape) <= _MOST_DIMENSIONS
        if not fits or type(header["fortran_order"]) is not bool:
            raise ValueError(f"shape {shape[:6]}")
    # The header is a Python literal; what a damaged one raises has no bounds.
    except Exception as error:
        raise CheckpointError(f"{where} is truncated or damaged: {error}") from error
    if dtype.hasobject:
        raise UnsafeCheckpointError(
            f"{where} holds Python objects, which could run code; save arrays of numbers"
        )
    number = _number(dtype)
    if number is None:
        return None
    expected = offset + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise CheckpointError(
            f"{where} is truncated or damaged: it has {size} bytes, but its header describes "
            f"{expected}"
        )
    return _Array(shape, number, file, member, offset, dtype, header["fortran_order"])


def _header(opened: IO[bytes]) -> tuple[int, dict[str, Any]]:
    """Return where the numbers begin, and what the header says of them."""
    magic = opened.read(len(_MAGIC) + 2)
    if magic[: len(_MAGIC)] != _MAGIC or magic[-2] not in _PREAMBLE:
        raise ValueError(f"it begins with {magic!r}")
    preamble = _PREAMBLE[magic[-2]]
    (length,) = preamble.unpack(opened.read(preamble.size))
    if length > _LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = ast.literal_eval(opened.read(length).decode("latin1"))
    return len(magic) + preamble.size + length, header


def _number(dtype: np.dtype[Any]) -> Number | None:
    if dtype.kind == "b":
        return NUMBERS["BOOL"]
    return NUMBERS.get(f"{_KINDS.get(dtype.kind)}{8 * dtype.itemsize}")
