"""Files of safetensors: tensors by name, and nothing that could run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo.errors import CheckpointError

__all__ = ["is_safetensors", "read_safetensors"]


_LONGEST_HEADER = 100_000_000


def is_safetensors(head: bytes) -> bool:
    """Whether the file begins with the length of a header, and the header with a brace."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def read_safetensors(path: Path) -> Mapping[str, Any]:
    """Read all tensors, in the natural order of their names.

    The format does not keep the order in which a network defines its layers; numbers within
    names are compared as numbers, which restores it for most.

    Raises
    ------
    CheckpointError
        If the header is damaged or does not fit the file.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in sorted(file.keys(), key=_natural)}
    # A damaged header makes the library raise its own error or any of the standard ones.
    except Exception as error:
        raise CheckpointError(f"{path} is truncated or damaged: {error}") from error


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key under which ``layer.2`` comes before ``layer.10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
