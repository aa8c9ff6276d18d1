"""Where a command writes: checked before its work begins, and named as the user named it."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masktopo.errors import ArgumentError, MasktopoError

__all__ = ["check_file", "check_folder", "writing"]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of an error of the system in the block that `path` cannot be written, and why.

    Raises
    ------
    ArgumentError
        In place of an ``OSError``, which often names a temporary file or nothing at all.
    """
    try:
        yield
    except MasktopoError:
        raise
    except OSError as error:
        raise ArgumentError(f"{path} cannot be written: {error.strerror or error}") from error


def check_file(path: Path) -> None:
    """Raise `ArgumentError` unless a file can be written at `path`; nothing is left behind."""
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if path.exists() and not path.is_file():
            # It would be replaced by a file, as /dev/null for root.
            raise FileExistsError(errno.EEXIST, "it is no ordinary file")
        _check_place(path.parent)


def check_folder(path: Path) -> None:
    """Raise `ArgumentError` unless files can be written into `path`, a folder that may be new."""
    with writing(path):
        _check_place(path)


def _check_place(folder: Path) -> None:
    """Raise unless files can be made in `folder`, or in its nearest parent that is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is no folder")
    # Permissions alone do not tell: file systems may be read-only, or map users.
    with tempfile.TemporaryFile(dir=there):
        pass
