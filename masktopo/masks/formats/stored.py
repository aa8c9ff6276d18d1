"""Tensors that lie in a file, and are read when their values are asked for."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import CheckpointError
from masktopo.masks.formats.number_types import Number
from masktopo.masks.formats.tally import Tally, tally_bits, tally_values

__all__ = ["FileTensor", "StoredFile", "StoredTensor"]

Values = NDArray[Any]

_BLOCK = 2**20
"""Bytes that are read at once. They stay in the cache while they are counted; of 128 KiB to 1 MiB,
this was the fastest."""


@dataclass(frozen=True)
class StoredFile:
    """A file as it was when it was opened, so that later changes do not go unnoticed."""

    path: Path
    size: int
    modified: int

    @classmethod
    def at(cls, path: Path) -> "StoredFile":
        """Take down the state of the file at `path`."""
        found = path.stat()
        return cls(path, found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """Raise `CheckpointError` if the file is another one by now."""
        try:
            now = StoredFile.at(self.path)
        except OSError as error:
            raise CheckpointError(f"{self.path} cannot be read any more: {error}") from error
        if now != self:
            raise CheckpointError(f"{self.path} has changed since it was opened")


@dataclass(frozen=True)
class StoredTensor(ABC):
    """A tensor whose values are read, or computed, on demand.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    number : Number
        The type of its values.
    """

    shape: tuple[int, ...]
    number: Number

    @abstractmethod
    def read(self) -> Values:
        """Return all values: bool, integers, float32 or float64."""

    @property
    def is_floating(self) -> bool:
        """Whether its values are floating-point numbers."""
        return self.number.is_floating

    @property
    def width(self) -> int:
        """Bytes that one value takes in memory."""
        return self.number.width

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def blocks(self) -> Iterator[Values]:
        """Yield the values in order, flat, in pieces that fit memory well."""
        yield self.read().reshape(-1)

    def tally(self) -> Tally:
        """Count what is not zero, and what is not finite."""
        return sum(map(tally_values, self.blocks()), Tally())


@dataclass(frozen=True)
class FileTensor(StoredTensor):
    """Numbers that lie in a file one after the other, in C order.

    Parameters
    ----------
    file : StoredFile
        The file.
    offset : int
        Where they begin.
    """

    file: StoredFile
    offset: int

    def read(self) -> Values:
        """Read and decode all numbers."""
        raw = np.empty(self.size, dtype=self.number.raw)
        with self._opened() as file:
            self._fill(file, raw)
        return self.number.decode(raw).reshape(self.shape)

    def blocks(self) -> Iterator[Values]:
        """Yield the values in order, flat, in pieces; each is overwritten by the next."""
        return map(self.number.decode, self._raw_blocks())

    def tally(self) -> Tally:
        """Count what is not zero, and what is not finite, on the bits alone."""
        if not self.is_floating:
            return super().tally()
        counted = (tally_bits(block, self.number) for block in self._raw_blocks())
        return sum(counted, Tally())

    def _raw_blocks(self) -> Iterator[Values]:
        buffer = np.empty(_BLOCK // self.number.itemsize, dtype=self.number.raw)
        with self._opened() as file:
            for first in range(0, self.size, buffer.size):
                block = buffer[: self.size - first]
                self._fill(file, block)
                yield block

    def _opened(self) -> Any:
        self.file.check()
        file = self.file.path.open("rb", buffering=0)
        file.seek(self.offset)
        return file

    def _fill(self, file: Any, raw: Values) -> None:
        """Read as many bytes as `raw` has room for; one call may give fewer."""
        room = raw.reshape(-1).view(np.uint8).data
        while room:
            count = file.readinto(room)
            if not count:
                raise CheckpointError(f"{self.file.path} ended while it was read")
            room = room[count:]
