"""What a pickle would import, read from its instructions without following them."""

import pickletools
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["code_in", "open_pickle"]

_HARMLESS = ("torch.", "numpy.", "collections.", "_codecs.encode", "builtins.set")
"""What torch's safe mode allows anyway, or names by itself where it does not."""


def code_in(path: Path) -> list[str]:
    """List what a pickle would import, beyond torch, NumPy and plain containers.

    ``torch.load`` stops at the first instruction of a later pickle protocol, before it has seen
    any name; this reads the instructions without following them.
    """
    found: dict[str, None] = {}
    try:
        with open_pickle(path) as (file, _):
            # An older file is a row of pickles, with bare numbers behind them.
            while file.peek(1):
                for name in _imports(file):
                    found[name] = None
    # As with torch.load, what a damaged pickle raises has no bounds.
    except Exception:
        pass
    return [name for name in found if not name.startswith(_HARMLESS)]


@contextmanager
def open_pickle(path: Path) -> Iterator[tuple[Any, int]]:
    """Open the pickle within a zip archive, or the file itself, and say how many bytes it has."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file, path.stat().st_size
        return
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        with archive.open(name) as record:
            yield record, archive.getinfo(name).file_size


def _imports(file: IO[bytes]) -> Iterator[str]:
    """Yield the ``module.name`` of everything that one pickle imports."""
    memo: dict[Any, str] = {}
    words = deque([""], maxlen=2)
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(words)
        elif "MEMOIZE" in opcode.name or "PUT" in opcode.name:
            memo[len(memo) if argument is None else argument] = words[-1]
        elif "GET" in opcode.name:
            words.append(memo.get(argument, ""))
        else:
            words.append(argument if isinstance(argument, str) else "")
