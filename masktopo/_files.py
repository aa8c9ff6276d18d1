"""Writing files so that an interruption leaves the old file whole."""

import errno
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["atomic_write", "remove_temporaries"]

_ABANDONED = 600
"""Seconds."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` only when the block ends without error.

    Parents are made as needed. The data is flushed to disk before the file is renamed. Where `path`
    is a link, the file that it leads to is written, and the link stays.

    Raises
    ------
    IsADirectoryError
        If `path` is a folder, before anything is written.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.is_symlink():
        # Path.resolve raises a RuntimeError where links lead in a circle.
        target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _take_usual_permissions(name)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_temporaries(folder: Path, names: Iterable[str]) -> None:
    """Remove what `atomic_write` left of files where the process was killed.

    What was written to within the last ten minutes stays: another process may be at it. Names may
    be patterns.
    """
    for name in names:
        for path in folder.glob(f".{name}.????????"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()


def _take_usual_permissions(name: str) -> None:
    """Give a file of `mkstemp`, which is private, the permissions of an ordinary new file."""
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)
