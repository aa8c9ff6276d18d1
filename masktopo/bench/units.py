"""Seconds and counts in few characters."""

import math

__all__ = ["count_text", "ratio_text", "time_text"]

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def time_text(seconds: float) -> str:
    """Write seconds to three digits in a unit that suits.

    Examples
    --------
    >>> time_text(0.0012345), time_text(75.0), time_text(0.00099999), time_text(2e-7)
    ('1.23 ms', '75.0 s', '1.00 ms', '200 ns')
    """
    if not math.isfinite(seconds):
        return "-"
    rounded = float(f"{seconds:.3g}")
    scale, name = next((step for step in _TIMES if rounded >= step[0]), _TIMES[-1])
    number = rounded / scale
    text = f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}"
    return f"{text} {name}"


def count_text(count: int) -> str:
    """Write a count with separators.

    Examples
    --------
    >>> count_text(1116435)
    '1,116,435'
    """
    return f"{count:,}"


def ratio_text(ratio: float) -> str:
    """Write how many times as long something takes.

    Examples
    --------
    >>> ratio_text(0.456), ratio_text(12.34), ratio_text(1234.5)
    ('x0.46', 'x12.3', 'x1234')
    """
    digits = 2 if ratio < 10 else 1 if ratio < 100 else 0
    return f"x{ratio:.{digits}f}"
