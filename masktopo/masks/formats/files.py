"""Opening a file of masks, whatever its format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo.errors import CheckpointError
from masktopo.masks.formats.registry import CONTAINERS, Container
from masktopo.masks.maskset import MaskSet

__all__ = ["read_file"]

_HEAD = 16


def read_file(path: Path) -> Mapping[Any, Any] | MaskSet:
    """Read a file as a nested dict of tensors, or as masks where it is masktopo's own.

    Raises
    ------
    CheckpointError
        If the file is missing, empty, damaged or of no known format; it is named.
    UnsafeCheckpointError
        If the file could run code when opened.
    """
    try:
        return _container(path).read(path)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def _container(path: Path) -> Container:
    """Recognise the file by its first bytes."""
    known = ", ".join(container.title for container in CONTAINERS)
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; masktopo reads single files: {known}")
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise CheckpointError(f"{path} is empty (0 bytes)")
    for container in CONTAINERS:
        if container.matches(head):
            return container
    raise CheckpointError(
        f"{path} is of no format that masktopo reads (it begins with {head!r}); "
        f"expected one of: {known}"
    )
