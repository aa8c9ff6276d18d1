"""Files of tensors by name: written whole, and read only as they were written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.masks.torch_files import save_torch

__all__ = ["read_tensors", "write_tensors"]


def write_tensors(record: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values, whole or not at all."""
    with atomic_write(path) as file:
        save_torch(dict(record), file)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read what `write_tensors` wrote onto the CPU, without running any code that it may hold.

    Cost: two passes over the file, the first of which computes its checksums.

    Raises
    ------
    RunError
        If the file is missing, or a byte that matters is another than was written.
    """
    try:
        found = _load(path)
    except MemoryError:
        raise
    # What a damaged file makes zipfile and torch raise has no bounds, from KeyError to
    # NotImplementedError.
    except Exception as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} holds a {type(found).__name__}; expected tensors by name")
    return found


def _load(path: Path) -> Any:
    """Load a file of ``torch.save``, the checksums of which torch itself does not check."""
    with path.open("rb") as file, ZipFile(file) as archive:
        damaged = archive.testzip()
        if damaged is not None:
            raise BadZipFile(f"{damaged} does not have its checksum")
        # torch takes a member with such a flag for a folder, and leaves its tensor unfilled.
        if any(member.external_attr for member in archive.infolist()):
            raise BadZipFile("a member has attributes that torch does not write")
        file.seek(0)
        return torch.load(file, map_location="cpu", weights_only=True)
