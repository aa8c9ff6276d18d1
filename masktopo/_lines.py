"""Files that grow by a line at a time, and outlive an interruption at any moment."""

import os
from pathlib import Path

from masktopo._files import atomic_write

__all__ = ["append_line", "read_lines"]


def append_line(path: Path, line: str) -> None:
    """Append a line; it is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, *, repair: bool = True) -> list[str]:
    """Read all whole lines, none where there is no file.

    Parameters
    ----------
    path : path
    repair : bool
        Whether to cut off a last line that is not whole, before others are appended. Not for
        files that another process writes.

    Raises
    ------
    UnicodeDecodeError
        If the file is not text.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if repair and whole != text:
        with atomic_write(path) as file:
            file.write(whole.encode())
    return whole.splitlines()
