"""Opening a file or folder of masks, whatever its format."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktopo.errors import CheckpointError
from masktopo.masks.formats.huggingface import is_index, read_index
from masktopo.masks.formats.registry import CONTAINERS, FOLDERS, Container, Content

__all__ = ["OpenedFile", "open_file"]

_HEAD = 4096


@dataclass(frozen=True)
class OpenedFile:
    """What a file holds.

    Parameters
    ----------
    path : path
        The file or folder.
    title : str
        What its format is called.
    files : tuple of path
        The files that were read for it.
    content : nested dict of tensors, or list of StoredLayer
        What is in it.
    """

    path: Path
    title: str
    files: tuple[Path, ...]
    content: Content

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.stat().st_size for file in self.files)


def open_file(path: Path) -> OpenedFile:
    """Open a file, recognised by its first bytes, or a folder, by the names of its files.

    Raises
    ------
    CheckpointError
        If it is missing, empty, damaged or of no known format; it is named.
    UnsafeCheckpointError
        If it could run code when opened.
    """
    try:
        return _open_folder(path) if path.is_dir() else _open_single(path)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def _open_single(path: Path) -> OpenedFile:
    head = _head(path)
    if is_index(head):
        members: list[Path] = []
        content = read_index(path, lambda member: _open_member(member, members))
        return OpenedFile(path, "index of shards", (path, *members), content)
    container = _container(path, head)
    return OpenedFile(path, container.title, (path,), container.read(path))


def _open_folder(path: Path) -> OpenedFile:
    """Read a folder by the first of `FOLDERS` that knows it."""
    members: list[Path] = []
    for folder in FOLDERS:
        if folder.matches(path):
            content = folder.read(path, lambda member: _open_member(member, members))
            return OpenedFile(path, folder.title, tuple(members), content)
    known = ", ".join(folder.title for folder in FOLDERS)
    raise CheckpointError(
        f"{path} is a folder of no kind that masktopo reads; expected one of: {known}. Name the "
        "file in it that holds the masks"
    )


def _open_member(path: Path, members: list[Path]) -> Mapping[Any, Any]:
    """Read one file of a folder, and take it down."""
    content = _container(path, _head(path)).read(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} is a mask file of its own; name it instead of its folder")
    members.append(path)
    return content


def _head(path: Path) -> bytes:
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise CheckpointError(f"{path} is empty (0 bytes)")
    return head


def _container(path: Path, head: bytes) -> Container:
    """Recognise a file by its first bytes."""
    for container in CONTAINERS:
        if container.matches(head):
            return container
    known = ", ".join(container.title for container in CONTAINERS)
    raise CheckpointError(
        f"{path} is of no format that masktopo reads (it begins with {head[:16]!r}); "
        f"expected one of: {known}"
    )
