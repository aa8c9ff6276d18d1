"""Progress bars: one rule for when they show."""

import sys

__all__ = ["shows_progress"]


def shows_progress(progress: bool | None) -> bool:
    """Return what was asked for, or by default whether somebody looks on.

    That is where standard error is a terminal, and in notebooks, which show it below the cell.
    """
    if progress is not None:
        return progress
    return sys.stderr.isatty() or "ipykernel" in sys.modules
