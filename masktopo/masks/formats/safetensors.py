"""Files of safetensors: tensors by name, and nothing that could run.

The file begins with the length of a header in 8 bytes; the header is JSON, ``{name: {"dtype",
"shape", "data_offsets"}}``, with offsets into the bytes that follow it, which have no gaps. Beside
the tensors it may hold texts by name, ``__metadata__``.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo.errors import CheckpointError
from masktopo.masks.formats.json_text import is_size, parse_object
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.stored import FileTensor, StoredFile

__all__ = ["ORDER", "is_safetensors", "natural_order", "read_safetensors"]

ORDER = "masktopo"
"""Where the metadata has the names of all tensors in their order, as JSON: ``{"order": [...]}``."""

_LENGTH = 8
_MOST_DIMENSIONS = 64
_LONGEST_HEADER = 100_000_000


def is_safetensors(head: bytes) -> bool:
    """Whether the file begins with the length of a header, and the header with a brace."""
    return (
        head[_LENGTH : _LENGTH + 1] == b"{"
        and int.from_bytes(head[:_LENGTH], "little") <= _LONGEST_HEADER
    )


def read_safetensors(path: Path) -> dict[str, FileTensor]:
    """Find all tensors; their values stay in the file.

    The format does not keep the order in which a network defines its layers. Files of masktopo
    state it (`ORDER`), and it counts unless tensors were added or taken away since; others come
    in the natural order of their names, which is right for most.

    Raises
    ------
    CheckpointError
        If the header is damaged or does not fit the file, or the order in it cannot be read.
    """
    file = StoredFile.at(path)
    with path.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH), "little")
        if length > min(file.size - _LENGTH, _LONGEST_HEADER):
            raise CheckpointError(
                f"{path} is truncated or damaged: a header of {length} bytes does not fit into "
                f"its {file.size} bytes"
            )
        header = parse_object(path, opened.read(length))
    stated = _stated_order(path, header.pop("__metadata__", None))
    names = natural_order(header)
    if sorted(stated) == sorted(names):
        names = stated
    start = _LENGTH + length
    found = {name: _tensor(file, start, name, header[name]) for name in names}
    _check_layout(file, start, found)
    return found


def natural_order(names: Any) -> list[str]:
    """Sort names so that ``layer.2`` comes before ``layer.10``.

    Examples
    --------
    >>> natural_order(["layer.10", "layer.2"])
    ['layer.2', 'layer.10']
    """
    return sorted(names, key=_natural)


def _stated_order(path: Path, metadata: Any) -> list[str]:
    """Return the names that the metadata states, which may be any; none where it states nothing."""
    text = metadata.get(ORDER) if isinstance(metadata, Mapping) else None
    if text is None:
        return []
    order = None
    if isinstance(text, str):
        order = parse_object(path, text.encode(errors="surrogatepass")).get("order")
    if not isinstance(order, list) or not all(type(name) is str for name in order):
        raise CheckpointError(f"{path} is damaged: its metadata {ORDER!r} states no order of names")
    return order


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", name)
    # Compared by length first, digits are compared as numbers, however many there are.
    return [
        (len(digits := part.lstrip("0")), digits) if place % 2 else (0, part)
        for place, part in enumerate(parts)
    ]


def _tensor(file: StoredFile, start: int, name: str, entry: Any) -> FileTensor:
    """Turn one entry of the header into a tensor, after checks that it fits its bytes."""
    try:
        shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
        integers = all(map(is_size, (*shape, begin, end))) and len(shape) <= _MOST_DIMENSIONS
        code = entry["dtype"]
        if not integers or not isinstance(code, str):
            raise ValueError("shape and data_offsets must be integers, few and not negative")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file.path} is damaged: the entry of {name!r} cannot be read: {error}"
        ) from error
    if code not in NUMBERS:
        raise CheckpointError(
            f"{file.path}: {name!r} holds numbers of type {code}; expected one of "
            f"{', '.join(NUMBERS)}"
        )
    number = NUMBERS[code]
    expected = math.prod(shape) * number.itemsize
    if end - begin != expected:
        raise CheckpointError(
            f"{file.path} is damaged: {name!r} of type {code} and shape {shape} takes {expected} "
            f"bytes, but {end - begin} are given for it"
        )
    return FileTensor(shape, number, file, start + begin)


def _check_layout(file: StoredFile, start: int, found: dict[str, FileTensor]) -> None:
    """Raise unless the tensors fill the file, one after the other."""
    place = start
    for tensor in sorted(found.values(), key=lambda tensor: (tensor.offset, tensor.size)):
        if tensor.offset != place:
            raise CheckpointError(
                f"{file.path} is damaged: its tensors overlap or leave gaps at byte {place}"
            )
        place += tensor.size * tensor.number.itemsize
    if place != file.size:
        what = "truncated" if place > file.size else "too long"
        raise CheckpointError(
            f"{file.path} is {what} or damaged: it has {file.size} bytes, but its header "
            f"describes {place}"
        )
