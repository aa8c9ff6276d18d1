"""A folder of files, or an archive of one, seen the same way."""

import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from masktopo.errors import DataError

__all__ = ["FileTree", "open_tree"]

Files = dict[str, Path | bytes]


@dataclass(frozen=True, eq=False)
class FileTree:
    """The files below a folder or within a tar archive.

    Parameters
    ----------
    path : Path
        The folder or archive.
    fingerprint : str
        Hex. That of an archive is of its content. That of a folder also tells where it lies and
        which files these are; it changes when one is added, removed, replaced or written, even
        where name, size and time of modification stay. (On Windows a file that is written in
        place must get another size or time.)
    listing : callable
        Gives `files`.
    """

    path: Path
    fingerprint: str
    listing: Callable[[], Files]

    @cached_property
    def files(self) -> Files:
        """Name relative to `path`, ``/`` between its parts -> the file, or its content."""
        return self.listing()

    def find(self, name: str) -> str | None:
        """Return the file of that name, at any depth; the shallowest of several."""
        found = [path for path in self.files if path == name or path.endswith(f"/{name}")]
        return min(found, key=len, default=None)

    def below(self, folder: str) -> "FileTree":
        """Return the files below `folder`, named relative to it."""
        start = f"{folder}/"
        found = {
            name.removeprefix(start): file
            for name, file in self.files.items()
            if name.startswith(start)
        }
        return FileTree(self.path / folder, self.fingerprint, lambda: found)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        content = self.files[name]
        try:
            return content if isinstance(content, bytes) else content.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path / name} cannot be read: {error}") from error


def open_tree(path: Path) -> FileTree:
    """Return what is below a folder, or in a tar archive, compressed or not.

    An archive is read into memory, and only when its files are asked for. Nothing is unpacked to
    disk, so no name in an archive can lead outside of it.

    Raises
    ------
    DataError
        If there is nothing at `path`, or what is there or below cannot be read, such as a link
        that leads nowhere or in a circle; it is named.
    """
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise DataError(f"{path} does not exist; expected a folder or a tar archive")
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{error.filename or path} cannot be read: {error.strerror}; expected a file, a folder "
            "or a link to one"
        ) from error
    return FileTree(path, fingerprint, lambda: _read_archive(path))


def _open_folder(path: Path) -> FileTree:
    entries = dict(sorted(_walk(path, "", ())))
    files: Files = {name: Path(entry.path) for name, entry in entries.items()}
    return FileTree(path, _folder_fingerprint(path, entries), lambda: files)


def _walk(
    folder: str | Path, prefix: str, above: tuple[str, ...]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield name and entry of every file below `folder`, which lies in the folders `above`."""
    real = os.path.realpath(folder)
    if real in above:
        raise DataError(
            f"{folder} leads back to {real}, which it lies in; expected no circle of links"
        )
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", (*above, real))
            else:
                yield f"{prefix}{entry.name}", entry


def _folder_fingerprint(path: Path, entries: dict[str, os.DirEntry[str]]) -> str:
    """Return the SHA-256 over names and what the file system knows; reading all takes too long.

    Name, size and time of modification are not enough: archives that are made reproducibly and
    ``cp -p`` set that time. What no program sets is the inode and the time of its last change.
    """
    total = hashlib.sha256(os.fsencode(path.resolve()))
    for name, entry in entries.items():
        status = entry.stat()
        found = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        total.update(b"\0" + os.fsencode(name) + repr(found).encode())
    return total.hexdigest()


def _read_archive(path: Path) -> Files:
    """Read the files of an archive.

    Raises
    ------
    DataError
        If it is damaged, or none.
    """
    try:
        with tarfile.open(path) as archive:
            found = ((member.name, _content(archive, member, path)) for member in archive)
            files = {
                str(PurePosixPath(name)): content for name, content in found if content is not None
            }
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path} is damaged or no tar archive: {error}") from error
    return dict(sorted(files.items()))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes | None:
    """Read one member, or the one that it links to; None where it is a folder or the like."""
    try:
        file = archive.extractfile(member)
    except (KeyError, RecursionError) as error:
        raise DataError(
            f"{path / member.name} is a link to {member.linkname}, which leads to no file of the "
            "archive"
        ) from error
    return file.read() if file else None
