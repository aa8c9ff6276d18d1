"""Libraries that masktopo does without until an export needs one."""

import importlib
from typing import Any

from masktopo.errors import ArgumentError

__all__ = ["imported"]


def imported(name: str, package: str) -> Any:
    """Import a library, or say which package has it.

    Raises
    ------
    ArgumentError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ArgumentError(f"this export needs {name}: pip install '{package}'") from error
