"""Parts of a training, or of a layer, in whole numbers."""

__all__ = ["part_of"]


def part_of(part: float, whole: int) -> float:
    """Return `part` of `whole`; where a whole number is meant, it is one.

    Examples
    --------
    >>> 0.28 * 100, part_of(0.28, 100)
    (28.000000000000004, 28.0)
    """
    return round(part * whole, 6)
