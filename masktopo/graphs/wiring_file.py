"""Wirings as files, so that a network's graph is built again without the model.

``docs/wiring-file.md`` describes the file for readers in other languages.
"""

import json
import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from masktopo._files import atomic_write
from masktopo.errors import WiringFileError
from masktopo.graphs.strict_json import parse
from masktopo.graphs.wiring import Wiring
from masktopo.graphs.wiring_reader import wiring_of
from masktopo.graphs.wiring_writer import document

__all__ = ["MOST_BYTES", "load_wiring", "save_wiring"]

MOST_BYTES = 2**24
"""Longest file that is read."""


def save_wiring(wiring: Wiring, path: str | os.PathLike[str]) -> None:
    """Write a wiring to `path`, which is replaced only when the new file is complete.

    Parameters
    ----------
    wiring : Wiring
    path : path

    Raises
    ------
    WiringFileError
        If `load_wiring` would refuse the file, because the wiring is beyond its bounds.

    Notes
    -----
    Equal wirings give equal bytes. O(size of the views): well under a second for any network
    in use.

    Examples
    --------
    >>> import tempfile, masktopo
    >>> import numpy as np
    >>> from masktopo.graphs.order import wiring_from_order
    >>> masks = masktopo.MaskSet([masktopo.LayerMask("fc", np.eye(3, dtype=bool))])
    >>> path = Path(tempfile.mkdtemp()) / "net.json"
    >>> save_wiring(wiring_from_order(masks), path)
    >>> masktopo.load_wiring(path).layer_names
    ('fc',)
    """
    data = "\n".join([*_lines(document(wiring)), ""]).encode()
    _wiring_of(data, f"the wiring cannot be saved as {path}")
    with atomic_write(path) as file:
        file.write(data)


def load_wiring(path: str | os.PathLike[str]) -> Wiring:
    """Read a wiring that `Wiring.save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Wiring
        Equal to the one that was saved.

    Raises
    ------
    WiringFileError
        If the file cannot be read, is damaged or truncated, is of another version, or holds no
        possible wiring; the message names the place in the file.

    Notes
    -----
    O(size of the file and of the maps in it). What a file can make a reader take is bounded,
    whatever is in it: 16 MB of the worst JSON took 0.6 GB and 7 s.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise WiringFileError(f"{path}: {error.strerror}") from error
    return _wiring_of(data, os.fspath(path))


def _wiring_of(data: bytes, name: str) -> Wiring:
    if len(data) > MOST_BYTES:
        raise WiringFileError(f"{name}: more than {MOST_BYTES} bytes, which no wiring takes")
    return wiring_of(parse(data, name))


def _lines(entries: dict[str, Any]) -> Iterator[str]:
    """Write an object with a line for each field, and for each item of a list."""
    yield "{"
    last = len(entries) - 1
    for at, (name, value) in enumerate(entries.items()):
        comma = "" if at == last else ","
        if isinstance(value, list | tuple) and value:
            yield f"{json.dumps(name)}: ["
            yield ",\n".join(map(_line, value))
            yield f"]{comma}"
        else:
            yield f"{json.dumps(name)}: {_line(value)}{comma}"
    yield "}"


def _line(value: Any) -> str:
    # NumPy's integers are no integers to json.
    return json.dumps(value, separators=(",", ":"), default=operator.index)
