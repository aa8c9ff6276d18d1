"""Counting zeros and faults among weights, block after block.

NumPy and not a kernel: over a file in the page cache both keep up with the reading, and a kernel
would first cost a third of a second for importing numba.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.masks.formats.number_types import Number

__all__ = ["Tally", "tally_bits", "tally_values"]


@dataclass(frozen=True)
class Tally:
    """How many values are not zero, and how many of these are nan or infinite."""

    nnz: int = 0
    faults: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.nnz + other.nnz, self.faults + other.faults)


def tally_bits(raw: NDArray[Any], number: Number) -> Tally:
    """Count over floating-point numbers as they lie in a file; -0 is zero, nan is not.

    The numbers lose their signs: a block of its own for their magnitudes would cost as much as
    the counting.

    Examples
    --------
    >>> from masktopo.masks.formats.number_types import NUMBERS
    >>> tally_bits(np.array([0x0000, 0x8000, 0x3F80, 0xFF80], dtype="<u2"), NUMBERS["BF16"])
    Tally(nnz=2, faults=1)
    """
    if not raw.size:
        return Tally()
    magnitude = np.bitwise_and(raw, raw.dtype.type(number.magnitude), out=raw)
    infinity = raw.dtype.type(number.infinity)
    faults = np.count_nonzero(magnitude >= infinity) if magnitude.max() >= infinity else 0
    return Tally(int(np.count_nonzero(magnitude)), int(faults))


def tally_values(values: NDArray[Any]) -> Tally:
    """Count over values in memory.

    Examples
    --------
    >>> tally_values(np.array([0.0, -0.0, 2.0, np.nan]))
    Tally(nnz=2, faults=1)
    """
    faults = values.size - np.count_nonzero(np.isfinite(values)) if values.dtype.kind == "f" else 0
    return Tally(int(np.count_nonzero(values)), int(faults))
