"""Progress bars: one rule for when they show."""

import sys

__all__ = ["shows_progress"]


def shows_progress(progress: bool | None) -> bool:
    """Return what was asked for, or by default whether standard error is a terminal."""
    return sys.stderr.isatty() if progress is None else progress
