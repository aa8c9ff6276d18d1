"""Files that end with the SHA-256 of what comes before, so that no changed bit goes unnoticed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from masktopo._files import atomic_write
from masktopo.errors import RunError

__all__ = ["check_sealed", "sealed_write"]

_SEAL_BYTES = hashlib.sha256().digest_size
_CHUNK = 1 << 20


class _Hashing:
    """A binary file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.total = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.total.update(content)
        return self._file.write(content)


@contextmanager
def sealed_write(path: Path) -> Iterator[_Hashing]:
    """Open a binary file as `atomic_write` does; it gets its seal when the block ends.

    A ``.npy`` file can be read and mapped with its seal behind it, since NumPy goes by the shape.
    """
    with atomic_write(path) as file:
        hashing = _Hashing(file)
        yield hashing
        file.write(hashing.total.digest())


def check_sealed(path: Path) -> None:
    """Raise a RunError unless the file is as `sealed_write` wrote it. Cost: a pass over it."""
    try:
        with path.open("rb") as file:
            left = path.stat().st_size - _SEAL_BYTES
            total = hashlib.sha256()
            while left > 0 and (chunk := file.read(min(left, _CHUNK))):
                total.update(chunk)
                left -= len(chunk)
            seal = file.read()
    except OSError as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
    if seal != total.digest():
        raise RunError(f"{path} is damaged: it does not have its checksum")
