"""Dicts that make their own entries, inside files of ``torch.save``.

``torch.ao.pruning`` keeps its masks in a ``defaultdict``, which torch's safe mode does not make.
What it would make missing entries of does not matter for reading, so a plain dict serves.
"""

from typing import Any

__all__ = ["CONTAINER_STAND_INS"]


class _Factory:
    """Stands in for the type that a ``defaultdict`` fills itself with; never called."""


def _plain_dict(*_: Any) -> dict[Any, Any]:
    """Stand in for ``collections.defaultdict``."""
    return {}


CONTAINER_STAND_INS = (
    (_plain_dict, "collections.defaultdict"),
    (_Factory, "builtins.dict"),
    (_Factory, "builtins.list"),
    (_Factory, "builtins.int"),
    (_Factory, "builtins.float"),
)
"""What torch's safe mode calls, and under which name of Python's."""
