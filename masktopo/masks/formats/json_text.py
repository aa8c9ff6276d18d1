"""Headers in JSON, from files that may be forged."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo._check import join_names
from masktopo.errors import CheckpointError

__all__ = ["is_size", "parse_object"]

_FREE_BRACKETS = 64


def is_size(value: object) -> bool:
    """Whether a value of a header can be the side of a shape, or a place in a file.

    Longer integers are no such thing, and their products could not even be printed.

    Examples
    --------
    >>> is_size(3), is_size(-1), is_size(True), is_size(10**30)
    (True, False, False, False)
    """
    return type(value) is int and 0 <= value < 2**63


def parse_object(path: Path, text: bytes) -> dict[str, Any]:
    """Parse a JSON object in which no name occurs twice.

    Raises
    ------
    CheckpointError
        If it is damaged; `path` is named. Text of little else than brackets is refused as well,
        since each of its bytes would become an object of sixty.
    """
    if text.count(b"{") + text.count(b"[") > _FREE_BRACKETS + len(text) // 12:
        raise CheckpointError(
            f"{path} is damaged: its header cannot be read: it is little else than brackets"
        )
    try:
        found = json.loads(text, object_pairs_hook=_object)
    # Deep nesting, numbers of thousands of digits and text that is no UTF-8 raise different ones.
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its header cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is damaged: its header cannot be read: it is no object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = sorted(name for name, count in counts.items() if count > 1)
        raise ValueError(f"it has {join_names(twice, most=3)} more than once")
    return found
